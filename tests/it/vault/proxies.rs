//! A dead proxy is blamed, without its password, and not the server behind it.

use s1crets::{
    Error, ErrorKind,
    vault::{ProxyUrl, TlsConfig, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, Authority, OpenBao, Stub, TlsFront, Tunnel};

use super::{
    kv, once, read, told,
    wire::{second, secret},
};

const USER: &str = "me:hunter2@";

async fn refusal(address: &str, proxy: &str, tls: TlsConfig) -> Error {
    let config = VaultConfig::new(address).with_token("a-token").with_retry(once()).with_tls(tls);
    let proxy = proxy.replacen("://", &format!("://{USER}"), 1);
    let kv = kv(config.with_proxy(ProxyUrl::new(proxy))).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("the proxy fails");
    assert!(!told(&error).contains("hunter2"), "{}", told(&error));
    error
}

#[track_caller]
fn is_told(error: &Error, kind: ErrorKind, message: &str) {
    assert_eq!((error.kind(), error.message()), (kind, message), "{}", told(error));
    assert!(error.hint().is_some(), "{}", told(error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_away_or_asks_for_a_login_is_named() {
    for (address, general) in [("https://vault.corp:8200", "HTTPS_PROXY"), ("http://vault.corp:8200", "HTTP_PROXY")] {
        for away in ["http://127.0.0.1:1", "http://no-such-host.invalid:3128"] {
            let error = refusal(address, away, TlsConfig::default()).await;
            is_told(&error, ErrorKind::Unavailable, &format!("the proxy {away} can't be reached"));
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("VAULT_PROXY_ADDR") && hint.contains("NO_PROXY=vault.corp "), "{hint}");
            assert_eq!(hint.matches(&format!(" {general}")).count(), 2, "{hint}");
        }
        let locked = Stub::start(|_| Answer::new(407, "")).await;
        let error = refusal(address, locked.endpoint(), TlsConfig::default()).await;
        let message = format!("the proxy {} asks for a login (status 407)", locked.endpoint());
        is_told(&error, ErrorKind::Unauthenticated, &message);
        assert_eq!(locked.requests().len(), 1, "the same password would be refused again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_does_not_reach_the_server_is_named_with_it() {
    for status in [403, 502, 503] {
        let proxy = Stub::start(move |_| Answer::new(status, "")).await;
        let error = refusal("https://vault.corp", proxy.endpoint(), TlsConfig::default()).await;
        let message = format!("the proxy {} opens no connection to vault.corp:443", proxy.endpoint());
        is_told(&error, ErrorKind::Unavailable, &message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_a_proxy_is_told_from_the_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::create(folder.path());
    let (server, tunnel) = (Stub::start(|_| secret()).await, Tunnel::start().await);
    let front = TlsFront::start(&authority, server.endpoint()).await;
    let proxy = TlsFront::start(&authority, tunnel.endpoint()).await;
    for address in [front.endpoint(), server.endpoint()] {
        let error = refusal(address, proxy.endpoint(), TlsConfig::default()).await;
        let message =
            format!("the certificate of the proxy {} is not trusted: its issuer is not known here", proxy.endpoint());
        is_told(&error, ErrorKind::Config, &message);
        // A server of Go responds to TLS in plain text.
        let plain = OpenBao::shared().address().replace("http://", "https://");
        let error = refusal(address, &plain, TlsConfig::default()).await;
        is_told(&error, ErrorKind::Config, &format!("the proxy {plain} does not speak TLS"));
    }
    // Behind a proxy that works, it is the server's.
    let error = refusal(front.endpoint(), tunnel.endpoint(), TlsConfig::default()).await;
    let server = front.endpoint().trim_start_matches("https://");
    let message = format!("the certificate of {server} is not trusted: its issuer is not known here");
    is_told(&error, ErrorKind::Config, &message);
    let trusted = TlsConfig::default().with_ca_file(authority.certificate_file());
    let config = VaultConfig::new(front.endpoint()).with_token("a-token").with_tls(trusted);
    let kv = kv(config.with_proxy(ProxyUrl::new(proxy.endpoint()))).with_mounts(second());
    read(&kv, "secret/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
}

#[test]
fn a_proxy_of_another_protocol_is_refused_with_the_settings() {
    let proxied = |proxy: &str| VaultConfig::new("https://vault.corp").with_proxy(ProxyUrl::new(proxy));
    for proxy in ["socks5://me:hunter2@127.0.0.1:1080", "ftp://proxy", "http://", "http://me:hunter2@"] {
        let error = Vault::new(proxied(proxy)).expect_err(proxy);
        assert_eq!(error.kind(), ErrorKind::Config, "{proxy}");
        assert!(!told(&error).contains("hunter2"), "{}", told(&error));
    }
}
