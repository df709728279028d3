//! TLS settings of a connection: trusted certificates, client certificate and server name.

use std::{fmt, path::PathBuf};

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;

/// TLS settings of a connection: trusted certificates, client certificate and server name.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A file of PEM certificates to trust, instead of the system's. Default: the system's.
    ///
    /// Each is that of an authority, or the server's own.
    pub ca_file: Option<PathBuf>,
    /// Such certificates themselves, as PEM text. `Debug` doesn't show it.
    pub ca_pem: Option<String>,
    /// A folder of such files. Files without a certificate are skipped.
    pub ca_path: Option<PathBuf>,
    /// The client's certificate with its chain, in PEM. Needs `client_key`.
    pub client_cert: Option<PathBuf>,
    /// The key of the client's certificate, in PEM.
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must have. Default: the address's host.
    pub server_name: Option<String>,
    /// Accepts any certificate: whoever is on the way can read the credentials and every secret. A
    /// warning is logged. Default: no.
    pub danger_skip_verify: bool,
}

impl TlsConfig {
    /// Trusts the certificates of this PEM file, and no others.
    #[must_use]
    pub fn with_ca_file(self, file: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(file.into()), ..self }
    }

    /// Trusts the certificates of this PEM text, and no others.
    #[must_use]
    pub fn with_ca_pem(self, pem: impl Into<String>) -> Self {
        Self { ca_pem: Some(pem.into()), ..self }
    }

    /// Trusts the certificates of the PEM files in this folder, and no others.
    #[must_use]
    pub fn with_ca_path(self, folder: impl Into<PathBuf>) -> Self {
        Self { ca_path: Some(folder.into()), ..self }
    }

    /// Sets the client's certificate and its key, both in PEM.
    #[must_use]
    pub fn with_client_cert(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_cert: Some(certificate.into()), client_key: Some(key.into()), ..self }
    }

    /// Sets the name that the server's certificate must have.
    #[must_use]
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// Turns verification off, or back on: see [`danger_skip_verify`](Self::danger_skip_verify).
    #[must_use]
    pub fn with_danger_skip_verify(self, skip: bool) -> Self {
        Self { danger_skip_verify: skip, ..self }
    }
}

impl TlsConfig {
    /// Whether certificates are named, to be trusted instead of the system's.
    pub(crate) fn names_authorities(&self) -> bool {
        self.ca_file.is_some() || self.ca_pem.is_some() || self.ca_path.is_some()
    }
}

/// A text that is to be a certificate may be anything, even a key.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ca_file, ca_pem, ca_path, client_cert, client_key, server_name, danger_skip_verify } = self;
        f.debug_struct("TlsConfig")
            .field("ca_file", ca_file)
            .field("ca_pem", &ca_pem.as_ref().map(|pem| format!("[{} bytes]", pem.len())))
            .field("ca_path", ca_path)
            .field("client_cert", client_cert)
            .field("client_key", client_key)
            .field("server_name", server_name)
            .field("danger_skip_verify", danger_skip_verify)
            .finish()
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl TlsConfig {
    /// Binds records on disk to these settings. A new field has to be listed here to compile.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { ca_file, ca_pem, ca_path, client_cert, client_key, server_name, danger_skip_verify } = self;
        binding.content("ca_file", ca_file.as_deref());
        binding.value("ca_pem", ca_pem.as_ref());
        binding.folder("ca_path", ca_path.as_deref());
        binding.content("client_cert", client_cert.as_deref());
        // The certificate identifies its key.
        binding.name("client_key", client_key.as_deref());
        binding.value("server_name", server_name.as_ref());
        binding.value("danger_skip_verify", danger_skip_verify.then_some("unverified"));
        binding.trusted_by_environment();
    }
}
