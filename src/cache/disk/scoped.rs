//! [`ScopedStore`]: the records of one provider, among those of a folder.

use std::sync::Arc;

use s1crets_fs::{Fingerprint, seal::Scope};
use tokio::time::Instant;

use super::{
    generation::Snapshot,
    lock::LoadLock,
    outage,
    record::OnDisk,
    store::{Answer, RecordStore, Restored},
    warnings::Warning,
};
use crate::{cache::breaker::Outage, error::ErrorKind};

/// The kind of an outage's name: no kind of record has it.
const OUTAGE: u8 = u8::MAX;

/// The records of one provider with its settings, by cache key.
#[derive(Clone, Debug)]
pub(crate) struct ScopedStore {
    store: Arc<RecordStore>,
    scope: Scope,
}

impl ScopedStore {
    /// `settings` is what tells the provider from others: it is a part of every record's name.
    pub(crate) fn new(store: Arc<RecordStore>, settings: impl AsRef<[u8]>) -> Self {
        let scope = store.scope(settings);
        Self { store, scope }
    }

    #[cfg(test)]
    pub(crate) fn store(&self) -> &Arc<RecordStore> {
        &self.store
    }

    /// As [`RecordStore::snapshot`].
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.store.snapshot()
    }

    /// The record of a key.
    pub(crate) fn read<T: OnDisk>(&self, key: &[u8]) -> Option<Restored<T>> {
        self.store.read(self.scope.name(T::KIND, key))
    }

    /// As [`RecordStore::read_if`].
    pub(crate) fn read_if<T: OnDisk>(
        &self,
        key: &[u8],
        will_do: impl Fn(u64) -> bool,
    ) -> (Option<Restored<T>>, Option<Fingerprint>) {
        self.store.read_if(self.scope.name(T::KIND, key), will_do)
    }

    /// The record that is in place for a key.
    pub(crate) fn fingerprint<T: OnDisk>(&self, key: &[u8]) -> Option<Fingerprint> {
        self.store.fingerprint(self.scope.name(T::KIND, key))
    }

    /// Stores an answer under a key. Blocks for as long as writing a small file takes.
    pub(crate) fn write<T: OnDisk>(&self, key: &[u8], answer: &Answer<'_, T>) {
        self.store.write(self.scope.name(T::KIND, key), answer);
    }

    /// Removes the record of a key, which must not be served any more. Blocks.
    pub(crate) fn forget<T: OnDisk>(&self, key: &[u8]) {
        self.store.forget(self.scope.name(T::KIND, key));
    }

    /// The outage of the provider that another call has met, while it lasts.
    pub(crate) fn outage(&self) -> Option<Outage> {
        outage::current(self.store.folder(), &self.outage_file())
    }

    /// Notes a call that was begun at `begun` and failed for a transient reason. Takes as long as
    /// writing a small file.
    pub(crate) fn note_failure(&self, begun: u64, kind: ErrorKind) {
        if let Err(error) = outage::begin(self.store.folder(), &self.outage_file(), begun, kind) {
            self.store.warn_of(Warning::Outage, &error);
        }
    }

    /// Notes a call that was answered.
    pub(crate) fn note_answer(&self) {
        if let Err(error) = self.store.folder().remove(&self.outage_file()) {
            self.store.warn_of(Warning::Outage, &error);
        }
    }

    fn outage_file(&self) -> String {
        outage::file_of(self.scope.name(OUTAGE, b""))
    }

    /// Waits for the lock on the load of a key, until `deadline` at most.
    pub(crate) async fn load_lock<T: OnDisk>(&self, key: &[u8], deadline: Instant) -> LoadLock<'_> {
        self.store.load_lock(self.scope.name(T::KIND, key), deadline).await
    }
}
