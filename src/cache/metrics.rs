//! Exports the cache's counters through the crate `metrics`, if the feature `metrics` is on. See
//! `docs/metrics.md`.
//!
//! Labels hold the provider's name and fixed words, never the name of a secret.

use std::{sync::Arc, time::Duration};

pub(super) const READS: &str = "s1crets_cache_reads_total";
pub(super) const RESTORED: &str = "s1crets_cache_restored_total";
pub(super) const COALESCED: &str = "s1crets_cache_coalesced_total";
pub(super) const REFRESHES: &str = "s1crets_cache_refreshes_total";
pub(super) const REVALIDATED: &str = "s1crets_cache_revalidated_total";
pub(super) const REVALIDATION_DENIED: &str = "s1crets_cache_revalidation_denied_total";
pub(super) const EVICTED: &str = "s1crets_cache_evicted_total";
#[cfg(feature = "metrics")]
const ENTRIES: &str = "s1crets_cache_entries";
#[cfg(feature = "metrics")]
const BYTES: &str = "s1crets_cache_bytes";
#[cfg(feature = "metrics")]
const CALL_SECONDS: &str = "s1crets_provider_call_seconds";
#[cfg(feature = "metrics")]
const ANSWERS: &str = "s1crets_provider_answers_total";

/// Exports the counters of one provider's cache to the recorder of the process.
pub(super) struct Exporter {
    provider: Arc<str>,
}

/// One counter of the recorder that was installed when this was created.
#[derive(Default)]
pub(super) struct Exported {
    #[cfg(feature = "metrics")]
    counter: Option<metrics::Counter>,
}

impl Exporter {
    pub(super) fn new(provider: &str) -> Self {
        Self { provider: provider.into() }
    }

    pub(super) fn provider(&self) -> &str {
        &self.provider
    }
}

#[cfg(feature = "metrics")]
impl Exporter {
    pub(super) fn counter(&self, name: &'static str, label: Option<(&'static str, &'static str)>) -> Exported {
        let mut labels = vec![metrics::Label::new("provider", self.provider.clone())];
        labels.extend(label.map(|(key, value)| metrics::Label::from_static_parts(key, value)));
        Exported { counter: Some(metrics::counter!(name, labels)) }
    }

    pub(super) fn called(&self, call: &'static str, elapsed: Duration) {
        metrics::histogram!(CALL_SECONDS, "provider" => self.provider.clone(), "call" => call)
            .record(elapsed.as_secs_f64());
    }

    pub(super) fn answered(&self, result: &'static str) {
        metrics::counter!(ANSWERS, "provider" => self.provider.clone(), "result" => result).increment(1);
    }

    pub(super) fn holds(&self, what: &'static str, size: impl FnOnce() -> (u64, u64)) {
        let (entries, bytes) = size();
        for (name, value) in [(ENTRIES, entries), (BYTES, bytes)] {
            metrics::gauge!(name, "provider" => self.provider.clone(), "what" => what).set(value as f64);
        }
    }
}

#[cfg(feature = "metrics")]
impl Exported {
    pub(super) fn add(&self, count: u64) {
        if let Some(counter) = self.counter.as_ref().filter(|_| count > 0) {
            counter.increment(count);
        }
    }
}

#[cfg(not(feature = "metrics"))]
impl Exporter {
    pub(super) fn counter(&self, _: &'static str, _: Option<(&'static str, &'static str)>) -> Exported {
        Exported::default()
    }

    pub(super) fn called(&self, _: &'static str, _: Duration) {}

    pub(super) fn answered(&self, _: &'static str) {}

    pub(super) fn holds(&self, _: &'static str, _: impl FnOnce() -> (u64, u64)) {}
}

#[cfg(not(feature = "metrics"))]
impl Exported {
    pub(super) fn add(&self, _: u64) {}
}
