//! The command's own log, on standard error, for those who ask for it.

use tracing_subscriber::EnvFilter;

/// Logs what this project's own code does: of dependencies nothing, whatever they would log. Two
/// things are told in any case, as they would not be noticed otherwise: that the cache on disk
/// can't be used, and that certificates are not verified.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 | 1 => "s1crets::disk_cache=warn,s1crets::tls=warn",
        _ => "s1crets=debug",
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr).without_time().init();
}
