//! What the server answered.

use std::time::Duration;

use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    secret::{
        Json, JsonKind,
        json::{ROOT, Tree},
    },
};

/// A status with its body, which is wiped when dropped.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Whether there is no body at all.
    empty: bool,
    text: Zeroizing<String>,
    /// Absent where the body is no JSON.
    tree: Option<Tree>,
    /// The token that was sent, to see whether the reply repeats it.
    pub(super) sent: Option<HeaderValue>,
}

impl Reply {
    pub(super) fn new(status: u16, body: Zeroizing<Vec<u8>>) -> Self {
        let text = Zeroizing::new(std::str::from_utf8(&body).unwrap_or_default().to_owned());
        let tree = Tree::parse(&text).ok();
        Self { status, empty: body.is_empty(), text, tree, sent: None }
    }

    /// The whole body.
    pub(crate) fn json(&self) -> Option<Json<'_>> {
        self.tree.as_ref().map(|tree| Json::new(&self.text, tree, ROOT))
    }

    /// A member of the body that is an object itself: `data`, `auth`, `wrap_info`.
    pub(crate) fn object(&self, key: &str) -> Option<Json<'_>> {
        self.json()?.get(key).filter(|json| json.kind() == JsonKind::Object)
    }

    /// The `data` that a reply of success must have.
    ///
    /// # Errors
    /// `Corrupt` if it has none.
    pub(crate) fn data(&self) -> Result<Json<'_>> {
        self.object("data").ok_or_else(not_as_vault)
    }

    /// Whether this is one of the server's own answers, rather than of something in between. Its errors are texts; others
    /// have objects there.
    pub(crate) fn is_vaults(&self) -> bool {
        let texts = |errors: Json<'_>| {
            errors.kind() == JsonKind::Array && errors.elements().all(|error| error.kind() == JsonKind::String)
        };
        self.json().is_some_and(|json| json.get("errors").is_some_and(texts) || json.get("request_id").is_some())
    }

    /// Whether it has no body.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A member that is a number of seconds.
pub(crate) fn seconds(json: Json<'_>, key: &str) -> Option<Duration> {
    let seconds = json.get(key)?.as_i64()?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// The reply is not what Vault answers to such a call.
pub(crate) fn not_as_vault() -> Error {
    Error::corrupt("the answer is not one that Vault gives")
        .with_hint("does the address name a Vault or OpenBao server, or something else?")
}
