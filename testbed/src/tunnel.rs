//! A proxy that opens tunnels: what stands between a network and the outside.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    http::Response,
    server::{Connection, Server},
};

/// A proxy of the method `CONNECT` alone, which keeps where it was asked to connect to. Dropping it ends all tunnels.
#[derive(Debug)]
pub struct Tunnel {
    server: Server,
    opened: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// Starts one, as tasks of the calling runtime.
    pub async fn start() -> Self {
        let opened = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&opened);
        let server = Server::start(move |connection| serve(connection, Arc::clone(&log)));
        Self { server: server.await, opened }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Where it was asked to connect to, each as `HOST:PORT`, in order.
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
        connection.respond(&Response::new(405, "text/plain", "tunnels alone")).await?;
    }
    Ok(())
}
