//! TLS before a server that speaks none.

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

/// Listens with a certificate of an [`Authority`] and passes on what it hears. Dropping it ends all connections.
pub struct TlsFront {
    endpoint: String,
    _server: Server,
}

impl TlsFront {
    /// Starts one before the server at `http://ADDRESS:PORT`, as tasks of the calling runtime.
    ///
    /// # Panics
    /// When it can't listen, or the address is none.
    pub async fn start(authority: &Authority, before: &str) -> Self {
        let behind: SocketAddr = before.trim_start_matches("http://").parse().expect("http://ADDRESS:PORT");
        let (certificate, key) = authority.issue("tls-front");
        let acceptor = acceptor(&certificate, &key).expect("a certificate and its key");
        let server = Server::start(move |connection| pass_on(connection, acceptor.clone(), behind)).await;
        Self { endpoint: server.endpoint().replace("http://", "https://"), _server: server }
    }

    /// Where it listens: `https://127.0.0.1:PORT`.
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

async fn pass_on(connection: Connection, acceptor: TlsAcceptor, behind: SocketAddr) -> io::Result<()> {
    // A client that doesn't take the certificate hangs up, which is its own affair.
    let mut client = acceptor.accept(connection.into_stream()).await?;
    let mut server = TcpStream::connect(behind).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
