//! Stores values in moto, without the SDK that is under test.

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

/// Stores values in one account and region of a moto server.
///
/// Its calls block the thread. Don't send them through a proxy that runs in the same thread.
#[derive(Clone, Debug)]
pub struct AwsSeed {
    endpoint: String,
    region: String,
    account: Option<String>,
}

impl AwsSeed {
    /// Creates a seed for moto's default account, 123456789012.
    pub fn new(endpoint: &str, region: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), region: region.to_owned(), account: None }
    }

    /// Sets the account, by its 12 digits. Each account has separate stores.
    pub fn with_account(self, account: &str) -> Self {
        Self { account: Some(account.to_owned()), ..self }
    }

    /// Stores a parameter and returns its version. `kind` is `String`, `StringList` or
    /// `SecureString`. An existing parameter gets a new version.
    ///
    /// # Panics
    /// If moto refuses.
    pub fn put_parameter(&self, name: &str, value: &str, kind: &str) -> u64 {
        let input = json!({ "Name": name, "Value": value, "Type": kind, "Overwrite": true });
        let reply = self.must("AmazonSSM.PutParameter", &input);
        reply["Version"].as_u64().expect("moto numbers versions")
    }

    /// Creates a text secret and returns its ARN.
    ///
    /// # Panics
    /// If moto refuses, for example because the secret exists.
    pub fn create_secret(&self, name: &str, text: &str) -> String {
        self.create(&json!({ "Name": name, "SecretString": text }))
    }

    /// Creates a binary secret and returns its ARN.
    ///
    /// # Panics
    /// If moto refuses.
    pub fn create_secret_binary(&self, name: &str, bytes: &[u8]) -> String {
        self.create(&json!({ "Name": name, "SecretBinary": BASE64_STANDARD.encode(bytes) }))
    }

    /// Stores a new version of a text secret and returns the version's ID.
    ///
    /// # Panics
    /// If moto refuses.
    pub fn put_secret(&self, name: &str, text: &str) -> String {
        let input = json!({ "SecretId": name, "SecretString": text });
        text_of(&self.must("secretsmanager.PutSecretValue", &input), "VersionId")
    }

    /// Makes a call of the JSON protocol: `call("secretsmanager.DeleteSecret", &json!({…}))`.
    ///
    /// # Errors
    /// If the status is not 2xx.
    ///
    /// # Panics
    /// If the server can't be reached.
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

    /// Makes a call of the query protocol and returns the XML response:
    /// `query("iam", &[("Action", "CreateUser"), …])`.
    ///
    /// # Errors
    /// If the status is not 2xx.
    ///
    /// # Panics
    /// If the server can't be reached.
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

    /// moto takes the service and region from the credential scope. It ignores the signature unless
    /// access control is on.
    fn authorization(&self, service: &str) -> String {
        let region = &self.region;
        let scope = format!("test/20260101/{region}/{service}/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x")
    }
}

/// A call whose response had a status other than 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedError {
    /// The operation that was called.
    pub operation: String,
    /// The HTTP status.
    pub status: u16,
    /// The body of the response.
    pub body: String,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, status, body } = self;
        write!(f, "{operation} failed with status {status}: {body}")
    }
}

impl Error for SeedError {}

/// A name that is unique in this test run, so that tests can share a server: `unique("/db/")` may
/// be `/db/4711-0`.
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
