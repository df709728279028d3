//! One request to the API, before anybody has signed it with a token.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::Method;
use zeroize::Zeroizing;

use super::path;
use crate::{error::Result, transport::wiped};

/// A request: where to, with what, and whether it may be made twice.
pub(crate) struct Call {
    pub(super) method: Method,
    /// What follows the address, encoded, with its query.
    pub(super) target: String,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: &'static str,
    /// Whether a request whose answer was lost may be sent again.
    pub(super) idempotent: bool,
    /// Whether a status that asks for patience is to be waited for; health is asked to be told it.
    pub(super) patient: bool,
}

impl Call {
    pub(super) fn is_change(&self) -> bool {
        self.method != Method::GET
    }

    /// A read.
    pub(crate) fn get(path: &str) -> Result<Self> {
        Self::new(Method::GET, path, true)
    }

    /// The names below a path: `list=true` rather than the method `LIST`, which some proxies don't let through.
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

    /// The same with a query, which must be encoded.
    pub(crate) fn with_query(self, query: &str) -> Self {
        Self { target: format!("{}?{query}", self.target), ..self }
    }

    /// The same, which may be sent again if its answer was lost.
    pub(crate) fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// The same, which is not sent again if its answer was lost: it may do something after all.
    pub(crate) fn once(self) -> Self {
        Self { idempotent: false, ..self }
    }

    /// The same, where every status is an answer at once.
    pub(crate) fn impatient(self) -> Self {
        Self { patient: false, ..self }
    }

    /// What a policy says that allows it.
    pub(super) fn right(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let path = percent_decode_str(path.trim_start_matches("/v1/")).decode_utf8_lossy();
        let capability = match (&self.method, query) {
            (&Method::GET, "list=true") => "list",
            (&Method::GET, _) => "read",
            (&Method::PATCH, _) => "patch",
            _ => "update",
        };
        format!("path {path:?} {{ capabilities = [{capability:?}] }}")
    }

    fn new(method: Method, path: &str, idempotent: bool) -> Result<Self> {
        path::check(path)?;
        let target = format!("/v1/{}", path::encode(path));
        Ok(Self { method, target, body: None, content_type: "application/json", idempotent, patient: true })
    }
}
