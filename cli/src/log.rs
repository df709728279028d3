//! The log on stderr, by `-vv`. Without that, only warnings that nobody should miss.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::escape;

/// Starts the log. It holds events of s1crets only, because dependencies may log secrets.
///
/// Four kinds of warnings are always logged: a disk cache that can't be used, certificates that
/// are not verified, a config file that is ignored or that others can change, and a token that was
/// to be revoked and lives on.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 | 1 => "s1crets::disk_cache=warn,s1crets::tls=warn,s1crets::config=warn,s1crets::shutdown=warn",
        _ => "s1crets=debug",
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(|| Escaped).without_time().init();
}

/// Writes events to stderr, one line each. Escapes control characters, so that a name or a message
/// can't forge output.
///
/// `tracing_subscriber` writes each event with one call.
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
