//! Verifies a server's certificate by the certificates that the settings name, instead of by the
//! system's.
//!
//! A named certificate is that of an authority, or the server's own: `vault` and `bao` accept both,
//! and so does Go. rustls takes all of them for authorities. So it refuses a self-signed one that
//! says that it is an authority's (`openssl req -x509` makes such), and one that another authority
//! signed. Here a certificate that was named, byte for byte, is accepted as its own authority. Its
//! name and its dates are checked all the same, and that the server has its key.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use super::{certificate_error::is_authority, certificates};
use crate::error::{Error, Result};

/// TLS that trusts these certificates and no others, and presents the client's own: its chain and
/// key in PEM.
///
/// # Errors
/// `Config` if there is a certificate that can't be used, or the client's key is not that of its
/// certificate.
pub(super) fn client_config(named: Vec<CertificateDer<'static>>, client_pem: Option<&[u8]>) -> Result<ClientConfig> {
    let provider = CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let verifier = Arc::new(NamedCertificates::new(named, &provider)?);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config("TLS can't be set up").with_source(error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            // The error could repeat a line of the key.
            let malformed = || Error::config("the client certificate or its key is not PEM");
            let chain = certificates::parse(pem).filter(|chain| !chain.is_empty()).ok_or_else(malformed)?;
            let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| malformed())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| Error::config("the client certificate can't be used with its key"))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[derive(Debug)]
struct NamedCertificates {
    named: Vec<CertificateDer<'static>>,
    /// Takes all of them for authorities.
    authorities: Arc<WebPkiServerVerifier>,
}

impl NamedCertificates {
    fn new(named: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in &named {
            roots.add(certificate.clone()).map_err(|error| {
                Error::config("a certificate to trust is malformed, or older than X.509 version 3").with_source(error)
            })?;
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| Error::config("the certificates to trust can't be used").with_source(error))?;
        Ok(Self { named, authorities })
    }

    /// Whether a certificate that no authority vouches for is trusted for its own sake. Its dates
    /// are checked before its issuer, and before whether it is an authority's.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>, error: &TlsError) -> bool {
        let no_authority = match error {
            TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => true,
            TlsError::InvalidCertificate(error) => is_authority(error),
            _ => false,
        };
        no_authority && self.named.iter().any(|named| named == certificate)
    }
}

impl ServerCertVerifier for NamedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if self.is_trusted_itself(end_entity, &error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.authorities.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
