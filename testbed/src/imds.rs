//! A fake EC2 instance metadata service (IMDSv2). moto's lacks the token's lifetime, the type of
//! the credentials and the identity document.

use std::{
    collections::{BTreeMap, HashSet},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use serde_json::json;

use crate::{
    http::{Request, Response},
    server::{Connection, Server},
};

const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// The longest lifetime of tokens and role credentials at the real service.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// A metadata service that responds like EC2's, for one instance with one role.
///
/// To make it slow or silent, put a [`FaultProxy`](crate::FaultProxy) in front of it.
pub struct FakeImds {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    region: String,
    role: String,
    access_key: String,
    secret_key: String,
    session_token: String,
    expires: SystemTime,
    tokens: HashSet<String>,
    counts: BTreeMap<String, usize>,
}

impl FakeImds {
    /// Starts the service for an instance in `region` with the role `role`, as tasks of the current
    /// runtime.
    pub async fn start(region: &str, role: &str) -> Self {
        let state = Arc::new(Mutex::new(State::new(region, role)));
        let serving = Arc::clone(&state);
        let server = Server::start(move |connection| serve(connection, Arc::clone(&serving)));
        Self { server: server.await, state }
    }

    /// Its URL, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// Sets the role's credentials and when they expire.
    pub fn set_credentials(&self, access: &str, secret: &str, token: &str, expires: SystemTime) {
        let mut state = self.state();
        access.clone_into(&mut state.access_key);
        secret.clone_into(&mut state.secret_key);
        token.clone_into(&mut state.session_token);
        state.expires = expires;
    }

    /// The number of requests for an operation: `count("PUT /latest/api/token")`.
    pub fn count(&self, operation: &str) -> usize {
        self.state().counts.get(operation).copied().unwrap_or(0)
    }

    /// The number of all requests.
    pub fn total(&self) -> usize {
        self.state().counts.values().sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl fmt::Debug for FakeImds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeImds")
            .field("endpoint", &self.endpoint())
            .field("counts", &self.state().counts)
            .finish_non_exhaustive()
    }
}

impl State {
    fn new(region: &str, role: &str) -> Self {
        Self {
            region: region.to_owned(),
            role: role.to_owned(),
            access_key: "ASIAFAKEIMDS00000000".to_owned(),
            secret_key: "fake-imds-secret-key".to_owned(),
            session_token: "fake-imds-session-token".to_owned(),
            expires: SystemTime::now() + LIFETIME,
            tokens: HashSet::new(),
            counts: BTreeMap::new(),
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        let operation = request.operation();
        *self.counts.entry(operation.clone()).or_default() += 1;
        if operation == "PUT /latest/api/token" {
            return self.issue_token(request);
        }
        let token = request.header("x-aws-ec2-metadata-token");
        if !token.is_some_and(|token| self.tokens.contains(token)) {
            return text(401, "");
        }
        self.document(&operation)
    }

    /// Issues a session token. The client must ask for a lifetime from one second to six hours, and
    /// the response repeats it.
    fn issue_token(&mut self, request: &Request) -> Response {
        let asked = request.header(TOKEN_TTL).and_then(|ttl| ttl.parse().ok());
        let Some(ttl) = asked.filter(|ttl| (1..=LIFETIME.as_secs()).contains(ttl)) else {
            return text(400, "");
        };
        let token = format!("AQAEAFakeImdsToken{:038}==", self.tokens.len());
        self.tokens.insert(token.clone());
        text(200, &token).with_header(TOKEN_TTL, &ttl.to_string())
    }

    fn document(&self, operation: &str) -> Response {
        let role = operation.strip_prefix("GET ").and_then(|path| path.strip_prefix(CREDENTIALS));
        match (operation, role) {
            ("GET /latest/meta-data/placement/region", _) => text(200, &self.region),
            ("GET /latest/dynamic/instance-identity/document", _) => self.identity(),
            // It has several lines, like the real one.
            ("GET /latest/dynamic/instance-identity/pkcs7", _) => text(200, "MIIFakeIdentity\nOfAnInstance=\n"),
            (_, Some("")) => text(200, &self.role),
            (_, Some(role)) if role == self.role => self.credentials(),
            _ => text(404, ""),
        }
    }

    fn credentials(&self) -> Response {
        let document = json!({
            "Code": "Success",
            "LastUpdated": time(SystemTime::now()),
            "Type": "AWS-HMAC",
            "AccessKeyId": self.access_key,
            "SecretAccessKey": self.secret_key,
            "Token": self.session_token,
            "Expiration": time(self.expires),
        });
        text(200, &format!("{document:#}"))
    }

    fn identity(&self) -> Response {
        let document = json!({
            "accountId": "123456789012",
            "architecture": "x86_64",
            "availabilityZone": format!("{}a", self.region),
            "imageId": "ami-00000000000000000",
            "instanceId": "i-00000000000000000",
            "instanceType": "t3.micro",
            "pendingTime": time(SystemTime::UNIX_EPOCH),
            "privateIp": "127.0.0.1",
            "region": self.region,
            "version": "2017-09-30",
        });
        text(200, &format!("{document:#}"))
    }
}

async fn serve(mut connection: Connection, state: Arc<Mutex<State>>) -> io::Result<()> {
    while let Some(request) = connection.next_request().await? {
        let response = lock(&state).answer(&request);
        connection.respond(&response).await?;
    }
    Ok(())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nothing panics while it holds the lock")
}

fn text(status: u16, body: &str) -> Response {
    Response::new(status, "text/plain", body).with_header("server", "EC2ws")
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}
