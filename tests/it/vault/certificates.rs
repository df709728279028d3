//! Certificates that are not accepted are told apart, and are no outage; a server's own certificate
//! can be named as its authority.

use std::{fs, path::Path};

use s1crets::{
    Error, ErrorKind,
    vault::{TlsConfig, VaultConfig},
};
use s1crets_testbed::{Authority, OpenBao, Stub, TlsFront, Validity, self_signed};
use tempfile::TempDir;

use super::{
    kv, read, told,
    wire::{second, secret},
};
use crate::subprocess::Child;

/// A server without TLS, and a folder for certificates.
async fn server() -> (Stub, TempDir) {
    (Stub::start(|_| secret()).await, tempfile::tempdir().expect("a folder"))
}

fn trusting(front: &TlsFront, tls: TlsConfig) -> VaultConfig {
    VaultConfig::new(front.endpoint()).with_token("a-token").with_tls(tls)
}

async fn refusal(config: VaultConfig) -> Error {
    read(&kv(config).with_mounts(second()), "secret/x").await.expect_err("the certificate is not accepted")
}

fn server_of(front: &TlsFront) -> &str {
    front.endpoint().trim_start_matches("https://")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_a_wrong_and_an_expired_certificate_are_told_apart_and_not_retried() {
    let (stub, folder) = server().await;
    let authority = Authority::create(folder.path());
    let trusted = TlsConfig::default().with_ca_file(authority.certificate_file());
    let local = ["127.0.0.1"];
    let issue = |file: &str, names: &[&str], validity| authority.issue_for(file, names, validity);
    for ((certificate, key), tls, words, hint) in [
        (
            issue("sound", &local, Validity::Now),
            TlsConfig::default(),
            "is not trusted: its issuer is not",
            "SSL_CERT_FILE",
        ),
        (
            issue("other", &["vault.corp", "10.0.0.7"], Validity::Now),
            trusted.clone(),
            "is for vault.corp, 10.0.0.7, not 127.0.0.1",
            "VAULT_TLS_SERVER_NAME",
        ),
        (
            issue("old", &local, Validity::Expired),
            trusted.clone(),
            "expired on 2020-02-01",
            "renew the server's certificate",
        ),
        (issue("new", &local, Validity::NotYet), trusted.clone(), "is not valid before 2999-01-01", "clock"),
        (
            self_signed(folder.path(), "own", &local, true, Validity::Now),
            trusted.clone(),
            "is not trusted: it is self-signed",
            "VAULT_CACERT (BAO_CACERT)",
        ),
    ] {
        let front = TlsFront::with_certificate(&certificate, &key, stub.endpoint()).await;
        let error = refusal(trusting(&front, tls)).await;
        assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
        assert!(!error.is_retryable(), "{}", told(&error));
        let server = format!("the certificate of {} {words}", server_of(&front));
        assert!(error.message().starts_with(&server), "{server}: {}", told(&error));
        assert!(error.hint().is_some_and(|it| it.contains(hint)), "{hint}: {}", told(&error));
        assert_eq!(front.connections(), 1, "{words}: there is nothing to wait for");
    }
    assert!(stub.requests().is_empty(), "no token was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_servers_own_is_accepted_as_its_authority() {
    let (stub, folder) = server().await;
    let stranger = Authority::create(folder.path());
    let local = ["127.0.0.1"];
    for (certificate, key) in [
        self_signed(folder.path(), "ca", &local, true, Validity::Now),
        self_signed(folder.path(), "leaf", &local, false, Validity::Now),
        // Not self-signed: an authority that is not named issued it.
        stranger.issue_for("issued", &local, Validity::Now),
    ] {
        let front = TlsFront::with_certificate(&certificate, &key, stub.endpoint()).await;
        let only = folder.path().join("only");
        fs::create_dir_all(&only).expect("made");
        fs::copy(&certificate, only.join("server.pem")).expect("copied");
        let text = fs::read_to_string(&certificate).expect("PEM");
        for tls in [
            TlsConfig::default().with_ca_file(&certificate),
            TlsConfig::default().with_ca_pem(text),
            TlsConfig::default().with_ca_path(&only),
        ] {
            let kv = kv(trusting(&front, tls)).with_mounts(second());
            read(&kv, "secret/x").await.unwrap_or_else(|error| panic!("{certificate:?}: {}", told(&error)));
        }
    }
}

/// Naming a certificate says nothing about its name, its dates or other certificates.
#[tokio::test(flavor = "multi_thread")]
async fn a_named_certificate_is_still_checked() {
    let (stub, folder) = server().await;
    let local = ["127.0.0.1"];
    let own = |file: &str, names: &[&str], is_ca, validity| self_signed(folder.path(), file, names, is_ca, validity);
    for is_ca in [true, false] {
        for (names, validity, words) in [
            (&["vault.corp"][..], Validity::Now, "is for vault.corp, not 127.0.0.1"),
            (&local, Validity::Expired, "expired on 2020-02-01"),
            (&local, Validity::NotYet, "is not valid before 2999-01-01"),
        ] {
            let (certificate, key) = own("a", names, is_ca, validity);
            let front = TlsFront::with_certificate(&certificate, &key, stub.endpoint()).await;
            let error = refusal(trusting(&front, TlsConfig::default().with_ca_file(&certificate))).await;
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(words), "{is_ca}: {}", told(&error));
        }
        // The same name and the same issuer, but another key.
        let (named, _) = own("b", &local, is_ca, Validity::Now);
        let kept = folder.path().join("kept.pem");
        fs::rename(&named, &kept).expect("moved");
        let (certificate, key) = own("b", &local, is_ca, Validity::Now);
        let front = TlsFront::with_certificate(&certificate, &key, stub.endpoint()).await;
        let error = refusal(trusting(&front, TlsConfig::default().with_ca_file(&kept))).await;
        assert!(error.message().contains("is not trusted"), "{is_ca}: {}", told(&error));
    }
    assert!(stub.requests().is_empty(), "no token was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_that_the_server_asks_for_or_refuses_is_named() {
    let (stub, folder) = server().await;
    let authority = Authority::create(folder.path());
    let front = TlsFront::for_clients_of(&authority, stub.endpoint()).await;
    let tls = || TlsConfig::default().with_ca_file(authority.certificate_file());
    let error = refusal(trusting(&front, tls())).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
    let words = format!("{} refused the client's certificate: it asks for one", server_of(&front));
    assert_eq!(error.message(), words);
    assert!(error.hint().is_some_and(|hint| hint.contains("VAULT_CLIENT_CERT")), "{}", told(&error));

    let (certificate, key) = authority.issue("client");
    let accepted = kv(trusting(&front, tls().with_client_cert(certificate, key))).with_mounts(second());
    read(&accepted, "secret/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));

    let stranger = tempfile::tempdir().expect("a folder");
    let (certificate, key) = Authority::create(stranger.path()).issue("client");
    let error = refusal(trusting(&front, tls().with_client_cert(&certificate, &key))).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
    assert!(error.message().contains("refused the client's certificate"), "{}", told(&error));
    let (other, _) = authority.issue("other");
    let config = trusting(&front, tls().with_client_cert(other, key));
    let error = s1crets::vault::Vault::new(config).expect_err("the key of another certificate");
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Config, "the client certificate can't be used with its key")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_or_without_tls_against_the_address_is_told_so() {
    let development = OpenBao::shared();
    let secure = development.address().replace("http://", "https://");
    let error = refusal(VaultConfig::new(&secure).with_token("a-token")).await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Config, &*format!("the server at {secure} does not speak TLS"))
    );
    assert!(error.hint().is_some_and(|hint| hint.contains(development.address())), "{}", told(&error));

    let bao = super::outage::raft();
    let plain = bao.address().replace("https://", "http://");
    let error = refusal(VaultConfig::new(&plain).with_token("a-token")).await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Config, &*format!("the server at {plain} only accepts TLS"))
    );
    assert!(error.hint().is_some_and(|hint| hint.contains(bao.address())), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_error_says_that_vault_skip_verify_is_not_followed() {
    let (stub, folder) = server().await;
    let front = TlsFront::start(&Authority::create(folder.path()), stub.endpoint()).await;
    let child = || Child::new().with("VAULT_ADDR", front.endpoint()).with("VAULT_TOKEN", "a-token");
    for (variable, value, is_told) in [
        ("VAULT_SKIP_VERIFY", "true", true),
        ("BAO_SKIP_VERIFY", "1", true),
        ("VAULT_SKIP_VERIFY", "false", false),
        ("VAULT_SKIP_VERIFY", "0", false),
        ("VAULT_SKIP_VERIFY", "", false),
    ] {
        let answer = child().with(variable, value).get("vault.kv://secret/x").await;
        answer.fails("config");
        let words = format!("{variable} is not followed, S1CRETS_VAULT_DANGER_SKIP_VERIFY=1 would be");
        assert_eq!(answer.hint.contains(&words), is_told, "{variable}={value}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_variable_are_trusted_unless_a_file_is_named() {
    let (stub, folder) = server().await;
    let authority = Authority::create(folder.path());
    let stranger = tempfile::tempdir().expect("a folder");
    Authority::create(stranger.path());
    let front = TlsFront::start(&authority, stub.endpoint()).await;
    let text = |folder: &Path| fs::read_to_string(folder.join("ca.pem")).expect("PEM");
    let config = "[providers.\"vault.kv\"]\nmounts = { secret = 2 }\n";
    let child = || {
        let child = Child::new().with_file("S1CRETS_CONFIG", config);
        child.with("VAULT_ADDR", front.endpoint()).with("VAULT_TOKEN", "a-token")
    };
    let reference = "vault.kv://secret/x#v";
    for variable in ["VAULT_CACERT_BYTES", "BAO_CACERT_BYTES"] {
        assert_eq!(child().with(variable, &text(folder.path())).get(reference).await.text(), "1", "{variable}");
        child().with(variable, &text(stranger.path())).get(reference).await.fails("config");
    }
    let file = |folder: &Path| folder.join("ca.pem").display().to_string();
    let both = |named: &Path, text_of: &Path| {
        child().with("VAULT_CACERT", &file(named)).with("VAULT_CACERT_BYTES", &text(text_of))
    };
    assert_eq!(both(folder.path(), stranger.path()).get(reference).await.text(), "1");
    both(stranger.path(), folder.path()).get(reference).await.fails("config");
    let malformed = child().with("VAULT_CACERT_BYTES", "hunter2").get(reference).await;
    assert!(malformed.fails("config").ends_with("VAULT_CACERT_BYTES: it holds no PEM certificates"), "{malformed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificates_for_every_program_are_trusted_and_their_mistakes_told() {
    let (stub, folder) = server().await;
    let authority = Authority::create(folder.path());
    let front = TlsFront::start(&authority, stub.endpoint()).await;
    let config = "[providers.\"vault.kv\"]\nmounts = { secret = 2 }\n";
    let child = || {
        let child = Child::new().with_file("S1CRETS_CONFIG", config);
        child.with("VAULT_ADDR", front.endpoint()).with("VAULT_TOKEN", "a-token")
    };
    let reference = "vault.kv://secret/x#v";
    let good = folder.path().join("ca.pem").display().to_string();
    assert_eq!(child().with("SSL_CERT_FILE", &good).get(reference).await.text(), "1");
    assert_eq!(child().with("SSL_CERT_FILE", "").with("VAULT_CACERT", &good).get(reference).await.text(), "1");
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().display().to_string();
    for (variable, value, words) in [
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE names /no/such/file, which can't be read"),
        ("SSL_CERT_FILE", "/dev/null", "SSL_CERT_FILE names /dev/null, which holds no certificate"),
        ("SSL_CERT_DIR", &*empty, "where no certificate is"),
        // The system's certificates, which don't vouch for this server.
        ("SSL_CERT_FILE", "", "is not trusted"),
    ] {
        // The machine may have one of its own.
        let answer = child().with("SSL_CERT_FILE", "").with(variable, value).get(reference).await;
        let told = answer.fails("config");
        assert!(told.contains(words), "{variable}={value}: {answer:?}");
        assert!(!answer.hint.is_empty(), "{variable}={value}: {answer:?}");
    }
}
