//! Redirects (307 and 308): which ones are followed, and how many.
//!
//! They are followed here and not by reqwest, because the credentials go along. So a redirect may
//! lead only to the same call on another node, and never to where more people could read it on the
//! way.

use reqwest::{StatusCode, Url};

use super::address::Address;

/// A standby names the active node, which may have stepped down meanwhile.
pub(super) const MOST_REDIRECTS: usize = 3;

/// Whether a status redirects the same request: method and body included. The other redirects lose
/// the method.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 307 | 308)
}

impl Address {
    /// The path of a URL of this address, without the address's own path.
    pub(super) fn call_of<'a>(&self, url: &'a Url) -> &'a str {
        let path = url.path();
        path.strip_prefix(self.path()).unwrap_or(path)
    }

    /// Where a redirect of `from` leads, or why it is not followed. `call` is the path of the
    /// request, by [`call_of`](Self::call_of).
    pub(super) fn redirected(&self, from: &Url, call: &str, location: &str) -> Result<Url, &'static str> {
        let to = from.join(location).map_err(|_| "it names no address")?;
        if self.unix_socket().is_some() {
            return Err("the address is a socket");
        }
        if to.scheme() != from.scheme() {
            return Err("it leads from https to http, or to another protocol");
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err("it holds a user name");
        }
        if location.is_empty() || !to.path().ends_with(call) || to.query() != from.query() {
            return Err("it leads to another call");
        }
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_the_same_call_as_safely_or_nowhere() {
        let address = Address::parse("https://a:8200/gateway/").expect("an address");
        let from = address.join("/v1/secret/data/x?version=1").expect("a URL");
        let call = address.call_of(&from);
        assert_eq!(call, "/v1/secret/data/x");
        let to = |location: &str| address.redirected(&from, call, location).map(|url| url.to_string());
        for active in ["https://b:8200/v1/secret/data/x?version=1", "https://b/other/v1/secret/data/x?version=1"] {
            assert_eq!(to(active).expect("followed"), active);
        }
        for location in [
            "",
            "http://b:8200/v1/secret/data/x?version=1",
            "https://b:8200/v1/secret/data/y?version=1",
            "https://b:8200/v1/secret/data/x",
            "https://u@b:8200/v1/secret/data/x?version=1",
            "https://",
        ] {
            assert!(to(location).is_err(), "{location}");
        }
    }
}
