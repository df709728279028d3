//! A certificate authority for tests.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
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
        let names = [name, "localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let files = (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}.key")));
        fs::write(&files.0, certificate.pem()).expect("the folder is writable");
        fs::write(&files.1, key.serialize_pem()).expect("the folder is writable");
        files
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("randomness")
}
