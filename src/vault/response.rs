//! Response of Vault's API: data, lease, auth, wrap info and warnings, in a buffer that is wiped.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use reqwest::header::HeaderValue;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{destination::Destination, token::Token};
use crate::{
    error::{Error, Result},
    secret::{
        Json, JsonKind, Metadata, Secret,
        json::{ROOT, Tree},
    },
};

/// A response of the server. `Debug` shows no value and no token, and the body is wiped on drop.
///
/// ```no_run
/// # async fn example(vault: s1crets::vault::Vault) -> s1crets::Result<()> {
/// let response = vault.read("database/creds/app").idempotent(false).await?;
/// let password = response.secret()?.key("password")?;
/// if let (Some(lease), true) = (response.lease_id(), response.is_renewable()) {
///     let body = serde_json::json!({ "lease_id": lease, "increment": 3600 });
///     let renewed = vault.write("sys/leases/renew", &body).idempotent(true).await?;
///     println!("renewed for {:?}", renewed.lease_duration());
/// }
/// # drop(password);
/// # Ok(()) }
/// ```
pub struct Response {
    pub(crate) status: u16,
    /// Whether there is no body at all.
    empty: bool,
    text: Zeroizing<String>,
    /// `None` if the body is not JSON.
    tree: Option<Tree>,
    /// The token that was sent, to check whether an error repeats it. `None` if none was.
    pub(super) sent: Option<HeaderValue>,
    /// Where the request was sent; `None` in tests.
    pub(super) destination: Option<Destination>,
}

/// The `auth` of a response: a token that the server issued or renewed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthInfo {
    /// The token. `Debug` is redacted.
    pub token: Token,
    /// Names the token without giving it away: an administrator can look it up and revoke it.
    pub accessor: String,
    /// All policies, of the token and of its identity.
    pub policies: Vec<String>,
    /// How long the token lives from the request on; `None` for one that never expires.
    pub ttl: Option<Duration>,
    /// Whether the token can be renewed.
    pub renewable: bool,
    /// How many calls the token is good for; `None` if that is not limited.
    pub uses: Option<u64>,
    /// `service` or `batch`.
    pub token_type: String,
    /// The identity entity of the token; empty if it has none.
    pub entity_id: String,
    /// Whether the token outlives the one that created it.
    pub orphan: bool,
    /// What the login method noted, such as the user name or the role.
    pub metadata: BTreeMap<String, String>,
}

/// The `wrap_info` of a response: where the wrapped response can be fetched, once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WrapInfo {
    /// The wrapping token, for [`Vault::unwrap`](crate::vault::Vault::unwrap). `Debug` is redacted.
    pub token: Token,
    /// Names the wrapping token without giving it away.
    pub accessor: String,
    /// How long it can be unwrapped.
    pub ttl: Duration,
    /// When it was made, by the server's clock.
    pub created: Option<SystemTime>,
    /// The path that made it.
    pub creation_path: String,
    /// The accessor of the token that is wrapped; `None` if it is no token.
    pub wrapped_accessor: Option<String>,
}

/// What the body says.
impl Response {
    /// The whole body; `None` if there is none. Few responses have more in it than the methods here
    /// give: `sys/health` and `sys/seal-status` have.
    pub fn json(&self) -> Option<Json<'_>> {
        self.tree.as_ref().map(|tree| Json::new(&self.text, tree, ROOT))
    }

    /// The id that the server's audit log has for the request.
    pub fn request_id(&self) -> Option<&str> {
        self.text("request_id")
    }

    /// The `data` as JSON. See [`parse`](Self::parse) and [`secret`](Self::secret).
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if there is none, as in most responses to a write.
    pub fn data(&self) -> Result<Json<'_>> {
        self.object("data").ok_or_else(malformed_response)
    }

    /// The `data` as a secret, which keeps it wiped and redacted after the response is dropped.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn secret(&self) -> Result<Secret> {
        Ok(Secret::text(self.data()?.raw(), Metadata::default()))
    }

    /// The `data` as a type of yours. What serde makes of it is yours to wipe.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if there is none, or it has another shape. The
    /// message says where, not what.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        self.secret()?.parse()
    }

    /// The lease of a dynamic secret, for `sys/leases/renew` and `sys/leases/revoke`; `None` if the
    /// response has no lease.
    pub fn lease_id(&self) -> Option<&str> {
        self.text("lease_id")
    }

    /// How long the lease lives from the request on. KV version 1 tells here how long a value may
    /// be used.
    pub fn lease_duration(&self) -> Option<Duration> {
        seconds(self.json()?, "lease_duration").filter(|duration| !duration.is_zero())
    }

    /// Whether the lease can be renewed.
    pub fn is_renewable(&self) -> bool {
        self.json().and_then(|json| json.get("renewable")).and_then(Json::as_bool).unwrap_or(false)
    }

    /// The token that the server issued or renewed, if any.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the response has an `auth` without a token.
    pub fn auth(&self) -> Result<Option<AuthInfo>> {
        let Some(auth) = self.object("auth") else {
            return Ok(None);
        };
        let token = text_of(auth, "client_token").ok_or_else(malformed_response)?;
        Ok(Some(AuthInfo {
            token: Token::new(token),
            accessor: text_of(auth, "accessor").unwrap_or_default().to_owned(),
            policies: list_of(auth, "policies"),
            ttl: seconds(auth, "lease_duration").filter(|ttl| !ttl.is_zero()),
            renewable: is_true(auth, "renewable"),
            uses: count_of(auth, "num_uses"),
            token_type: text_of(auth, "token_type").unwrap_or_default().to_owned(),
            entity_id: text_of(auth, "entity_id").unwrap_or_default().to_owned(),
            orphan: is_true(auth, "orphan"),
            metadata: map_of(auth, "metadata"),
        }))
    }

    /// The wrapping token, if the response was wrapped.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the response has a `wrap_info` without a token.
    pub fn wrap_info(&self) -> Result<Option<WrapInfo>> {
        let Some(info) = self.object("wrap_info") else {
            return Ok(None);
        };
        let token = text_of(info, "token").ok_or_else(malformed_response)?;
        Ok(Some(WrapInfo {
            token: Token::new(token),
            accessor: text_of(info, "accessor").unwrap_or_default().to_owned(),
            ttl: seconds(info, "ttl").unwrap_or_default(),
            created: time_of(info, "creation_time"),
            creation_path: text_of(info, "creation_path").unwrap_or_default().to_owned(),
            wrapped_accessor: text_of(info, "wrapped_accessor").map(str::to_owned),
        }))
    }

    /// What the server warns of, such as a TTL that it cut to the maximum.
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.json().and_then(|json| json.get("warnings"));
        let warnings = warnings.filter(|warnings| warnings.kind() == JsonKind::Array);
        warnings.map(|warnings| warnings.elements().filter_map(Json::as_str).collect()).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<&str> {
        text_of(self.json()?, key)
    }
}

impl Response {
    pub(super) fn new(status: u16, body: Zeroizing<Vec<u8>>) -> Self {
        let text = Zeroizing::new(std::str::from_utf8(&body).unwrap_or_default().to_owned());
        let tree = Tree::parse(&text).ok();
        Self { status, empty: body.is_empty(), text, tree, sent: None, destination: None }
    }

    /// A member of the body that is an object: `data`, `auth`, `wrap_info`.
    pub(crate) fn object(&self, key: &str) -> Option<Json<'_>> {
        self.json()?.get(key).filter(|json| json.kind() == JsonKind::Object)
    }

    /// Whether the server itself responded, rather than a proxy. The server's errors are strings;
    /// other products have objects there.
    pub(crate) fn is_from_vault(&self) -> bool {
        let strings = |errors: Json<'_>| {
            errors.kind() == JsonKind::Array && errors.elements().all(|error| error.kind() == JsonKind::String)
        };
        self.json().is_some_and(|json| json.get("errors").is_some_and(strings) || json.get("request_id").is_some())
    }

    /// The server's explanations of an error. A secret that doesn't exist comes without any.
    pub(crate) fn explanations(&self) -> Vec<&str> {
        let errors = self.json().and_then(|json| json.get("errors"));
        let errors = errors.filter(|errors| errors.kind() == JsonKind::Array);
        errors.map(|errors| errors.elements().filter_map(Json::as_str).collect()).unwrap_or_default()
    }

    /// Where the request was sent, for hints.
    pub(crate) fn destination(&self) -> String {
        self.destination.as_ref().map_or_else(|| "the server".to_owned(), Destination::to_string)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .field("lease_id", &self.lease_id())
            .field("lease_duration", &self.lease_duration())
            .field("renewable", &self.is_renewable())
            .field("has_data", &self.object("data").is_some())
            .field("auth", &self.auth().ok().flatten())
            .field("wrap_info", &self.wrap_info().ok().flatten())
            .finish_non_exhaustive()
    }
}

/// A member that is a number of seconds.
pub(crate) fn seconds(json: Json<'_>, key: &str) -> Option<Duration> {
    let seconds = json.get(key)?.as_i64()?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// A member that is a string and not empty.
pub(super) fn text_of<'a>(json: Json<'a>, key: &str) -> Option<&'a str> {
    json.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// The strings of a member that is an array.
pub(super) fn list_of(json: Json<'_>, key: &str) -> Vec<String> {
    let list = json.get(key).filter(|list| list.kind() == JsonKind::Array);
    list.map(|list| list.elements().filter_map(Json::as_str).map(str::to_owned).collect()).unwrap_or_default()
}

/// The strings of a member that is an object.
pub(super) fn map_of(json: Json<'_>, key: &str) -> BTreeMap<String, String> {
    let map = json.get(key).filter(|map| map.kind() == JsonKind::Object);
    let text = |(key, value): (&str, Json<'_>)| Some((key.to_owned(), value.as_str()?.to_owned()));
    map.map(|map| map.members().filter_map(text).collect()).unwrap_or_default()
}

/// A member that is a count, where 0 means no limit.
pub(super) fn count_of(json: Json<'_>, key: &str) -> Option<u64> {
    json.get(key).and_then(Json::as_i64).and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0)
}

/// Whether a body without a success is the server's own: see [`Response::is_from_vault`].
pub(super) fn is_from_vault(body: &[u8]) -> bool {
    Response::new(0, Zeroizing::new(body.to_vec())).is_from_vault()
}

/// A member that is a time.
pub(super) fn time_of(json: Json<'_>, key: &str) -> Option<SystemTime> {
    parse_time(text_of(json, key)?)
}

/// A time of RFC 3339. A server writes some times in its own time zone.
pub(crate) fn parse_time(text: &str) -> Option<SystemTime> {
    let Some(zone) = text.len().checked_sub("+00:00".len()).filter(|_| !text.ends_with(['Z', 'z'])) else {
        return humantime::parse_rfc3339_weak(text).ok();
    };
    // humantime knows no offsets, and ignores some.
    let (local, offset) = text.split_at_checked(zone)?;
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let part = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?;
    let offset_by = Duration::from_secs(part(hours)? * 3600 + part(minutes)? * 60);
    match offset.as_bytes().first()? {
        b'+' => local.checked_sub(offset_by),
        b'-' => local.checked_add(offset_by),
        _ => None,
    }
}

pub(super) fn is_true(json: Json<'_>, key: &str) -> bool {
    json.get(key).and_then(Json::as_bool).unwrap_or(false)
}

/// The response is not what Vault answers to such a request.
pub(crate) fn malformed_response() -> Error {
    Error::corrupt("the answer is not one that Vault gives")
        .with_hint("does the address name a Vault or OpenBao server, or something else?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &str) -> Response {
        Response::new(200, Zeroizing::new(body.as_bytes().to_vec()))
    }

    #[test]
    fn a_time_in_any_zone_is_the_same_instant() {
        let utc = parse_time("2026-11-29T07:20:39.5Z").expect("UTC");
        for text in [
            "2026-11-29T08:20:39.5+01:00",
            "2026-11-29T02:20:39.5-05:00",
            "2026-11-29T07:20:39.5+00:00",
            "2026-11-29T12:50:39.500000000+05:30",
        ] {
            assert_eq!(parse_time(text), Some(utc), "{text}");
        }
        assert_eq!(parse_time("2026-11-29T08:20:39+01:00"), parse_time("2026-11-29T07:20:39Z"));
        for text in
            ["", "+01:00", "2026-11-29T08:20:39.5+1:00", "2026-11-29T08:20:39.5+aa:00", "2026-11-29T08:20:39.5 01:00"]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_value_and_no_token() {
        let shown = format!(
            "{:?}",
            response(
                r#"{"request_id":"r1","lease_id":"db/creds/app/x","lease_duration":60,"renewable":true,
                "data":{"password":"hunter2"},"auth":{"client_token":"hunter2","accessor":"a1","lease_duration":9},
                "wrap_info":{"token":"hunter2","accessor":"a2","ttl":60},"warnings":["hunter2 is weak"]}"#
            )
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        for part in ["r1", "db/creds/app/x", "60s", "a1", "a2"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn absent_parts_are_none() {
        for body in ["", "{}", r#"{"lease_id":"","lease_duration":0,"auth":null,"wrap_info":null,"warnings":null}"#] {
            let response = response(body);
            assert_eq!((response.lease_id(), response.lease_duration(), response.is_renewable()), (None, None, false));
            assert!(response.auth().expect("none").is_none() && response.wrap_info().expect("none").is_none());
            assert!(response.warnings().is_empty() && response.data().is_err() && response.secret().is_err());
        }
    }
}
