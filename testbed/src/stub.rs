//! A server that answers as a test says, and keeps what it was asked.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    http::{Request, Response},
    server::{Connection, Server},
};

/// What a [`Stub`] answers: a status, headers and a body.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    response: Response,
    /// The pause before each byte of the body.
    dripping: Option<Duration>,
}

impl Answer {
    /// JSON, or whatever else the body is.
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self { response: Response::new(status, "application/json", body.to_string()), dripping: None }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        Self { response: self.response.with_header(name, value), ..self }
    }

    /// The same with a body that comes byte by byte, each this long after the one before.
    #[must_use]
    pub fn dripping(self, every: Duration) -> Self {
        Self { dripping: Some(every), ..self }
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
        let Answer { response, dripping } = answer(&request);
        match dripping {
            Some(every) => return connection.respond_dripping(&response, every).await,
            None => connection.respond(&response).await?,
        }
    }
    Ok(())
}

fn lock(asked: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
