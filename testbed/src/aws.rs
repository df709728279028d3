//! Planting values in moto without the SDK that is under test.

use std::{
    error::Error,
    fmt, process,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{client, http::Response};

const JSON: &str = "application/x-amz-json-1.1";
const FORM: &str = "application/x-www-form-urlencoded";

/// Plants values in one account and region of a moto server.
///
/// Its calls block, so give it moto itself and not a proxy that runs in the test's own thread.
#[derive(Clone, Debug)]
pub struct AwsSeed {
    endpoint: String,
    region: String,
    account: Option<String>,
}

impl AwsSeed {
    /// For moto's default account, 123456789012.
    pub fn new(endpoint: &str, region: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), region: region.to_owned(), account: None }
    }

    /// The same for another account, whose stores are its own.
    pub fn with_account(self, account: &str) -> Self {
        Self { account: Some(account.to_owned()), ..self }
    }

    /// Puts a parameter and returns its version. `kind` is `String`, `StringList` or
    /// `SecureString`. One that exists is overwritten, which makes a new version.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn put_parameter(&self, name: &str, value: &str, kind: &str) -> u64 {
        let input = json!({ "Name": name, "Value": value, "Type": kind, "Overwrite": true });
        let reply = self.must("AmazonSSM.PutParameter", &input);
        reply["Version"].as_u64().expect("moto numbers versions")
    }

    /// Creates a text secret and returns its ARN.
    ///
    /// # Panics
    /// When moto refuses: a secret of that name exists, say.
    pub fn create_secret(&self, name: &str, text: &str) -> String {
        self.create(&json!({ "Name": name, "SecretString": text }))
    }

    /// Creates a binary secret and returns its ARN.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn create_secret_binary(&self, name: &str, bytes: &[u8]) -> String {
        self.create(&json!({ "Name": name, "SecretBinary": BASE64_STANDARD.encode(bytes) }))
    }

    /// Puts a new version of a text secret and returns the version's id.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn put_secret(&self, name: &str, text: &str) -> String {
        let input = json!({ "SecretId": name, "SecretString": text });
        text_of(&self.must("secretsmanager.PutSecretValue", &input), "VersionId")
    }

    /// Any call of the JSON protocol: `call("secretsmanager.DeleteSecret", &json!({…}))`.
    ///
    /// # Errors
    /// When the status is not 2xx.
    ///
    /// # Panics
    /// When the server can't be talked to.
    pub fn call(&self, target: &str, input: &Value) -> Result<Value, SeedError> {
        let service = match target.split_once('.') {
            Some(("AmazonSSM", _)) => "ssm",
            Some((prefix, _)) => prefix,
            None => panic!("{target} is not SERVICE.OPERATION"),
        };
        let headers = [("content-type", JSON), ("x-amz-target", target)];
        let reply = self.send(service, &headers, input.to_string().as_bytes());
        let body = checked(target, reply)?;
        Ok(serde_json::from_str(&body).unwrap_or_default())
    }

    /// Any call of the query protocol, which answers in XML:
    /// `query("iam", &[("Action", "CreateUser"), …])`.
    ///
    /// # Errors
    /// When the status is not 2xx.
    ///
    /// # Panics
    /// When the server can't be talked to.
    pub fn query(&self, service: &str, fields: &[(&str, &str)]) -> Result<String, SeedError> {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let reply = self.send(service, &[("content-type", FORM)], body.as_bytes());
        checked(service, reply)
    }

    fn create(&self, input: &Value) -> String {
        text_of(&self.must("secretsmanager.CreateSecret", input), "ARN")
    }

    fn must(&self, target: &str, input: &Value) -> Value {
        match self.call(target, input) {
            Ok(reply) => reply,
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&self, service: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let authorization = self.authorization(service);
        let mut headers = [headers, &[("authorization", &authorization)]].concat();
        if let Some(account) = &self.account {
            headers.push(("x-moto-account-id", account));
        }
        match client::post(&self.endpoint, "/", &headers, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{} ({service}): {error}", self.endpoint),
        }
    }

    /// moto reads service and region from the scope; the signature counts only with its access
    /// control on.
    fn authorization(&self, service: &str) -> String {
        let region = &self.region;
        let scope = format!("test/20260101/{region}/{service}/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x")
    }
}

/// A call that was answered with another status than 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedError {
    /// What was called.
    pub operation: String,
    /// The HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, status, body } = self;
        write!(f, "{operation} was answered with {status}: {body}")
    }
}

impl Error for SeedError {}

/// A name that nothing else in this run has, so that tests can share a server:
/// `unique("/db/")` is `/db/4711-0`.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{}-{number}", process::id())
}

fn checked(operation: &str, reply: Response) -> Result<String, SeedError> {
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    if (200..300).contains(&reply.status) {
        return Ok(body);
    }
    Err(SeedError { operation: operation.to_owned(), status: reply.status, body })
}

fn text_of(reply: &Value, member: &str) -> String {
    let text = reply[member].as_str();
    text.unwrap_or_else(|| panic!("no {member} in {reply}")).to_owned()
}
