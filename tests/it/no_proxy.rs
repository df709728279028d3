//! `NO_PROXY` means the same for AWS and for Vault.

use s1crets_testbed::{Answer, Stub};

use crate::subprocess::Child;

/// Whether a process asks the proxy for each of two servers, with this list.
async fn is_asked(list: (&str, &str), host: &str) -> [bool; 2] {
    let mut asked = [false; 2];
    for (provider, asked) in ["aws.sm", "vault.kv"].into_iter().zip(&mut asked) {
        let proxy = Stub::start(|_| Answer::new(404, "")).await;
        let address = format!("http://{host}:8200");
        let child = Child::on(&address)
            .with("AWS_REGION", "eu-west-1")
            .with("VAULT_ADDR", &address)
            .with("VAULT_TOKEN", "a-token")
            .with("S1CRETS_RETRY", "1")
            .with("S1CRETS_TIMEOUT", "2s")
            .with("NO_PROXY", "")
            .with("no_proxy", "");
        let child = ["HTTP_PROXY", "http_proxy"].iter().fold(child, |child, name| child.with(name, proxy.endpoint()));
        let answer = child.with(list.0, list.1).get(&format!("{provider}://secret/x")).await;
        assert!(answer.text.is_none(), "{answer:?}");
        *asked = !proxy.requests().is_empty();
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_read_the_list_alike() {
    for (variable, list, host, is_proxied) in [
        ("NO_PROXY", "", "server.invalid", true),
        ("NO_PROXY", "INVALID", "server.invalid", false),
        ("no_proxy", "server.invalid:8200", "server.invalid", false),
        ("NO_PROXY", "server.invalid:443", "server.invalid", true),
        ("no_proxy", "a *.invalid", "server.invalid", false),
        ("NO_PROXY", "[100::]/64", "[100::1]", false),
        ("NO_PROXY", "", "[100::1]", true),
        // Nothing listens there, and no proxy is asked for it either.
        ("NO_PROXY", "", "127.0.0.9", false),
    ] {
        assert_eq!(is_asked((variable, list), host).await, [is_proxied; 2], "{variable}={list} {host}");
    }
}
