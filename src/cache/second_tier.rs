//! What stands behind the memory: the disk, if it was asked for (feature `disk-cache`; without it, nothing).

use std::borrow::Cow;

#[cfg(all(feature = "disk-cache", unix))]
pub(crate) use super::disk::Behind;
#[cfg(not(all(feature = "disk-cache", unix)))]
pub(crate) use nothing::Behind;

/// Under what something is kept, as bytes.
#[cfg_attr(not(all(feature = "disk-cache", unix)), allow(dead_code, reason = "only a disk wants to know"))]
pub(super) trait Key {
    /// Different for different keys.
    fn spelled(&self) -> Cow<'_, [u8]>;

    /// The path that was asked for.
    fn path(&self) -> &str;
}

/// Why something is loaded, and so what may be taken instead that another process has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadReason {
    /// It is not held: anything that is still good.
    Missing,
    /// It is held and about to expire: only what is newer.
    Due,
    /// Somebody wants it from the provider itself: nothing.
    Refused,
}

impl LoadReason {
    /// For whoever reads what isn't held.
    pub(super) fn of(cached: bool) -> Self {
        if cached { Self::Missing } else { Self::Refused }
    }
}

#[cfg(not(all(feature = "disk-cache", unix)))]
mod nothing {
    use tokio::time::Instant;

    use super::{Key, LoadReason};
    use crate::{
        cache::{entries::Kept, policy::CachePolicy},
        error::Result,
    };

    #[derive(Debug, Default)]
    pub(crate) struct Behind;

    impl Behind {
        pub(crate) fn is_there(&self) -> bool {
            false
        }

        pub(in crate::cache) fn catch_up(&self, _: impl FnOnce()) {}

        pub(in crate::cache) fn restore<T: Kept>(&self, _: &(impl Key + ?Sized)) -> Option<(T, Instant)> {
            None
        }

        pub(in crate::cache) async fn load<K, T, F>(
            &self,
            keys: Vec<K>,
            _: LoadReason,
            _: &CachePolicy,
            call: impl FnOnce(Vec<K>) -> F,
        ) -> Vec<Result<T>>
        where
            F: Future<Output = Vec<Result<T>>>,
        {
            call(keys).await
        }

        pub(in crate::cache) fn drop_name(&self, _: &str) {}

        pub(in crate::cache) fn clear(&self) {}
    }
}
