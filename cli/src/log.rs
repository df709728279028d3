//! The command's own log, on standard error, for those who ask for it.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::escape;

/// Logs what this project's own code does: of dependencies nothing, whatever they would log. Three
/// things are told in any case, as they would not be noticed otherwise: that the cache on disk can't be
/// used, that certificates are not verified, and that a config file is not used or is open to others.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 | 1 => "s1crets::disk_cache=warn,s1crets::tls=warn,s1crets::config=warn",
        _ => "s1crets=debug",
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(|| Escaped).without_time().init();
}

/// Standard error, in which names and messages of others forge nothing. An event comes in one piece and is one line.
struct Escaped;

impl Write for Escaped {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = escape::text(text.strip_suffix('\n').unwrap_or(&text)).into_owned() + "\n";
        io::stderr().write_all(line.as_bytes()).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
