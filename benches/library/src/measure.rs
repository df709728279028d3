//! Measures contenders in turn, so that other load on the machine affects all of them alike.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

/// An operation to measure: it runs a number of times, and returns how long that took.
pub struct Contender<'a> {
    name: &'a str,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

/// The measured times of a contender.
pub struct Figure {
    name: String,
    /// Seconds for one run of the operation, by round.
    rounds: Vec<f64>,
}

/// Rounds of each contender.
const ROUNDS: usize = 41;

/// Attempts at a round in which two threads run in parallel.
const ATTEMPTS: usize = 4;

/// The largest ratio of elapsed time to processor time at which threads count as parallel.
const PARALLEL: f64 = 1.2;

/// The approximate duration of a round.
const ROUND: Duration = Duration::from_millis(10);

impl<'a> Contender<'a> {
    pub fn new(name: &'a str, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// An operation on this thread that never waits. Processor time is measured, so that other
    /// programs don't distort it.
    pub fn on_one_thread<T>(name: &'a str, call: impl Fn() -> T + 'a) -> Self {
        Self::new(name, move |times| busy(times, &call))
    }

    /// An operation on two threads at once. A round in which other programs kept the threads from
    /// running in parallel is repeated.
    pub fn on_two_threads<T>(name: &'a str, call: impl Fn() -> T + Sync + 'a) -> Self {
        Self::new(name, move |times| {
            let mut rounds = (0..ATTEMPTS).map(|_| in_parallel(times, &call));
            let fair = rounds.find(|(busy, elapsed)| elapsed.as_secs_f64() <= busy.as_secs_f64() * PARALLEL);
            fair.unwrap_or_else(|| in_parallel(times, &call)).0
        })
    }

    /// An operation that waits for a response, in a task of the runtime. Elapsed time is measured.
    pub fn in_task<F>(name: &'a str, runtime: &'a Runtime, call: impl Fn() -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        Self::new(name, move |times| {
            let call = call.clone();
            let task = runtime.spawn(async move {
                let started = Instant::now();
                for _ in 0..times {
                    call().await;
                }
                started.elapsed()
            });
            runtime.block_on(task).expect("no panic")
        })
    }

    /// How often the operation runs in a round.
    fn times(&mut self) -> u64 {
        let mut times = 1;
        loop {
            // The minimum, because the first run may find cold caches.
            let taken = (0..3).map(|_| (self.run)(times)).min().unwrap_or_default();
            if taken * 4 >= ROUND {
                return (times as f64 * ROUND.as_secs_f64() / taken.as_secs_f64()).max(1.0) as u64;
            }
            times *= 4;
        }
    }
}

/// The processor time that this thread spends on the calls.
fn busy<T>(times: u64, call: &impl Fn() -> T) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let started = now();
    (0..times).for_each(|_| drop(call()));
    now() - started
}

/// The mean processor time of two threads, and the elapsed time.
fn in_parallel<T>(times: u64, call: &(impl Fn() -> T + Sync)) -> (Duration, Duration) {
    let start = Barrier::new(2);
    let work = || {
        start.wait();
        let started = Instant::now();
        (busy(times, call), started.elapsed())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        let [(busy_one, elapsed_one), (busy_two, elapsed_two)] = threads.map(|thread| thread.join().expect("no panic"));
        ((busy_one + busy_two) / 2, elapsed_one.max(elapsed_two))
    })
}

/// Measures all contenders in turn, round by round.
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
    /// The median over all rounds, in seconds.
    pub fn seconds(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The median, over all rounds, of the ratio to the other's time.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        median(self.rounds.iter().zip(&other.rounds).map(|(own, other)| own / other).collect())
    }
}

/// Prints a table with the ratio of each figure to the first.
pub fn print(title: &str, figures: &[Figure]) {
    println!("| {title} | time | ratio |\n| --- | --- | --- |");
    for figure in figures {
        println!("| {} | {} | {:.2} |", figure.name, time(figure.seconds()), figure.ratio_to(&figures[0]));
    }
    println!();
}

/// The median. Panics if there are no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Formats a time in seconds with a suitable unit.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s => format!("{:.2} ms", s * 1e3),
    }
}
