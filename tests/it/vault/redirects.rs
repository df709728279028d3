//! Redirects in front of Vault: which ones are followed, and what is said of the others.

use std::sync::Arc;

use s1crets::{ErrorKind, vault::VaultConfig};
use s1crets_testbed::{Answer, Request, Stub};

use super::{
    kv, read, told,
    wire::{second, secret},
};

/// A gateway that redirects each request to this server, below a path.
async fn gateway(status: u16, to: String) -> Stub {
    let redirect =
        move |request: &Request| Answer::new(status, "").with_header("location", &format!("{to}{}", request.path));
    Stub::start(redirect).await
}

fn config(address: &str) -> VaultConfig {
    VaultConfig::new(address).with_token("a-token")
}

/// A gateway that adds TLS (`http://` to `https://`), as with `redirectScheme` of Traefik or `return
/// 301` of nginx. Permanent ones are 301 and 308, and others 302 and 307.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_adds_tls_is_told_with_the_address_to_use() {
    for status in [301, 302, 303, 307, 308] {
        let gateway = gateway(status, "https://vault.corp".to_owned()).await;
        let kv = kv(config(gateway.endpoint())).with_mounts(second());
        let error = read(&kv, "secret/x").await.expect_err("not followed");
        assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
        let message = format!(
            "the server redirects (status {status}) to https://vault.corp/v1/secret/data/x, which was not followed: \
             it leads to another protocol"
        );
        assert_eq!(error.message(), message);
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("VAULT_ADDR to https://vault.corp"), "{}", told(&error));
        assert_eq!(gateway.requests().len(), 1, "{status}: it would be the same again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_adds_a_path_is_told_or_followed_on_the_same_server() {
    for (status, followed) in [(301, false), (302, false), (303, false), (307, true), (308, true)] {
        let gateway = Stub::start(move |request| match request.path.strip_prefix("/vault") {
            Some(_) => secret(),
            None => Answer::new(status, "").with_header("location", &format!("/vault{}", request.path)),
        })
        .await;
        let kv = kv(config(gateway.endpoint())).with_mounts(second());
        let answer = read(&kv, "secret/x").await;
        assert_eq!(answer.is_ok(), followed, "{status}: {:?}", answer.err().map(|error| told(&error)));
        if let Err(error) = answer {
            let hint = error.hint().unwrap_or_default();
            assert!(hint.ends_with(&format!("to {}/vault", gateway.endpoint())), "{}", told(&error));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_standby_leads_the_token_to_another_server() {
    let other = Arc::new(Stub::start(|_| secret()).await);
    for (status, followed) in [(301, false), (302, false), (303, false), (308, false), (307, true)] {
        let gateway = gateway(status, other.endpoint().to_owned()).await;
        let kv = kv(config(gateway.endpoint())).with_mounts(second());
        let answer = read(&kv, "secret/x").await;
        assert_eq!(answer.is_ok(), followed, "{status}");
        assert_eq!(other.requests().is_empty(), !followed, "{status}: no token goes there");
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
            assert!(error.hint().is_some_and(|hint| hint.ends_with(other.endpoint())), "{}", told(&error));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_log_in_is_told_without_what_it_was_called_with() {
    let sso = "https://me:hunter2@sso.corp/login?state=hunter2&token=a-token#hunter2";
    let gateway = Stub::start(move |_| Answer::new(302, "").with_header("location", sso)).await;
    let kv = kv(config(gateway.endpoint())).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("not followed");
    assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
    assert!(error.message().contains("to https://sso.corp/login, which"), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("may ask for a login")), "{}", told(&error));
    assert!(!told(&error).contains("hunter2") && !told(&error).contains("a-token"), "{}", told(&error));
}
