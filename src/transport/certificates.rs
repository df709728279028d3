//! Reads the certificates and the key that TLS settings name.
//!
//! A bundle may hold certificates that can't be parsed, as those of some systems do. They are
//! skipped, as for AWS: what is not trusted does no harm. At least one must be left.

use std::{fs, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use zeroize::Zeroizing;

use super::tls::TlsConfig;
use crate::{
    error::{Error, Result},
    fs::plain_file,
};

/// The certificates to trust instead of the system's. Empty if the settings name none.
///
/// # Errors
/// `Config` if the settings name some, and they can't be read or hold none.
pub(super) fn trusted(tls: &TlsConfig) -> Result<Vec<CertificateDer<'static>>> {
    let mut found = Vec::new();
    if let Some(file) = &tls.ca_file {
        found.extend(of_file(file)?);
    }
    if let Some(pem) = &tls.ca_pem {
        let named = trustable(pem.as_bytes(), "the text of the certificates");
        found.extend(named.ok_or_else(|| Error::config("the text of the certificates holds none in PEM"))?);
    }
    if let Some(folder) = &tls.ca_path {
        let unreadable =
            |error| Error::config(format!("can't read the folder {}", folder.display())).with_source(error);
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() {
                // Such folders hold keys and hashes too.
                found.extend(of_file(&path).unwrap_or_default());
            }
        }
    }
    if found.is_empty() && tls.names_authorities() {
        return Err(Error::config("there is no certificate in the files to trust"));
    }
    Ok(found)
}

/// The client's certificate with its chain, followed by its key, in PEM. `None` if the settings
/// name none.
pub(super) fn client_pem(tls: &TlsConfig) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let (certificate, key) = match (&tls.client_cert, &tls.client_key) {
        (Some(certificate), Some(key)) => {
            (read(certificate, "the client's certificate")?, read(key, "the key of the client's certificate")?)
        }
        (None, None) => return Ok(None),
        _ => return Err(Error::config("a client certificate needs its key, and a key its certificate")),
    };
    Ok(Some(Zeroizing::new([certificate.as_slice(), b"\n", key.as_slice()].concat())))
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let shown = file.display().to_string();
    trustable(&read(file, "the certificates to trust")?, &shown)
        .ok_or_else(|| Error::config(format!("{shown} holds no PEM certificates")))
}

/// Whether a text is PEM, and has certificates.
pub(crate) fn is_pem_of_certificates(text: &str) -> bool {
    CertificateDer::pem_slice_iter(text.as_bytes()).any(|found| found.is_ok())
}

/// The certificates of a PEM text that can be trusted; the others are skipped with a warning. `None`
/// if there is none.
fn trustable(pem: &[u8], shown: &str) -> Option<Vec<CertificateDer<'static>>> {
    let mut roots = RootCertStore::empty();
    let mut skipped = 0;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        match certificate {
            Ok(certificate) if roots.add(certificate.clone()).is_ok() => found.push(certificate),
            _ => skipped += 1,
        }
    }
    if found.is_empty() {
        return None;
    }
    if skipped > 0 {
        tracing::warn!(
            skipped,
            "certificates of {shown} are malformed, or older than X.509 version 3: they are not trusted"
        );
    }
    Some(found)
}

/// The certificates of a PEM text. `None` if it is malformed.
pub(super) fn parse(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()
}

fn read(file: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    plain_file::read(file)
        .map(|(_, bytes)| bytes)
        .map_err(|error| Error::config(format!("can't read {what} from {}", file.display())).with_source(error))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    /// One that systems have.
    fn good() -> Option<String> {
        let text = fs::read("/etc/ssl/certs/ca-certificates.crt").ok()?;
        let first = trustable(&text, "the system's")?.swap_remove(0);
        let text = BASE64_STANDARD.encode(&first);
        Some(format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
    }

    #[test]
    fn a_certificate_that_cannot_be_parsed_is_skipped_if_another_is_good() {
        for none in ["", "hunter2", BROKEN, "-----BEGIN CERTIFICATE-----\n"] {
            let error = trusted(&TlsConfig::default().with_ca_pem(none)).expect_err(none);
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let Some(good) = good() else { return };
        for bundle in
            [format!("{BROKEN}{good}"), format!("{good}{BROKEN}"), format!("{good}-----BEGIN CERTIFICATE-----\n")]
        {
            let found = trusted(&TlsConfig::default().with_ca_pem(&*bundle)).expect("one is good");
            assert_eq!(found.len(), 1, "{bundle}");
        }
    }
}
