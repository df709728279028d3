//! A server that answers as a test says, and keeps what it was asked.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    http::{Request, Response},
    server::{Connection, Server},
};

/// What a [`Stub`] answers: a status, headers and a body.
#[derive(Clone, Debug, Default)]
pub struct Answer(Response);

impl Answer {
    /// JSON, or whatever else the body is.
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self(Response::new(status, "application/json", body.to_string()))
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        Self(self.0.with_header(name, value))
    }
}

/// A server of one function. Dropping it ends all its connections.
pub struct Stub {
    server: Server,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Starts one, as tasks of the calling runtime.
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let server = Server::start(move |connection| serve(connection, Arc::clone(&log), Arc::clone(&answer)));
        Self { server: server.await, asked }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.asked).clone()
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

async fn serve<F: Fn(&Request) -> Answer>(
    mut connection: Connection,
    asked: Arc<Mutex<Vec<Request>>>,
    answer: Arc<F>,
) -> io::Result<()> {
    while let Some(request) = connection.next_request().await? {
        lock(&asked).push(request.clone());
        connection.respond(&answer(&request).0).await?;
    }
    Ok(())
}

fn lock(asked: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
