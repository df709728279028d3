//! Revalidation: whether a cached value is still the current version, asked without reading the value.

use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::provider_calls::ProviderCalls;
use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    options::GetOptions,
    provider::Provider,
    secret::Secret,
};

/// How long a secret's version is not asked for after that was denied. Permissions change rarely.
const DENIED_FOR: Duration = Duration::from_secs(6 * 60 * 60);

/// How many version checks run at once: each is a call of its own.
const CONCURRENCY: usize = 8;

/// Checks versions, except for those that it was denied.
pub(super) struct Revalidation {
    denied: Cache<String, Instant>,
    permits: Semaphore,
}

impl Revalidation {
    /// Remembers at most `entries` denials.
    pub(super) fn new(entries: u64) -> Self {
        let denied = Cache::builder().max_capacity(entries).time_to_live(DENIED_FOR).build();
        Self { denied, permits: Semaphore::new(CONCURRENCY) }
    }

    /// Whether `cached`, stored under `key`, is still what the provider would give. `false` if that
    /// can't be told: then the value is read.
    ///
    /// # Errors
    /// A transient failure: a read would meet it too.
    pub(super) async fn confirms<P: Provider + ?Sized>(
        &self,
        calls: &ProviderCalls<P>,
        key: &str,
        (path, options): (&str, &GetOptions),
        cached: &Secret,
    ) -> Result<bool> {
        let Some(version) = cached.version() else { return Ok(false) };
        if self.denied.get(key).is_some_and(|until| Instant::now() < until) {
            return Ok(false);
        }
        // Never closed.
        let _permit = self.permits.acquire().await;
        let answer = calls.version(path, options).await;
        let counters = calls.counters();
        match answer {
            Ok(current) if current.as_deref() == Some(version) => {
                counters.revalidated.add();
                Ok(true)
            }
            Err(error) if error.kind().is_transient() => {
                counters.answered::<Secret>(&Err(error.clone()));
                Err(error)
            }
            Err(error) => {
                self.refused(key, &error, calls);
                Ok(false)
            }
            Ok(_) => Ok(false),
        }
    }

    fn refused<P: Provider + ?Sized>(&self, key: &str, error: &Error, calls: &ProviderCalls<P>) {
        if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::Unsupported) {
            calls.counters().revalidation_denied.add();
            self.denied.insert(key.to_owned(), Instant::now() + DENIED_FOR);
        }
    }
}
