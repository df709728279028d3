//! URL of an HTTP proxy, with its password kept out of messages.

use std::fmt;

use reqwest::Url;
use zeroize::Zeroizing;

use super::address::is_deceptive;
use crate::error::{Error, Result};

/// URL of an HTTP proxy. It may hold a password, which `Debug` doesn't show, and which is wiped.
#[derive(Clone)]
pub struct ProxyUrl(Zeroizing<String>);

impl ProxyUrl {
    /// Takes `http://[USER:PASSWORD@]HOST:PORT`. It is checked when the client is made.
    pub fn new(url: impl Into<String>) -> Self {
        Self(Zeroizing::new(url.into()))
    }

    /// Reads a URL of a config file, which must hold no secret. `variable` can hold one.
    ///
    /// # Errors
    /// `Config` if it has a user name or a password, or is no URL.
    pub(crate) fn from_settings(text: &str, variable: &str) -> Result<Self> {
        let url: Option<Url> = text.parse().ok().filter(|url: &Url| url.has_host() && !is_deceptive(text));
        match url {
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                Err(Error::config("the proxy of a config file can't have a user name or a password")
                    .with_hint(format!("leave it out of the file and set {variable}")))
            }
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::new(text)),
            _ => Err(Error::config("the proxy is not a URL").with_hint("write it as http://HOST:PORT")),
        }
    }

    /// Refuses a proxy that is not asked by HTTP, such as `socks5://`, and a text that is no URL.
    ///
    /// # Errors
    /// `Config`, without the user name and password.
    pub(crate) fn check(&self) -> Result<()> {
        let hint = "write it as http://[USER:PASSWORD@]HOST:PORT";
        match self.parsed() {
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
            Some(_) => {
                let message = format!("the proxy {} is of a kind that is not supported", self.without_user());
                Err(Error::config(message).with_hint(hint))
            }
            None => Err(Error::config("the proxy is not a URL").with_hint(hint)),
        }
    }

    fn parsed(&self) -> Option<Url> {
        if is_deceptive(&self.0) {
            return None;
        }
        let url = match self.0.contains("://") {
            true => self.0.parse(),
            false => Zeroizing::new(format!("http://{}", *self.0)).parse(),
        };
        url.ok().filter(Url::has_host)
    }

    /// Whether the proxy is asked by TLS. Without a scheme it is not.
    pub(crate) fn is_https(&self) -> bool {
        self.parsed().is_some_and(|url| url.scheme() == "https")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL without user name and password, or `***` if it is no URL.
    pub(crate) fn without_user(&self) -> String {
        let Some(mut url) = self.parsed() else { return "***".to_owned() };
        // Neither call fails: a URL with a host can have a user name.
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_or_else(|()| "***".to_owned(), |()| url.to_string().trim_end_matches('/').to_owned())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (proxy, told) in [
            ("http://u:hunter2@p:1", "http://p:1"),
            ("u:hunter2@p:1", "http://p:1"),
            ("http://p:1/", "http://p:1"),
            ("http://u:hunter2@", "***"),
        ] {
            assert_eq!(ProxyUrl::new(proxy).without_user(), told);
        }
    }

    #[test]
    fn only_http_proxies_are_supported() {
        for proxy in ["http://u:p@h:1", "https://h", "h:3128", "u:p@h:3128", "[::1]:3128"] {
            ProxyUrl::new(proxy).check().unwrap_or_else(|error| panic!("{proxy}: {error}"));
        }
        for proxy in
            ["socks5://u:hunter2@h:1", "ftp://h", "", "http://", "http://u:hunter2@", "http://a b", "http://a\\b"]
        {
            let error = ProxyUrl::new(proxy).check().expect_err(proxy);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{proxy}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_proxy_is_asked_by_tls_only_if_its_scheme_says_so() {
        for proxy in ["https://h", "HTTPS://h:3128", "https://u:p@h"] {
            assert!(ProxyUrl::new(proxy).is_https(), "{proxy}");
        }
        for proxy in ["h:3128", "u:p@h:3128", "http://h", "HTTP://h", ""] {
            assert!(!ProxyUrl::new(proxy).is_https(), "{proxy}");
        }
    }

    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", ProxyUrl::new("http://u:hunter2@p:1")).contains("hunter2"));
    }
}
