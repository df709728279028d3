//! An HTTP server that answers with a function of the test, and records its requests.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    http::{Request, Response},
    server::{Connection, Server},
};

/// The response of a [`Stub`]: a status, headers and a body.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    response: Response,
    /// The pause before each byte of the body; `None` sends it at once.
    dripping: Option<Duration>,
}

impl Answer {
    /// Creates a response. Its content type is JSON, whatever the body is.
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self { response: Response::new(status, "application/json", body.to_string()), dripping: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        Self { response: self.response.with_header(name, value), ..self }
    }

    /// Sends the body byte by byte, with this pause before each.
    #[must_use]
    pub fn dripping(self, every: Duration) -> Self {
        Self { dripping: Some(every), ..self }
    }
}

/// An HTTP server that calls a function for each request. Dropping it closes all its connections.
pub struct Stub {
    server: Server,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Starts a server that answers with `answer`, as tasks of the current runtime.
    pub async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        let server = Server::start(move |connection| serve(connection, Arc::clone(&log), Arc::clone(&answer)));
        Self { server: server.await, requests }
    }

    /// Its URL: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

async fn serve<F: Fn(&Request) -> Answer>(
    mut connection: Connection,
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<F>,
) -> io::Result<()> {
    while let Some(request) = connection.next_request().await? {
        lock(&requests).push(request.clone());
        let Answer { response, dripping } = answer(&request);
        match dripping {
            Some(every) => return connection.respond_dripping(&response, every).await,
            None => connection.respond(&response).await?,
        }
    }
    Ok(())
}

fn lock(requests: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
