//! Redirects: which ones are followed, and how many.
//!
//! They are followed here and not by reqwest, because the credentials go along. So a redirect may
//! lead only to the same call, and never to where more people could read it on the way:
//!
//! - 307 is a standby's way to name the active node. It may lead to another host.
//! - 308 is a gateway's. It may lead to another path of the same server.
//! - 301, 302 and 303 lose the method and the body of a request. Gateways send them to add TLS or a
//!   path, or to have somebody log in.
//!
//! One that is not followed is told with its target, as the address in the settings is mostly to be
//! replaced by that.

use reqwest::{StatusCode, Url};

use super::address::Address;

/// A standby names the active node, which may have stepped down meanwhile.
pub(super) const MOST_REDIRECTS: usize = 3;

/// A redirect that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedRedirect {
    pub(crate) status: u16,
    /// Where it leads, without user name and query. `None` if it names no URL.
    pub(crate) target: Option<String>,
    pub(crate) why: &'static str,
    /// The address that would lead there at once; `None` if it is another call or less safe.
    pub(crate) instead: Option<String>,
    is_transient: bool,
}

impl RefusedRedirect {
    /// Whether a further attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        self.is_transient
    }

    /// Nodes that redirect to each other, as in the middle of an election.
    pub(super) fn endless(status: StatusCode) -> Self {
        let why = "the nodes redirect to each other";
        Self { status: status.as_u16(), target: None, why, instead: None, is_transient: true }
    }
}

/// Whether a response sends the request elsewhere. 307 and 308 are nothing else.
pub(super) fn is_redirect(status: StatusCode, has_location: bool) -> bool {
    match status.as_u16() {
        307 | 308 => true,
        301..=303 => has_location,
        _ => false,
    }
}

impl Address {
    /// The path of a URL of this address, without the address's own path.
    pub(super) fn call_of<'a>(&self, url: &'a Url) -> &'a str {
        let path = url.path();
        path.strip_prefix(self.path()).unwrap_or(path)
    }

    /// Where a redirect of `from` leads. `call` is the path of the request, by
    /// [`call_of`](Self::call_of).
    pub(super) fn redirected(
        &self,
        status: StatusCode,
        from: &Url,
        call: &str,
        location: &str,
    ) -> Result<Url, RefusedRedirect> {
        let refused = |why, to: Option<&Url>| RefusedRedirect {
            status: status.as_u16(),
            target: to.map(|to| shown(to).to_string()),
            why,
            instead: to.and_then(|to| instead(from, to, call)),
            is_transient: to.is_none(),
        };
        let to = Some(location).filter(|location| !location.is_empty()).and_then(|location| from.join(location).ok());
        let Some(to) = to.filter(Url::has_host) else { return Err(refused("it names no address", None)) };
        let why = if self.unix_socket().is_some() {
            "the address is a socket"
        } else if to.scheme() != from.scheme() {
            "it leads to another protocol"
        } else if !to.username().is_empty() || to.password().is_some() {
            "it holds a user name"
        } else if !to.path().ends_with(call) || to.query() != from.query() {
            "it leads to another call"
        } else if !matches!(status.as_u16(), 307 | 308) {
            "it need not keep the method of the request"
        } else if status.as_u16() == 308 && to.origin() != from.origin() {
            "it leads to another server"
        } else {
            return Ok(to);
        };
        Err(refused(why, Some(&to)))
    }
}

/// A URL as it may be told: its query or its user name could be secret.
fn shown(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither fails: a URL with a host can have a user name.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// The address whose call a redirect leads to.
fn instead(from: &Url, to: &Url, call: &str) -> Option<String> {
    let is_safe = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    let mut address = shown(to);
    let prefix = to.path().strip_suffix(call)?.to_owned();
    address.set_path(&prefix);
    is_safe.then(|| address.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(status: u16, from: &str, location: &str) -> Result<String, RefusedRedirect> {
        let address = Address::parse(from).expect("an address");
        let from = address.join("/v1/secret/data/x?version=1").expect("a URL");
        let call = address.call_of(&from);
        assert_eq!(call, "/v1/secret/data/x");
        let status = StatusCode::from_u16(status).expect("a status");
        address.redirected(status, &from, call, location).map(|url| url.to_string())
    }

    const CALL: &str = "/v1/secret/data/x?version=1";

    #[test]
    fn redirects_lead_to_the_same_call_as_safely_or_nowhere() {
        let to = |location: &str| redirected(307, "https://a:8200/gateway/", location);
        for active in ["https://b:8200", "https://b/other"] {
            let active = format!("{active}{CALL}");
            assert_eq!(to(&active).expect("followed"), active);
        }
        for location in [
            "",
            "http://b:8200/v1/secret/data/x?version=1",
            "https://b:8200/v1/secret/data/y?version=1",
            "https://b:8200/v1/secret/data/x",
            "https://u@b:8200/v1/secret/data/x?version=1",
            "https://",
            "mailto:x",
        ] {
            assert!(to(location).is_err(), "{location}");
        }
    }

    #[test]
    fn only_a_standbys_307_leads_to_another_server() {
        for (status, location, followed) in [
            (307, "https://b/v1/secret/data/x?version=1", true),
            (308, "https://b/v1/secret/data/x?version=1", false),
            (308, "https://a:8201/v1/secret/data/x?version=1", false),
            (308, "https://a/vault/v1/secret/data/x?version=1", true),
            (308, "/vault/v1/secret/data/x?version=1", true),
            (301, "/vault/v1/secret/data/x?version=1", false),
            (302, "https://a/v1/secret/data/x?version=1", false),
            (303, "https://a/v1/secret/data/x?version=1", false),
        ] {
            assert_eq!(redirected(status, "https://a", location).is_ok(), followed, "{status} {location}");
        }
    }

    #[test]
    fn a_refused_redirect_names_the_address_to_use_instead() {
        for (from, location, target, instead) in [
            ("http://a", format!("https://a{CALL}"), "https://a/v1/secret/data/x", Some("https://a")),
            (
                "http://a:80",
                format!("https://b:8200/p{CALL}"),
                "https://b:8200/p/v1/secret/data/x",
                Some("https://b:8200/p"),
            ),
            ("https://a", format!("https://a/p{CALL}"), "https://a/p/v1/secret/data/x", Some("https://a/p")),
            // No advice to give TLS up.
            ("https://a", format!("http://a{CALL}"), "http://a/v1/secret/data/x", None),
            ("https://a", "https://me:hunter2@sso/login?state=hunter2#x".to_owned(), "https://sso/login", None),
        ] {
            let refused = redirected(301, from, &location).expect_err("not followed");
            assert_eq!((refused.target.as_deref(), refused.instead.as_deref()), (Some(target), instead), "{location}");
            assert!(!refused.is_transient());
        }
    }
}
