//! Whether what is held is still the current version, asked without reading the value.

use std::time::Duration;

use moka::sync::Cache;
use tokio::{sync::Semaphore, time::Instant};

use super::{calls::Calls, policy::after};
use crate::{
    error::{Error, ErrorKind, Result},
    options::GetOptions,
    provider::Provider,
    secret::Secret,
};

/// How long the version of a secret is not asked for after that was denied. Rights change rarely, and by people.
const DENIED: Duration = Duration::from_secs(6 * 60 * 60);

/// How many questions are under way at once: each is a call of its own.
const CONCURRENCY: usize = 8;

/// Asks for versions, but not for those that it was denied.
pub(super) struct Revalidation {
    denied: Cache<String, Instant>,
    permits: Semaphore,
}

impl Revalidation {
    /// `entries` bounds how many denials are remembered.
    pub(super) fn new(entries: u64) -> Self {
        let denied = Cache::builder().max_capacity(entries).time_to_live(DENIED).build();
        Self { denied, permits: Semaphore::new(CONCURRENCY) }
    }

    /// Whether `held`, kept under `key`, is still what the provider would give. If that can't be told, it is to be read.
    ///
    /// # Errors
    /// A passing failure: a read would meet it too.
    pub(super) async fn confirms<P: Provider + ?Sized>(
        &self,
        calls: &Calls<P>,
        key: &str,
        (path, options): (&str, &GetOptions),
        held: &Secret,
    ) -> Result<bool> {
        let Some(version) = held.version() else { return Ok(false) };
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

    fn refused<P: Provider + ?Sized>(&self, key: &str, error: &Error, calls: &Calls<P>) {
        if matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::Unsupported) {
            calls.counters().revalidation_denied.add();
            self.denied.insert(key.to_owned(), after(Instant::now(), DENIED));
        }
    }
}
