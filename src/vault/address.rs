//! Where the server is.

use std::path::PathBuf;

use reqwest::Url;

use crate::error::{Error, ErrorKind, Result};

/// A server's address: by network, or a socket of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    base: Url,
    socket: Option<PathBuf>,
}

/// Whether a URL has something in it that its parser reads otherwise than a person does: a backslash, which
/// ends the host, or a blank or control character, which it leaves out.
pub(super) fn is_deceptive(url: &str) -> bool {
    url.contains(|letter: char| letter == '\\' || letter.is_whitespace() || letter.is_control())
}

impl Address {
    /// Reads `https://…`, `http://…` and `unix://PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::socket(path);
        }
        if is_deceptive(text) {
            return Err(malformed());
        }
        let base: Url = text.parse().map_err(|_| malformed())?;
        let plain = base.query().is_none() && base.fragment().is_none();
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() || !plain {
            return Err(malformed());
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(Error::config("the address of Vault holds a user name or a password, which Vault has none of"));
        }
        Ok(Self { base, socket: None })
    }

    fn socket(path: &str) -> Result<Self> {
        if !path.starts_with('/') {
            return Err(malformed());
        }
        let base = "http://localhost".parse().map_err(|_| malformed())?;
        Ok(Self { base, socket: Some(path.into()) })
    }

    /// Whether two texts name the same server, however each spells it.
    pub(crate) fn are_same(one: &str, other: &str) -> bool {
        let parsed = |text| Self::parse(text).map(|it| (it.base.as_str().trim_end_matches('/').to_owned(), it.socket));
        match (parsed(one), parsed(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
    }

    /// The socket, if it is one.
    pub(crate) fn unix_socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_secured(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The host by network.
    pub(crate) fn host(&self) -> Option<&str> {
        self.base.host_str()
    }

    /// The same with another host, which the resolver takes for this one.
    pub(crate) fn with_host(mut self, host: &str) -> Result<Self> {
        self.base.set_host(Some(host)).map_err(|_| Error::config("the TLS server name is no host name"))?;
        Ok(self)
    }

    /// The URL of what follows the address. An address may have a path of its own, behind a gateway.
    pub(crate) fn join(&self, target: &str) -> Result<Url> {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}{target}").parse().map_err(|_| malformed())
    }

    /// Where a standby says that the active node is. The token goes along, as it has to; so it goes nowhere where it
    /// could be read by more people than before, and to nothing but the same call on another node.
    pub(crate) fn redirected(&self, from: &Url, location: &str) -> Result<Url> {
        let refused = |why| Error::new(ErrorKind::Unavailable, format!("a redirect of Vault was not followed: {why}"));
        let to = from.join(location).map_err(|_| refused("it names no address"))?;
        if self.socket.is_some() {
            return Err(refused("the address is a socket"));
        }
        if to.scheme() != from.scheme() {
            return Err(refused("it leads from https to http, or to another protocol"));
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err(refused("it holds a user name"));
        }
        let same_call = to.path().ends_with(api_path(from)) && to.query() == from.query();
        if location.is_empty() || !same_call {
            return Err(refused("it leads to another call"));
        }
        Ok(to)
    }
}

/// The path from `/v1/` on, whatever gateway stands before it.
fn api_path(url: &Url) -> &str {
    let path = url.path();
    path.find("/v1/").map_or(path, |at| &path[at..])
}

fn malformed() -> Error {
    Error::config("the address of Vault is malformed")
        .with_hint("write it as https://HOST:PORT, http://HOST:PORT or unix:///PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_without_being_told() {
        for text in ["", "vault:8200", "ftp://x", "https://u:hunter2@x", "http://x?y", "unix://x", "https://"] {
            let error = Address::parse(text).expect_err(text);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        assert!(Address::parse("unix:///run/bao.sock").expect("a socket").unix_socket().is_some());
        let behind = Address::parse("https://x/vault/").expect("an address");
        assert_eq!(behind.join("/v1/a?b=c").expect("a URL").as_str(), "https://x/vault/v1/a?b=c");
    }

    #[test]
    fn redirects_lead_to_the_same_call_as_safely_or_nowhere() {
        let address = Address::parse("https://a:8200").expect("an address");
        let from = address.join("/v1/secret/data/x?version=1").expect("a URL");
        let to = |location: &str| address.redirected(&from, location).map(|url| url.to_string());
        let active = "https://b:8200/v1/secret/data/x?version=1";
        assert_eq!(to(active).expect("followed"), active);
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
