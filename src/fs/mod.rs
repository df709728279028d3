//! Files: reading small ones, their fingerprints (from the package `s1crets-fs`), and the home folder.

pub(crate) mod home;

#[cfg(any(feature = "vault", all(feature = "disk-cache", unix)))]
pub(crate) use s1crets_fs::fingerprint;
pub(crate) use s1crets_fs::plain_file;
