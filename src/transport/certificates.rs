//! Reads the certificates and the key that TLS settings name.

use std::{fs, path::Path};

use rustls::pki_types::{CertificateDer, pem::PemObject};
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
        found.extend(parse(pem.as_bytes()).ok_or_else(|| Error::config("the text of the certificates is not PEM"))?);
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
    let certificates = parse(&read(file, "the certificates to trust")?).filter(|found| !found.is_empty());
    certificates.ok_or_else(|| Error::config(format!("{} holds no PEM certificates", file.display())))
}

/// Whether a text is PEM, and has certificates.
pub(crate) fn is_pem_of_certificates(text: &str) -> bool {
    parse(text.as_bytes()).is_some_and(|certificates| !certificates.is_empty())
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
