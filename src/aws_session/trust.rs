//! The certificate authorities to trust: a bundle of the user's, or those of the system.

use std::path::PathBuf;

use aws_smithy_http_client::tls::TrustStore;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::pki_types::CertificateDer;

use crate::{
    error::Result,
    transport::{bundle, general_trust},
};

/// The certificate authorities to trust. They are read by the first call that needs them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// The file of a bundle, and what names it.
    bundle: Option<(PathBuf, String)>,
}

impl Trust {
    /// Trusts the certificates of a bundle, or without one those of the system.
    pub(super) fn of(bundle: Option<(PathBuf, String)>) -> Self {
        Self { bundle }
    }

    /// Reads the certificates.
    ///
    /// # Errors
    /// `Config` if a file can't be read, or holds no certificate.
    pub(super) fn store(&self) -> Result<TrustStore> {
        if let Some((path, named_by)) = &self.bundle {
            return Ok(store_of(&bundle(path, named_by)?));
        }
        Ok(general_trust()?.map_or_else(TrustStore::default, |certificates| store_of(&certificates)))
    }
}

/// A store of these certificates only, which the SDK takes as PEM.
fn store_of(certificates: &[CertificateDer<'_>]) -> TrustStore {
    certificates.iter().fold(TrustStore::empty(), |store, certificate| {
        let text = BASE64_STANDARD.encode(certificate);
        store.with_pem_certificate(format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_bundle_that_is_missing_or_empty_is_a_mistake_in_the_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let trust = Trust::of(Some((path.clone(), "AWS_CA_BUNDLE".to_owned())));
        let error = trust.store().expect_err("no file");
        assert!(error.kind() == ErrorKind::Config && error.message().starts_with("AWS_CA_BUNDLE names"), "{error}");
        for endless in ["/dev/zero", "/dev"] {
            let trust = Trust::of(Some((endless.into(), "AWS_CA_BUNDLE".to_owned())));
            let error = trust.store().expect_err("no plain file");
            assert!(error.kind() == ErrorKind::Config && error.message().ends_with("can't be read"), "{error}");
        }
        for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(&path, text).expect("written");
            let error = trust.store().expect_err("no certificate");
            assert!(error.message().ends_with("which holds no certificate"), "{text:?}: {error}");
        }
    }
}
