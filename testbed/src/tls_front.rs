//! Terminates TLS in front of a server that has none.

use std::{
    error::Error,
    fmt, fs, io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::{
    Authority,
    server::{Connection, Server},
};

/// Terminates TLS with a certificate, and forwards to a plain server. Dropping it closes all
/// connections.
pub struct TlsFront {
    endpoint: String,
    connections: Arc<AtomicUsize>,
    _server: Server,
}

impl TlsFront {
    /// Starts it with a certificate of this authority in front of the server at `upstream`, which is
    /// `http://ADDRESS:PORT`, as tasks of the current runtime.
    ///
    /// # Panics
    /// If `upstream` is not valid, or there is no free port.
    pub async fn start(authority: &Authority, upstream: &str) -> Self {
        let (certificate, key) = authority.issue("tls-front");
        Self::with_certificate(&certificate, &key, upstream).await
    }

    /// Starts it with the certificate and the key of these PEM files.
    ///
    /// # Panics
    /// As [`start`](Self::start), and if the files don't hold that.
    pub async fn with_certificate(certificate: &Path, key: &Path, upstream: &str) -> Self {
        Self::listen(acceptor(certificate, key, None).expect("a certificate and its key"), upstream).await
    }

    /// Starts it so that clients must have a certificate of this authority.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn for_clients_of(authority: &Authority, upstream: &str) -> Self {
        let (certificate, key) = authority.issue("tls-front");
        let clients = authority.certificate_file();
        Self::listen(acceptor(&certificate, &key, Some(&clients)).expect("certificates"), upstream).await
    }

    async fn listen(acceptor: TlsAcceptor, upstream: &str) -> Self {
        let upstream: SocketAddr = upstream.trim_start_matches("http://").parse().expect("http://ADDRESS:PORT");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let server = Server::start(move |connection| {
            count.fetch_add(1, Ordering::Relaxed);
            forward(connection, acceptor.clone(), upstream)
        });
        let server = server.await;
        Self { endpoint: server.endpoint().replace("http://", "https://"), connections, _server: server }
    }

    /// Its URL: `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many connections were opened to it, refused ones included.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for TlsFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFront").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// `clients` are the authorities of clients, which need no certificate without them.
fn acceptor(certificate: &Path, key: &Path, clients: Option<&Path>) -> Result<TlsAcceptor, Box<dyn Error>> {
    let certificates = |file: &Path| -> Result<Vec<_>, Box<dyn Error>> {
        Ok(CertificateDer::pem_slice_iter(&fs::read(file)?).collect::<Result<_, _>>()?)
    };
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key)?)?;
    let builder = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(file)?);
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    Ok(TlsAcceptor::from(Arc::new(builder.with_single_cert(certificates(certificate)?, key)?)))
}

async fn forward(connection: Connection, acceptor: TlsAcceptor, upstream: SocketAddr) -> io::Result<()> {
    // A client that rejects the certificate closes the connection, and reports that itself.
    let mut client = acceptor.accept(connection.into_stream()).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
