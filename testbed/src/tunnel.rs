//! An HTTP `CONNECT` proxy, as companies run at the border of their network.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    http::Response,
    server::{Connection, Server},
};

/// A proxy that supports only `CONNECT`, and records its targets. Dropping it closes all tunnels.
#[derive(Debug)]
pub struct Tunnel {
    server: Server,
    opened: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Starts the proxy, as tasks of the current runtime.
    pub async fn start() -> Self {
        let opened = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&opened);
        let server = Server::start(move |connection| serve(connection, Arc::clone(&log)));
        Self { server: server.await, opened }
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The targets of all tunnels so far, each as `HOST:PORT`, in order.
    pub fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut connection: Connection, opened: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    while let Some(request) = connection.next_request().await? {
        if request.method == "CONNECT" {
            opened.lock().unwrap_or_else(PoisonError::into_inner).push(request.path.clone());
            return connection.tunnel(&request.path).await;
        }
        connection.respond(&Response::new(405, "text/plain", "only CONNECT is supported")).await?;
    }
    Ok(())
}
