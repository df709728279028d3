//! Contenders measured in turn, so that whatever else the machine does hits all of them alike.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

/// Somebody who can do a thing so many times, and says how long that took.
pub struct Contender<'a> {
    name: &'a str,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// What one contender's thing takes.
pub struct Figure {
    name: String,
    /// Seconds a time, of each round.
    rounds: Vec<f64>,
}

/// How many rounds each contender has.
const ROUNDS: usize = 41;

/// How often two threads try to run side by side, and how much longer than they were busy that may take.
const TRIES: usize = 4;
const SIDE_BY_SIDE: f64 = 1.2;

/// How long a round of quick things takes, about.
const ROUND: Duration = Duration::from_millis(10);

impl<'a> Contender<'a> {
    pub fn new(name: &'a str, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// One that does its thing on this thread and waits for nobody: the time of the processor counts, so that other
    /// programs don't.
    pub fn of<T>(name: &'a str, call: impl Fn() -> T + 'a) -> Self {
        Self::new(name, move |times| busy(times, &call))
    }

    /// The same on two threads at once, so many times on each. A round in which other programs kept them from running
    /// side by side is done again.
    pub fn on_two_threads<T>(name: &'a str, call: impl Fn() -> T + Sync + 'a) -> Self {
        Self::new(name, move |times| {
            let mut rounds = (0..TRIES).map(|_| side_by_side(times, &call));
            let fair = rounds.find(|(busy, passed)| passed.as_secs_f64() <= busy.as_secs_f64() * SIDE_BY_SIDE);
            fair.unwrap_or_else(|| side_by_side(times, &call)).0
        })
    }

    /// One that asks and waits for the answer, as a task of a service does.
    pub fn asking<F>(name: &'a str, runtime: &'a Runtime, ask: impl Fn() -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        Self::new(name, move |times| {
            let ask = ask.clone();
            let task = runtime.spawn(async move {
                let started = Instant::now();
                for _ in 0..times {
                    ask().await;
                }
                started.elapsed()
            });
            runtime.block_on(task).expect("no panic")
        })
    }

    /// How many times fill a round.
    fn times(&mut self) -> u64 {
        let mut times = 1;
        loop {
            // The first of a kind may meet cold caches.
            let taken = (0..3).map(|_| (self.run)(times)).min().unwrap_or_default();
            if taken * 4 >= ROUND {
                return (times as f64 * ROUND.as_secs_f64() / taken.as_secs_f64()).max(1.0) as u64;
            }
            times *= 4;
        }
    }
}

/// What so many calls take of this thread's processor time.
fn busy<T>(times: u64, call: &impl Fn() -> T) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let started = now();
    (0..times).for_each(|_| drop(call()));
    now() - started
}

/// What each of two threads takes of processor time, and how much time passes.
fn side_by_side<T>(times: u64, call: &(impl Fn() -> T + Sync)) -> (Duration, Duration) {
    let start = Barrier::new(2);
    let begin = || {
        start.wait();
        let started = Instant::now();
        (busy(times, call), started.elapsed())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(begin), scope.spawn(begin)];
        let [(one, passed), (two, passed_too)] = threads.map(|thread| thread.join().expect("no panic"));
        ((one + two) / 2, passed.max(passed_too))
    })
}

/// Measures them in turn, round by round.
pub fn compare(mut contenders: Vec<Contender<'_>>) -> Vec<Figure> {
    let times: Vec<_> = contenders.iter_mut().map(Contender::times).collect();
    let mut figures: Vec<_> =
        contenders.iter().map(|it| Figure { name: it.name.to_owned(), rounds: Vec::new() }).collect();
    for _ in 0..ROUNDS {
        for ((contender, times), figure) in contenders.iter_mut().zip(&times).zip(&mut figures) {
            figure.rounds.push((contender.run)(*times).as_secs_f64() / *times as f64);
        }
    }
    figures
}

impl Figure {
    /// The median of all rounds, in seconds.
    pub fn seconds(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// How many times what the other takes: the median over the rounds of both.
    pub fn against(&self, other: &Self) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other).collect())
    }
}

/// A table of the first figure against all others.
pub fn print(title: &str, figures: &[Figure]) {
    println!("| {title} | takes | of that |\n| --- | --- | --- |");
    for figure in figures {
        println!("| {} | {} | {:.2} |", figure.name, time(figure.seconds()), figure.against(&figures[0]));
    }
    println!();
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A time span for people.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s => format!("{:.2} ms", s * 1e3),
    }
}
