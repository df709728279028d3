//! Files: small ones read without blocking, their fingerprints, and the home folder.

#[cfg(any(feature = "file", feature = "vault", all(feature = "disk-cache", unix)))]
pub(crate) mod fingerprint;
pub(crate) mod home;
pub(crate) mod plain_file;
