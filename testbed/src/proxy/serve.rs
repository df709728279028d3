//! The fault proxy: its API for tests, and how it serves a request.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::time::sleep;

use super::{
    Fault, Hold, Scripted, error_reply,
    forward::forward,
    gate::Gate,
    log::{Exchange, Log},
    script::{Script, Selector},
};
use crate::{
    http::{Request, Response},
    server::{Connection, Server},
};

/// An HTTP proxy in front of one server. Dropping it closes all its connections.
///
/// It runs as tasks of the runtime that started it, so a test that blocks its thread needs a
/// multi-threaded runtime.
pub struct FaultProxy {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    script: Script,
    log: Log,
    gate: Gate,
    connections: AtomicUsize,
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream`, which is `http://HOST:PORT`.
    pub async fn start(upstream: &str) -> Self {
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            script: Script::default(),
            log: Log::default(),
            gate: Gate::new(),
            connections: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |connection| {
            let shared = Arc::clone(&serving);
            shared.connections.fetch_add(1, Ordering::Relaxed);
            async move { shared.serve(connection).await }
        });
        Self { server: server.await, shared }
    }

    /// Its URL, to use instead of the upstream's: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Scripts a fault for an [operation](Request::operation). Faults that were scripted before
    /// take precedence.
    pub fn fault(&self, operation: &str, fault: Fault) -> Scripted<'_> {
        let selector = Selector::Operation(operation.to_owned());
        self.shared.script.fault(selector, fault)
    }

    /// Scripts a fault for every request.
    pub fn fault_any(&self, fault: Fault) -> Scripted<'_> {
        self.shared.script.fault(Selector::All, fault)
    }

    /// Scripts a fault for the requests for which `predicate` is true.
    pub fn fault_if(&self, predicate: impl Fn(&Request) -> bool + Send + Sync + 'static, fault: Fault) -> Scripted<'_> {
        self.shared.script.fault(Selector::If(Box::new(predicate)), fault)
    }

    /// Removes all faults. A request to which one was applied already keeps it.
    pub fn clear(&self) {
        self.shared.script.clear();
    }

    /// Holds back every request until the returned guard is dropped.
    pub fn hold(&self) -> Hold {
        self.shared.gate.hold()
    }

    /// The number of requests that are held back. It includes those whose client has disconnected.
    pub fn waiting(&self) -> usize {
        self.shared.gate.waiting()
    }

    /// Waits until at least this many requests are held back.
    ///
    /// # Panics
    /// If they have not arrived after 20 seconds.
    pub async fn wait_for_held(&self, count: usize) {
        self.shared.gate.wait_for_held(count).await;
    }

    /// How many connections were opened to it, those that have ended included.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many requests there were for an [operation](Request::operation), whatever became of
    /// them.
    pub fn count(&self, operation: &str) -> usize {
        self.shared.log.count(operation)
    }

    /// The number of requests for each operation.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.shared.log.counts()
    }

    /// The number of all requests.
    pub fn total(&self) -> usize {
        self.shared.log.total()
    }

    /// The requests for an operation, in the order in which they arrived.
    pub fn requests(&self, operation: &str) -> Vec<Request> {
        self.shared.log.requests(operation)
    }

    /// The requests for an operation that were answered, with their responses, in the order in
    /// which they arrived.
    pub fn exchanges(&self, operation: &str) -> Vec<Exchange> {
        self.shared.log.exchanges(operation)
    }

    /// The largest number of requests that were in flight at once.
    pub fn max_in_flight(&self) -> usize {
        self.shared.log.max_in_flight()
    }

    /// Forgets all requests. The maximum in flight restarts at the number in flight now.
    pub fn reset_counts(&self) {
        self.shared.log.reset();
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy")
            .field("endpoint", &self.endpoint())
            .field("upstream", &self.shared.upstream)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn serve(&self, mut connection: Connection) -> io::Result<()> {
        while let Some(request) = connection.next_request().await? {
            let operation = request.operation();
            let in_flight = self.log.record(&operation, &request);
            self.gate.pass().await;
            let fault = self.script.take(&operation, &request);
            match self.apply(fault, &request).await {
                Outcome::Respond(response) => {
                    in_flight.answered(&response);
                    connection.respond(&response).await?;
                }
                Outcome::Cut(response, length) => {
                    return connection.respond_cut(&response, length).await;
                }
                Outcome::Hang => return connection.wait_for_end().await,
                Outcome::Reset => return connection.reset(),
                Outcome::Close => return Ok(()),
            }
        }
        Ok(())
    }

    async fn apply(&self, fault: Fault, request: &Request) -> Outcome {
        let response = match fault {
            Fault::Pass => self.forward(request).await,
            Fault::Status(status) => Response { status, ..Response::default() },
            Fault::Usual(error) => error_reply::usual(error, request),
            Fault::AwsJson { status, code, message } => error_reply::aws_json(status, &code, &message, request),
            Fault::AwsQuery { status, code, message } => error_reply::aws_query(status, &code, &message),
            Fault::Delay(duration) => {
                sleep(duration).await;
                self.forward(request).await
            }
            Fault::Garbage => Response::new(200, "application/x-amz-json-1.1", "\u{0}{\"<not: json"),
            Fault::Respond { status, content_type, body } => Response::new(status, &content_type, body),
            Fault::Rewrite(from, to) => with_body(self.forward(request).await, |body| body.replace(&from, &to)),
            Fault::Element(name, text) => {
                with_body(self.forward(request).await, |body| with_element(body, &name, &text))
            }
            Fault::WithHeader(name, value) => {
                let mut request = request.clone();
                request.headers.push((name, value));
                self.forward(&request).await
            }
            Fault::Truncate(length) => return Outcome::Cut(self.forward(request).await, length),
            Fault::Hang => return Outcome::Hang,
            Fault::Reset => return Outcome::Reset,
            Fault::Close => return Outcome::Close,
        };
        Outcome::Respond(response)
    }

    async fn forward(&self, request: &Request) -> Response {
        forward(&self.upstream, request).await
    }
}

/// What the proxy does with the client's connection.
enum Outcome {
    Respond(Response),
    Cut(Response, usize),
    Hang,
    Reset,
    Close,
}

fn with_body(response: Response, change: impl FnOnce(&str) -> String) -> Response {
    let body = change(&String::from_utf8_lossy(&response.body));
    Response { body: body.into_bytes(), ..response }
}

/// Replaces the content of the first such element. A document without one stays unchanged.
fn with_element(document: &str, name: &str, text: &str) -> String {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = document.split_once(&start);
    let Some((before, (_, after))) = parts.and_then(|(before, rest)| Some((before, rest.split_once(&end)?))) else {
        return document.to_owned();
    };
    format!("{before}{start}{text}{end}{after}")
}
