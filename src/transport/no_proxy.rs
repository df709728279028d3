//! `NO_PROXY`: the servers that no proxy of the environment is used for.
//!
//! Tools disagree on what a list may hold. An entry counts here if Go's reading (`vault`, `bao`) or
//! curl's has it, so that no server that one of them reaches directly is asked through a proxy.
//! Loopback is always reached directly, as Go has it.

use std::net::IpAddr;

/// The lists of `NO_PROXY` and `no_proxy`, both of which count.
///
/// Entries are separated by commas or blanks:
///
/// | entry | servers |
/// | --- | --- |
/// | `*` | all |
/// | `corp.example`, `.corp.example`, `*.corp.example` | that host, and all below it |
/// | `10.0.0.7`, `fd00::7`, `[fd00::7]` | that address |
/// | `10.0.0.0/8`, `fd00::/8` | addresses of that network |
/// | any host or address with `:PORT`, such as `[fd00::7]:8200` | the same, on that port only |
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    servers: Servers,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Servers {
    All,
    /// A domain in lower case, without dots at its ends.
    Domain(String),
    /// An address, and how many of its leading bits count.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads the variables `NO_PROXY` and `no_proxy`.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let lists = ["NO_PROXY", "no_proxy"].map(|name| variable(name).unwrap_or_default());
        let words = lists.iter().flat_map(|list| list.split(|letter: char| letter == ',' || letter.is_whitespace()));
        Self(words.filter_map(Entry::parse).collect())
    }

    /// Whether the server of a URL is reached without a proxy. A text that is no URL has none.
    pub(crate) fn spares(&self, url: &str) -> bool {
        let Some((host, port)) = host_and_port(url) else { return false };
        let Ok(address) = host.parse::<IpAddr>() else {
            return host == "localhost" || self.0.iter().any(|entry| entry.names(&host, port));
        };
        // An IPv4 address may be written as IPv6.
        let address = address.to_canonical();
        address.is_loopback() || self.0.iter().any(|entry| entry.holds(address, port))
    }
}

impl Entry {
    fn parse(word: &str) -> Option<Self> {
        if let Some(network) = network(word) {
            return Some(Self { servers: network, port: None });
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (word, None),
        };
        let servers = match network(host) {
            Some(network) => network,
            None if host == "*" => Servers::All,
            None => Servers::Domain(domain(host)?),
        };
        Some(Self { servers, port })
    }

    /// Whether a host name is meant.
    fn names(&self, host: &str, port: u16) -> bool {
        let is_meant = match &self.servers {
            Servers::All => true,
            Servers::Domain(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Servers::Network(..) => false,
        };
        is_meant && self.is_for(port)
    }

    /// Whether an address is meant.
    fn holds(&self, address: IpAddr, port: u16) -> bool {
        let is_meant = match &self.servers {
            Servers::All => true,
            Servers::Domain(_) => false,
            Servers::Network(network, length) => leading(address, *length) == leading(*network, *length),
        };
        is_meant && self.is_for(port)
    }

    fn is_for(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

/// An address, with or without brackets, or a network such as `10.0.0.0/8`.
fn network(text: &str) -> Option<Servers> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address = unbracketed(address).parse::<IpAddr>().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(longest);
    (length <= longest).then(|| match address.to_canonical() {
        canonical if length == longest => Servers::Network(canonical, if canonical.is_ipv4() { 32 } else { 128 }),
        _ => Servers::Network(address, length),
    })
}

/// The leading bits of an address. Those of the two families are never equal.
fn leading(address: IpAddr, length: u32) -> (bool, u128) {
    let (bits, width): (u128, u32) = match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    (address.is_ipv4(), bits.checked_shr(width.saturating_sub(length)).unwrap_or_default())
}

/// A domain of a list. Go takes `*.example` for the hosts below `example`, and curl ignores dots at
/// the ends.
fn domain(text: &str) -> Option<String> {
    let domain = text.strip_prefix("*.").unwrap_or(text).trim_matches('.').to_ascii_lowercase();
    (!domain.is_empty()).then_some(domain)
}

/// Host and port of a URL. The host is in lower case, without brackets and a dot at its end.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        // The colon may be one of an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, if port.is_empty() { default } else { port.parse().ok()? }),
        _ => (authority, default),
    };
    let host = unbracketed(host).trim_end_matches('.').to_ascii_lowercase();
    (!host.is_empty()).then_some((host, port))
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spares(list: &str, url: &str) -> bool {
        NoProxy::from_variables(|name| (name == "NO_PROXY").then(|| list.to_owned())).spares(url)
    }

    /// What Go's `httpproxy` or curl's `noproxy.c` takes for a match, and what neither does.
    #[test]
    fn each_form_of_an_entry_names_its_servers_and_no_others() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[], &["https://vault.corp", "https://10.0.0.7", "https://[fd00::7]"]),
            ("*", &["https://vault.corp", "https://10.0.0.7:8200", "https://[fd00::7]"], &[]),
            ("*:8200", &["https://vault.corp:8200"], &["https://vault.corp"]),
            (
                "corp.example",
                &["https://corp.example", "https://vault.corp.example:8200", "http://VAULT.Corp.Example./"],
                &["https://xcorp.example", "https://corp.example.org", "https://example"],
            ),
            (".corp", &["https://vault.corp", "https://a.b.corp", "https://corp"], &["https://vaultcorp"]),
            ("*.corp", &["https://vault.corp", "https://corp"], &["https://vaultcorp"]),
            ("VAULT.Corp.", &["https://vault.corp"], &["https://corp"]),
            ("vault.corp:8200", &["https://vault.corp:8200", "https://a.vault.corp:8200"], &["https://vault.corp"]),
            ("vault.corp:443", &["https://vault.corp", "https://vault.corp:/x"], &["http://vault.corp"]),
            ("vault.corp:80", &["http://vault.corp/v1"], &["https://vault.corp"]),
            ("10.0.0.7", &["https://10.0.0.7:8200", "https://[::ffff:10.0.0.7]"], &["https://10.0.0.70"]),
            ("10.0.0.7:8200", &["https://10.0.0.7:8200"], &["https://10.0.0.7"]),
            ("::ffff:10.0.0.7", &["https://10.0.0.7"], &["https://10.0.0.8"]),
            ("10.1.2.3/8", &["https://10.255.0.1", "http://10.0.0.0"], &["https://11.0.0.1", "https://[fd00::7]"]),
            ("0.0.0.0/0", &["https://203.0.113.9"], &["https://[fd00::7]", "https://vault.corp"]),
            ("::/0", &["https://[fd00::7]"], &["https://203.0.113.9"]),
            ("10.0.0.0/33", &[], &["https://10.0.0.0"]),
            ("fd00::7", &["https://[fd00::7]:8200", "https://[FD00:0::7]"], &["https://[fd00::8]"]),
            ("[fd00::7]", &["https://[fd00::7]:8200"], &["https://[fd00::8]"]),
            ("[fd00::7]:8200", &["https://[fd00::7]:8200"], &["https://[fd00::7]"]),
            ("fd00::/8", &["https://[fd12::1]"], &["https://[fe80::1]"]),
            ("[fd00::]/8", &["https://[fd12::1]"], &["https://[fe80::1]"]),
            ("a, b\tc  10.0.0.0/8,", &["https://a", "https://b", "https://c", "https://10.9.9.9"], &["https://d"]),
            (":8200,.,..,*.,vault.corp:http", &[], &["https://vault.corp", "https://x:8200"]),
            ("corp", &["https://me:pw@vault.corp/x?@y"], &["https://vault/.corp", "unix:///corp", "vault.corp", ""]),
        ];
        for (list, spared, proxied) in cases {
            for url in *spared {
                assert!(spares(list, url), "{list}: {url}");
            }
            for url in *proxied {
                assert!(!spares(list, url), "{list}: {url}");
            }
        }
    }

    #[test]
    fn loopback_is_spared_without_being_named() {
        for url in
            ["http://localhost:8200", "https://LOCALHOST.", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]"]
        {
            assert!(spares("", url), "{url}");
        }
        for url in ["http://localhost.corp", "http://128.0.0.1", "http://127.corp"] {
            assert!(!spares("", url), "{url}");
        }
    }

    #[test]
    fn both_spellings_of_the_variable_count() {
        let list = NoProxy::from_variables(|name| match name {
            "NO_PROXY" => Some("a".to_owned()),
            "no_proxy" => Some("b".to_owned()),
            _ => None,
        });
        assert!(list.spares("https://a") && list.spares("https://b") && !list.spares("https://c"));
    }
}
