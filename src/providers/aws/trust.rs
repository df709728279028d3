//! The certificate authorities to trust: a bundle of the user's, or those of the system.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use aws_smithy_http_client::tls::TrustStore;
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    aws_credentials::variables,
    error::{Error, Result},
    fs::plain_file,
};

/// The variables that name certificates instead of the system's, for every program.
const CERTIFICATE_FILE: &str = "SSL_CERT_FILE";
const CERTIFICATE_FOLDERS: &str = "SSL_CERT_DIR";

/// Where systems keep their certificates, as Go has it.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

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
        match [CERTIFICATE_FILE, CERTIFICATE_FOLDERS].iter().any(|name| env::var_os(name).is_some()) {
            true => of_variables(),
            false => Ok(TrustStore::default()),
        }
    }
}

/// The certificates of the general variables. The SDK would read them too, but panics in debug
/// builds if there are none, and takes a blank variable for a file without a name.
fn of_variables() -> Result<TrustStore> {
    let mut found = match variables::path(CERTIFICATE_FILE) {
        Some(file) => bundle(&file, CERTIFICATE_FILE)?,
        None => Vec::new(),
    };
    if let Some(folders) = variables::path(CERTIFICATE_FOLDERS) {
        found.extend(env::split_paths(&folders).flat_map(|folder| in_folder(&folder)));
        if found.is_empty() {
            let told = format!("{CERTIFICATE_FOLDERS} names {}, where no certificate is", folders.display());
            return Err(Error::config(told));
        }
    }
    match found.is_empty() {
        true => system_bundle(),
        false => Ok(store_of(&found)),
    }
}

/// The certificates in a folder. Files without one are skipped.
fn in_folder(folder: &Path) -> Vec<CertificateDer<'static>> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.is_file()).filter_map(|path| certificates(&path).ok()).flatten().collect()
}

fn system_bundle() -> Result<TrustStore> {
    let found = SYSTEM_BUNDLES.into_iter().find_map(|path| certificates(Path::new(path)).ok());
    let found = found.ok_or_else(|| {
        Error::config(format!("{CERTIFICATE_FILE} is empty, and the system's certificates are not found"))
            .with_hint(format!("unset {CERTIFICATE_FILE} and {CERTIFICATE_FOLDERS}"))
    })?;
    Ok(store_of(&found))
}

/// The certificates of a file that `named_by` names.
fn bundle(path: &Path, named_by: &str) -> Result<Vec<CertificateDer<'static>>> {
    let file = path.display();
    let found = certificates(path)
        .map_err(|error| Error::config(format!("{named_by} names {file}, which can't be read")).with_source(error))?;
    match found.is_empty() {
        true => Err(Error::config(format!("{named_by} names {file}, which holds no certificate"))
            .with_hint("name a file of certificates in PEM form: -----BEGIN CERTIFICATE-----")),
        false => Ok(found),
    }
}

/// The certificates of a file that can be trusted. Systems have some that can't be parsed.
fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let (_, text) = plain_file::read(path)?;
    let mut roots = RootCertStore::empty();
    let all = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    Ok(all.filter(|certificate| roots.add(certificate.clone()).is_ok()).collect())
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
