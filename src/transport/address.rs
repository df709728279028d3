//! Address of a server: an http or https URL, or a Unix socket.

use std::path::PathBuf;

use reqwest::Url;

use crate::error::{Error, Result};

/// A server's address: an `http` or `https` URL, or a Unix socket.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    base: Url,
    socket: Option<PathBuf>,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// It is neither a URL of a server nor a socket.
    Malformed,
    /// It holds a user name or a password.
    HoldsCredentials,
}

/// Whether the parser of URLs reads a text otherwise than a person does. It ends the host at a
/// backslash, and drops blanks and control characters.
pub(crate) fn is_deceptive(url: &str) -> bool {
    url.contains(|letter: char| letter == '\\' || letter.is_whitespace() || letter.is_control())
}

/// `HOST:PORT` of a URL, whether it names a port or not.
pub(super) fn host_and_port(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

impl Address {
    /// Reads `https://…`, `http://…` and `unix:///PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            let base = "http://localhost".parse().map_err(|_| AddressError::Malformed)?;
            return match path.starts_with('/') {
                true => Ok(Self { base, socket: Some(path.into()) }),
                false => Err(AddressError::Malformed),
            };
        }
        if is_deceptive(text) {
            return Err(AddressError::Malformed);
        }
        let base: Url = text.parse().map_err(|_| AddressError::Malformed)?;
        let plain = base.query().is_none() && base.fragment().is_none();
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() || !plain {
            return Err(AddressError::Malformed);
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(AddressError::HoldsCredentials);
        }
        Ok(Self { base, socket: None })
    }

    /// Whether two texts name the same server, however each spells it.
    pub(crate) fn are_same(one: &str, other: &str) -> bool {
        let parsed = |text| Self::parse(text).map(|it| (it.base.as_str().trim_end_matches('/').to_owned(), it.socket));
        match (parsed(one), parsed(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
    }

    /// The path of the socket, if the address is one.
    pub(crate) fn unix_socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// Whether the address is an https URL.
    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The path that every request's path follows, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    /// The server as `HOST:PORT`, whether the URL names a port or not.
    pub(super) fn server(&self) -> String {
        host_and_port(&self.base)
    }

    /// The URL's host.
    pub(super) fn host(&self) -> Option<&str> {
        self.base.host_str()
    }

    /// The address with another host: the TLS server name, which the resolver turns back into this
    /// address's own.
    pub(super) fn with_host(mut self, host: &str) -> Result<Self> {
        self.base.set_host(Some(host)).map_err(|_| Error::config("the TLS server name is no host name"))?;
        Ok(self)
    }

    /// The URL of a target. An address behind a gateway may have a path of its own.
    pub(super) fn join(&self, target: &str) -> Result<Url> {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}{target}").parse().map_err(|_| Error::config("the request's path makes no URL"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_address_is_refused() {
        for text in ["", "vault:8200", "ftp://x", "http://x?y", "unix://x", "https://", "https://a\\b"] {
            assert_eq!(Address::parse(text).expect_err(text), AddressError::Malformed);
        }
        assert_eq!(Address::parse("https://u:hunter2@x").expect_err("a user"), AddressError::HoldsCredentials);
        assert!(Address::parse("unix:///run/bao.sock").expect("a socket").unix_socket().is_some());
        let behind = Address::parse("https://x/vault/").expect("an address");
        assert_eq!(behind.join("/v1/a?b=c").expect("a URL").as_str(), "https://x/vault/v1/a?b=c");
    }
}
