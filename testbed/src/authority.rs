//! A certificate authority for tests.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A certificate authority that writes what it issues to one folder, as PEM files.
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority that writes to `folder`.
    ///
    /// # Panics
    /// If the folder is not writable.
    pub fn create(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "s1crets test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate");
        fs::write(folder.join("ca.pem"), issuer.pem()).expect("the folder is writable");
        Self { folder: folder.to_owned(), issuer }
    }

    /// The file of its own certificate, for clients to trust.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for `name`, `localhost` and 127.0.0.1, for servers and clients. Returns
    /// the files of the certificate and its key.
    ///
    /// # Panics
    /// If the folder is not writable.
    pub fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        self.issue_for(name, &[name, "localhost", "127.0.0.1"], Validity::Now)
    }

    /// Issues a certificate for these names and no others, as [`issue`](Self::issue) does. `file` is
    /// the name of its files.
    ///
    /// # Panics
    /// If the folder is not writable.
    pub fn issue_for(&self, file: &str, names: &[&str], validity: Validity) -> (PathBuf, PathBuf) {
        let (params, key) = (leaf(file, names, validity), key());
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        write(&self.folder, file, &certificate.pem(), &key)
    }
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now, and for years.
    Now,
    /// It expired on 2020-02-01.
    Expired,
    /// It begins on 2999-01-01.
    NotYet,
}

/// Makes a certificate that signs itself, as `openssl req -x509` does, and that of an authority if
/// `is_ca`. Returns the files of the certificate and its key in `folder`.
///
/// # Panics
/// If the folder is not writable.
pub fn self_signed(folder: &Path, file: &str, names: &[&str], is_ca: bool, validity: Validity) -> (PathBuf, PathBuf) {
    let (mut params, key) = (leaf(file, names, validity), key());
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let certificate = params.self_signed(&key).expect("a certificate");
    write(folder, file, &certificate.pem(), &key)
}

fn leaf(common_name: &str, names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    match validity {
        Validity::Now => {}
        Validity::Expired => params.not_after = date_time_ymd(2020, 2, 1),
        Validity::NotYet => params.not_before = date_time_ymd(2999, 1, 1),
    }
    params
}

fn write(folder: &Path, file: &str, certificate: &str, key: &KeyPair) -> (PathBuf, PathBuf) {
    let files = (folder.join(format!("{file}.pem")), folder.join(format!("{file}.key")));
    fs::write(&files.0, certificate).expect("the folder is writable");
    fs::write(&files.1, key.serialize_pem()).expect("the folder is writable");
    files
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("randomness")
}
