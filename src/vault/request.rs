//! Request to Vault's API: method, path, body and whether it may be sent twice, before a token is
//! added.

use std::io;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{http, path};
use crate::{
    error::{Error, Result},
    transport::wiped,
};

const WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");

/// One request to the API.
#[derive(Clone)]
pub(crate) struct ApiRequest {
    pub(super) method: Method,
    /// The encoded path below the address, with its query.
    pub(super) target: String,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: &'static str,
    /// Headers of this request, which replace the connection's own.
    pub(super) headers: HeaderMap,
    /// Whether it may be sent again if its response was lost.
    pub(super) idempotent: bool,
    /// Whether a status such as 503 is retried. The health check wants to be told it.
    pub(super) patient: bool,
    /// Whether it goes to the root namespace, whatever the connection's own is.
    pub(super) in_root: bool,
}

impl ApiRequest {
    pub(super) fn is_change(&self) -> bool {
        self.method != Method::GET
    }

    /// A read.
    pub(crate) fn get(path: &str) -> Result<Self> {
        Self::new(Method::GET, path, true)
    }

    /// The names below a path: `list=true` rather than the method `LIST`, which some proxies block.
    pub(crate) fn list(path: &str) -> Result<Self> {
        Ok(Self::get(path)?.with_query("list=true"))
    }

    /// A write.
    pub(crate) fn post(path: &str, body: Zeroizing<String>) -> Result<Self> {
        Ok(Self { body: Some(wiped(body)), ..Self::new(Method::POST, path, false)? })
    }

    /// A change of some members.
    pub(crate) fn patch(path: &str, body: Zeroizing<String>) -> Result<Self> {
        let content_type = "application/merge-patch+json";
        Ok(Self { body: Some(wiped(body)), content_type, ..Self::new(Method::PATCH, path, false)? })
    }

    pub(super) fn delete(path: &str) -> Result<Self> {
        Self::new(Method::DELETE, path, false)
    }

    /// Adds a query, which must be encoded.
    pub(crate) fn with_query(self, query: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        Self { target: format!("{}{separator}{query}", self.target), ..self }
    }

    /// Allows another attempt if the response was lost.
    pub(crate) fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Forbids another attempt if the response was lost: the server may have acted on the request.
    pub(crate) fn once(self) -> Self {
        Self { idempotent: false, ..self }
    }

    /// Returns every status at once, without a retry.
    pub(crate) fn impatient(self) -> Self {
        Self { patient: false, ..self }
    }

    /// Sends the request to the root namespace, which alone has `sys/health`.
    pub(super) fn in_root_namespace(self) -> Self {
        Self { in_root: true, ..self }
    }

    /// Sends the request to another namespace than the connection's.
    pub(super) fn in_namespace(mut self, namespace: &str) -> Result<Self> {
        http::check_namespace(namespace)?;
        self.headers.insert(http::NAMESPACE, http::namespace_header(namespace)?);
        Ok(self)
    }

    /// Asks for the response to be wrapped for this many seconds.
    pub(super) fn wrapped_for(mut self, seconds: u64) -> Self {
        self.headers.insert(WRAP_TTL, HeaderValue::from(seconds));
        self
    }

    /// The path of the API, without the query, which may hold secrets such as a code of OIDC.
    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    /// The decoded values of the query.
    pub(super) fn query_values(&self) -> impl Iterator<Item = Zeroizing<String>> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let values = query.split('&').filter_map(|part| part.split_once('='));
        values.map(|(_, value)| Zeroizing::new(percent_decode_str(value).decode_utf8_lossy().into_owned()))
    }

    /// The mount of the login method that this request logs in by, such as `auth/approle/`.
    pub(super) fn mount_of_login(&self) -> String {
        let path = percent_decode_str(self.path().trim_start_matches("/v1/")).decode_utf8_lossy();
        format!("{}/", path.split("/login").next().unwrap_or(&path))
    }

    /// The policy rule that would allow the request.
    pub(super) fn right(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let path = percent_decode_str(path.trim_start_matches("/v1/")).decode_utf8_lossy();
        let capability = match self.method {
            Method::GET if query.split('&').any(|part| part == "list=true") => "list",
            Method::GET => "read",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "update",
        };
        format!("path {path:?} {{ capabilities = [{capability:?}] }}")
    }

    fn new(method: Method, path: &str, idempotent: bool) -> Result<Self> {
        path::check(path)?;
        let target = format!("/v1/{}", path::encode(path));
        let headers = HeaderMap::new();
        Ok(Self {
            method,
            target,
            body: None,
            content_type: "application/json",
            headers,
            idempotent,
            patient: true,
            in_root: false,
        })
    }
}

/// `body` as the text of a JSON object. `()` and `None` give an empty object.
///
/// # Errors
/// `InvalidInput` if it can't be written as JSON, or is no object. The message doesn't repeat it.
pub(super) fn json_object<B: Serialize + ?Sized>(body: &B) -> Result<Zeroizing<String>> {
    let mut buffer = WipingBuffer::default();
    let invalid = || Error::invalid_input("the body can't be written as a JSON object");
    serde_json::to_writer(&mut buffer, body).map_err(|_| invalid())?;
    match std::str::from_utf8(&buffer.0) {
        Ok("null") => Ok(Zeroizing::new("{}".to_owned())),
        Ok(text) if text.starts_with('{') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(invalid()),
    }
}

/// A buffer that wipes the old memory when it grows.
#[derive(Default)]
struct WipingBuffer(Zeroizing<Vec<u8>>);

impl io::Write for WipingBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_an_object_and_an_error_does_not_repeat_it() {
        assert_eq!(
            *json_object(&json!({ "a": "x".repeat(100) })).expect("an object"),
            json!({ "a": "x".repeat(100) }).to_string()
        );
        assert_eq!(*json_object(&()).expect("nothing"), "{}");
        for wrong in [json!("hunter2"), json!(["hunter2"]), json!(1)] {
            let error = json_object(&wrong).expect_err("no object");
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_denied_request_names_the_capability_that_it_needs() {
        let list = ApiRequest::list("secret/metadata").expect("a path").with_query("after=x");
        assert_eq!(list.target, "/v1/secret/metadata?list=true&after=x");
        assert_eq!(list.right(), r#"path "secret/metadata" { capabilities = ["list"] }"#);
        let delete = ApiRequest::delete("secret/data/x").expect("a path");
        assert_eq!(delete.right(), r#"path "secret/data/x" { capabilities = ["delete"] }"#);
    }
}
