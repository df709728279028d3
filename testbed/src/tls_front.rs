//! Terminates TLS in front of a server that has none.

use std::{error::Error, fmt, fs, io, net::SocketAddr, path::Path, sync::Arc};

use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    Authority,
    server::{Connection, Server},
};

/// Terminates TLS with a certificate of an [`Authority`], and forwards to a plain server. Dropping
/// it closes all connections.
pub struct TlsFront {
    endpoint: String,
    _server: Server,
}

impl TlsFront {
    /// Starts it in front of the server at `upstream`, which is `http://ADDRESS:PORT`, as tasks of
    /// the current runtime.
    ///
    /// # Panics
    /// If `upstream` is not valid, or there is no free port.
    pub async fn start(authority: &Authority, upstream: &str) -> Self {
        let upstream: SocketAddr = upstream.trim_start_matches("http://").parse().expect("http://ADDRESS:PORT");
        let (certificate, key) = authority.issue("tls-front");
        let acceptor = acceptor(&certificate, &key).expect("a certificate and its key");
        let server = Server::start(move |connection| forward(connection, acceptor.clone(), upstream)).await;
        Self { endpoint: server.endpoint().replace("http://", "https://"), _server: server }
    }

    /// Its URL: `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl fmt::Debug for TlsFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFront").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Box<dyn Error>> {
    let chain = CertificateDer::pem_slice_iter(&fs::read(certificate)?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key)?)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn forward(connection: Connection, acceptor: TlsAcceptor, upstream: SocketAddr) -> io::Result<()> {
    // A client that rejects the certificate closes the connection, and reports that itself.
    let mut client = acceptor.accept(connection.into_stream()).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
