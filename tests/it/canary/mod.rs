//! Passes marked values and credentials through every call, then searches log lines, errors and `Debug` for them.

mod detector; // marks in clear, base64, hex and as a list of bytes
mod files; // the fetcher's file and the CSI mount, whole and broken
mod flows; // the ways of a secret, each with a mark of its own

use std::{
    error::Error as StdError,
    fmt::{Debug, Display},
    io,
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::fmt::MakeWriter;

pub(crate) use detector::Marks;
pub(crate) use flows::{assert_silence, everything};

/// All output: the log of the whole process at every level, and what the test itself collects.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// The one that the process-wide subscriber writes to, for SDK and HTTP client have tasks on other threads.
    pub(crate) fn everything() -> Self {
        static HEARD: OnceLock<Heard> = OnceLock::new();
        let heard = HEARD.get_or_init(|| {
            let heard = Heard::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
                .with_writer(heard.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
            heard
        });
        heard.clone()
    }

    /// Formats before it locks: what is formatted may take a lock that another thread logs under.
    pub(crate) fn note(&self, text: impl Display) {
        let line = format!("{text}\n");
        self.0.lock().unwrap().extend_from_slice(line.as_bytes());
    }

    /// What shows of something public.
    pub(crate) fn show(&self, shown: &impl Debug) {
        self.note(format_args!("{shown:?}\n{shown:#?}"));
    }

    /// What shows of an outcome: of an error every cause, in each form.
    pub(crate) fn outcome<T: Debug>(&self, outcome: Result<T, s1crets::Error>) {
        let error = match outcome {
            Ok(value) => return self.show(&value),
            Err(error) => error,
        };
        self.show(&error);
        self.note(format_args!("{:?} {:?} {:?}", error.message(), error.hint(), error.reference()));
        let mut cause: Option<&dyn StdError> = Some(&error);
        while let Some(error) = cause {
            self.note(format_args!("{error} {error:?}"));
            cause = error.source();
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Every line with a mark in it.
    pub(crate) fn leaks(&self, marks: &Marks) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter(|line| marks.are_in(line));
        lines.map(str::to_owned).collect()
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
