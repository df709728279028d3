//! Tells about stale values: those that have expired, and are served because their provider can't
//! be reached or is not to be asked.

use s1crets::{Freshness, Secret, Source};

use crate::{args::Global, report};

/// The most names in a warning.
const NAMED: usize = 5;

/// Warns once, on stderr, about all stale values among these. Prints names and ages only.
pub(crate) fn warn<'a>(global: &Global, values: impl IntoIterator<Item = (&'a str, &'a Secret)>) {
    if let Some(message) = message(values) {
        report::warning(&message, global);
    }
}

fn message<'a>(values: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Option<String> {
    let values = values.into_iter().filter_map(|(name, secret)| Some((name, secret.freshness()?)));
    let stale: Vec<_> = values.filter(|(_, freshness)| is_stale(freshness)).collect();
    let plural = if stale.len() == 1 { "" } else { "s" };
    let named: Vec<_> =
        stale.iter().take(NAMED).map(|(name, freshness)| format!("{name}, {}", age(freshness))).collect();
    let more = match stale.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!stale.is_empty()).then(|| format!("stale value{plural}: {}{more}", named.join("; ")))
}

/// Whether a value had expired when it was read. One that the provider has just given had not, even
/// if its TTL is so short that it has by now.
pub(crate) fn is_stale(freshness: &Freshness) -> bool {
    freshness.stale && freshness.source != Source::Provider
}

/// How old a value is, where it comes from, and why it was not loaded again.
fn age(freshness: &Freshness) -> String {
    let reason = freshness.refresh_error.map(|kind| format!(" (last refresh failed: {kind})")).unwrap_or_default();
    format!("{} old, from {}{reason}", duration(freshness.age), source(freshness.source))
}

/// A duration in whole seconds.
pub(crate) fn duration(duration: std::time::Duration) -> humantime::FormattedDuration {
    humantime::format_duration(std::time::Duration::from_secs(duration.as_secs()))
}

/// The name of a source, in text and in JSON.
pub(crate) fn source(source: Source) -> &'static str {
    match source {
        Source::Memory => "memory",
        Source::Disk => "disk",
        _ => "provider",
    }
}
