//! Checks that a reply comes from a KV engine, and revokes a lease or token that another engine issued.

use std::time::{Duration, SystemTime};

use super::{
    VaultKv,
    mounts::{READS_KV_ALONE, is_kv, name_the_mount, other_engine},
    place::Place,
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::Json,
    vault::{ApiRequest, Fields, Response, Vault, from_response, malformed_response, seconds},
};

/// Lease ids and accessors are cut here in messages: they are far shorter.
const LONGEST_ID: usize = 300;

/// A lease or token that a reply carries besides its data. A KV engine issues neither.
struct Issued {
    what: What,
    /// The lease id, or the accessor of the token. Empty if the reply has none.
    id: String,
    ttl: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Lease,
    Token,
    WrappingToken,
}

impl VaultKv {
    /// Makes one call to a KV engine. A reply of any status is returned, as by [`Vault::send`].
    ///
    /// # Errors
    /// `Unsupported` if a KV engine can't have given the reply. Every reply is checked: the mount
    /// may be a guess, or may have been replaced since it was known as KV.
    pub(super) async fn call(&self, call: &ApiRequest, policy: RetryPolicy) -> Result<Response> {
        let reply = self.vault.send(call, policy).await?;
        if !reply.is_success() {
            return Ok(reply);
        }
        if let Some(issued) = Issued::of(&reply) {
            return Err(issued.take_back(&self.vault, policy).await);
        }
        // Vault names the engine in its replies, OpenBao doesn't.
        let engine = reply.json().and_then(|json| json.get("mount_type")).and_then(Json::as_str);
        match engine {
            Some(engine) if !engine.is_empty() && !is_kv(engine) => Err(other_engine(engine)),
            _ => Ok(reply),
        }
    }

    /// The map of a secret, from a reply to a read of version 1.
    ///
    /// Such a reply is a plain map, as those of most engines are. What tells them apart is
    /// `lease_duration`: KV version 1 fills it from the secret's own `ttl` or `lease`, or else from
    /// the server's default, which is never zero. Other engines leave it at zero, unless they issue
    /// a lease. Where a secret's own `ttl` may be what makes it zero, the server is asked once more
    /// whether the mount is KV.
    ///
    /// # Errors
    /// `Unsupported` if it comes from another engine.
    pub(super) async fn map_v1<'a>(
        &self,
        reply: &'a Response,
        path: &str,
        place: &Place,
        policy: RetryPolicy,
    ) -> Result<Json<'a>> {
        let data = reply.data()?;
        let duration = reply.json().and_then(|json| json.get("lease_duration")).and_then(Json::as_i64);
        let is_secret = match duration.ok_or_else(malformed_response)? {
            0 => has_short_ttl(data) && self.mounts.confirm(&self.vault, path, place, policy).await?,
            _ => true,
        };
        if is_secret {
            return Ok(data);
        }
        self.mounts.forget(&place.mount);
        let message = "the reply comes from another engine, not from KV version 1";
        Err(refused(message.to_owned()).with_hint(name_the_mount(&place.mount)))
    }
}

/// Whether a secret's own `ttl` can be what makes `lease_duration` zero.
fn has_short_ttl(data: Json<'_>) -> bool {
    let own = data.get("ttl").or_else(|| data.get("lease"));
    own.is_some_and(|ttl| ttl.as_i64().is_none_or(|seconds| seconds == 0))
}

impl Issued {
    fn of(reply: &Response) -> Option<Self> {
        let text = |json: Json<'_>, key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let json = reply.json()?;
        let lease = text(json, "lease_id");
        if !lease.is_empty() {
            return Some(Self { what: What::Lease, id: lease, ttl: seconds(json, "lease_duration") });
        }
        if let Some(auth) = reply.object("auth") {
            let ttl = seconds(auth, "lease_duration");
            return Some(Self { what: What::Token, id: text(auth, "accessor"), ttl });
        }
        let wrapped = reply.object("wrap_info")?;
        Some(Self { what: What::WrappingToken, id: text(wrapped, "accessor"), ttl: seconds(wrapped, "ttl") })
    }

    /// Revokes it. Returns the error for the caller, which says whether it is revoked, and otherwise
    /// when it ends.
    async fn take_back(self, vault: &Vault, policy: RetryPolicy) -> Error {
        let ends = self.ttl.and_then(|ttl| SystemTime::now().checked_add(ttl));
        let message = self.message();
        if self.id.is_empty() {
            return refused(format!("{message} without an accessor, which can't be revoked{}", until(ends)));
        }
        let hint = format!("revoke it with a token that may: `{}`", self.command());
        // In a task of its own: a cancelled caller must not leave the lease behind.
        let vault = vault.clone();
        let revoked = tokio::spawn(async move { self.revoke(&vault, policy).await }).await;
        match revoked.unwrap_or_else(|error| Err(Error::new(ErrorKind::Unexpected, error.to_string()))) {
            Ok(()) => refused(format!("{message}, which has been revoked")).with_hint(READS_KV_ALONE),
            Err(error) => refused(format!("{message}, which could not be revoked{}: {}", until(ends), error.message()))
                .with_hint(hint)
                .with_source(error),
        }
    }

    async fn revoke(&self, vault: &Vault, policy: RetryPolicy) -> Result<()> {
        let fields = Fields::default();
        let call = match self.what {
            // With `sync` the response comes once the credentials are gone.
            What::Lease => {
                ApiRequest::post("sys/leases/revoke", fields.text("lease_id", &self.id).json("sync", "true").finish())
            }
            What::Token | What::WrappingToken => {
                ApiRequest::post("auth/token/revoke-accessor", fields.text("accessor", &self.id).finish())
            }
        };
        let call = call?.idempotent();
        let reply = vault.send(&call, policy).await?;
        if reply.is_success() { Ok(()) } else { Err(from_response(&reply, &call)) }
    }

    fn message(&self) -> String {
        let what = match self.what {
            What::Lease => "this is not a KV secret: the call issued the lease",
            What::Token => "this is not a KV secret: the call issued a token",
            What::WrappingToken => "the reply is wrapped, which no reply of KV is: the call issued a wrapping token",
        };
        match (self.what, self.shown_id()) {
            (_, id) if id.is_empty() => what.to_owned(),
            (What::Lease, id) => format!("{what} {id}"),
            (_, id) => format!("{what} with the accessor {id}"),
        }
    }

    fn command(&self) -> String {
        // A lease's id holds the path that was asked for, which may be anybody's text.
        let id = crate::shell::quoted(&self.shown_id());
        match self.what {
            What::Lease => format!("bao lease revoke {id}"),
            What::Token | What::WrappingToken => format!("bao token revoke -accessor {id}"),
        }
    }

    fn shown_id(&self) -> String {
        self.id.chars().filter(|character| !character.is_control()).take(LONGEST_ID).collect()
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

fn until(ends: Option<SystemTime>) -> String {
    match ends {
        Some(ends) => format!(" and ends at {}", humantime::format_rfc3339_seconds(ends)),
        None => " and ends at a time that the reply doesn't name".to_owned(),
    }
}
