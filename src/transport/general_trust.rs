//! Certificates to trust by `SSL_CERT_FILE` and `SSL_CERT_DIR`, the variables for every program.
//!
//! Both the AWS SDK and reqwest would read them too. But they take a blank variable for a file
//! without a name, and don't say which file holds no certificate.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    error::{Error, Result},
    fs::{home, plain_file},
};

/// The variables that name certificates instead of the system's.
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

/// The hint for a file that can't be used.
const BUNDLE_FORM: &str = "name a file of certificates in PEM form: -----BEGIN CERTIFICATE-----";

/// The certificates of the variables, or those of the system if the variables are blank. `None` if
/// neither variable is set: then the system's are read by the HTTP client itself.
///
/// # Errors
/// `Config` if a variable names no certificate, or a file that can't be read.
pub(crate) fn general_trust() -> Result<Option<Vec<CertificateDer<'static>>>> {
    match [CERTIFICATE_FILE, CERTIFICATE_FOLDERS].iter().any(|name| env::var_os(name).is_some()) {
        true => of_variables().map(Some),
        false => Ok(None),
    }
}

fn of_variables() -> Result<Vec<CertificateDer<'static>>> {
    let mut found = match path_of(CERTIFICATE_FILE) {
        Some(file) => bundle(&file, CERTIFICATE_FILE)?,
        None => Vec::new(),
    };
    if let Some(folders) = path_of(CERTIFICATE_FOLDERS) {
        found.extend(env::split_paths(&folders).flat_map(|folder| in_folder(&folder)));
        if found.is_empty() {
            let told = format!("{CERTIFICATE_FOLDERS} names {}, where no certificate is", folders.display());
            return Err(Error::config(told).with_hint(format!(
                "name a folder of files in PEM form, or unset {CERTIFICATE_FOLDERS} to trust the system's certificates"
            )));
        }
    }
    if found.is_empty() { system_bundle() } else { Ok(found) }
}

/// The path that a variable names, with `~/` expanded. `None` if it is unset or blank.
fn path_of(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name)?;
    let path = match value.to_str().map(str::trim) {
        Some("") => return None,
        Some(text) => PathBuf::from(text),
        None => PathBuf::from(value),
    };
    Some(home::expand(&path))
}

/// The certificates in a folder. Files without one are skipped.
fn in_folder(folder: &Path) -> Vec<CertificateDer<'static>> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.is_file()).filter_map(|path| certificates(&path).ok()).flatten().collect()
}

fn system_bundle() -> Result<Vec<CertificateDer<'static>>> {
    let found = SYSTEM_BUNDLES.into_iter().find_map(|path| certificates(Path::new(path)).ok());
    found.ok_or_else(|| {
        Error::config(format!("{CERTIFICATE_FILE} is empty, and the system's certificates are not found"))
            .with_hint(format!("unset {CERTIFICATE_FILE} and {CERTIFICATE_FOLDERS}"))
    })
}

/// The certificates of a file that `named_by` names.
///
/// # Errors
/// `Config` if it can't be read, or holds no certificate.
pub(crate) fn bundle(path: &Path, named_by: &str) -> Result<Vec<CertificateDer<'static>>> {
    let file = path.display();
    let found = certificates(path).map_err(|error| {
        Error::config(format!("{named_by} names {file}, which can't be read")).with_hint(BUNDLE_FORM).with_source(error)
    })?;
    match found.is_empty() {
        true => {
            Err(Error::config(format!("{named_by} names {file}, which holds no certificate")).with_hint(BUNDLE_FORM))
        }
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
