//! Certificates of AWS endpoints: who is trusted, and what is said of those that are not accepted.
//! Also proxies, which are blamed for what they do.

use s1crets_testbed::{Authority, Moto, Stub, TlsFront, Validity, unique};
use tempfile::TempDir;

use crate::{
    subprocess::{Answer, Child},
    support::{Aws, REGION},
};

/// Two authorities, moto behind a certificate of the first, and a secret there.
struct World {
    folder: TempDir,
    other: TempDir,
    authority: Authority,
    front: TlsFront,
    secret: String,
}

impl World {
    async fn new() -> Self {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let authority = Authority::create(folder.path());
        Authority::create(other.path());
        let front = TlsFront::start(&authority, Moto::shared().endpoint()).await;
        let secret = unique("it/certificate-");
        Aws::start().await.plant("aws.sm", &secret, "s3cr3t");
        Self { folder, other, authority, front, secret }
    }

    fn child(&self, endpoint: &str) -> Child {
        // Those of the machine that runs the tests don't count.
        Child::on(endpoint).with("AWS_REGION", REGION).with("SSL_CERT_FILE", "").with("SSL_CERT_DIR", "")
    }

    fn trusted(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    fn foreign(&self) -> String {
        self.other.path().join("ca.pem").display().to_string()
    }

    async fn get(&self, child: &Child) -> Answer {
        child.get(&format!("aws.sm://{}", self.secret)).await
    }
}

fn profile(child: Child, ca_bundle: &str) -> Child {
    child.with_file("AWS_CONFIG_FILE", &format!("[default]\nca_bundle = {ca_bundle}\n"))
}

#[tokio::test]
async fn a_bundle_replaces_the_systems_certificates_in_the_order_of_boto3() {
    let world = World::new().await;
    let child = || world.child(world.front.endpoint());
    let (good, bad) = (world.trusted(), world.foreign());
    for (child, is_trusted) in [
        (child(), false),
        (child().with("AWS_CA_BUNDLE", &good), true),
        (child().with("AWS_CA_BUNDLE", &format!(" {good}\n")), true),
        (child().with("SSL_CERT_FILE", &good), true),
        (profile(child(), &good), true),
        (profile(child(), &bad).with("AWS_CA_BUNDLE", &good), true),
        (profile(child(), &good).with("AWS_CA_BUNDLE", &bad), false),
        (profile(child(), &good).with("SSL_CERT_FILE", &bad), true),
        (child().with("AWS_CA_BUNDLE", &good).with("SSL_CERT_FILE", &bad), true),
        (child().with("AWS_CA_BUNDLE", &bad).with("SSL_CERT_FILE", &good), false),
        (child().with("AWS_CA_BUNDLE", "").with("SSL_CERT_FILE", &good), true),
        (child().with("SSL_CERT_DIR", &world.folder.path().display().to_string()), true),
    ] {
        let answer = world.get(&child).await;
        match is_trusted {
            true => assert_eq!(answer.text(), "s3cr3t"),
            false => assert!(answer.fails("config").contains("is not trusted"), "{answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_told_and_not_asked_again() {
    let world = World::new().await;
    let authority = &world.authority;
    for (file, names, validity, told) in [
        ("other", &["sm.example.test"][..], Validity::Now, " is for sm.example.test, not 127.0.0.1"),
        ("old", &["127.0.0.1"], Validity::Expired, " expired on 2020-02-01"),
        ("new", &["127.0.0.1"], Validity::NotYet, " is not valid before 2999-01-01"),
    ] {
        let (certificate, key) = authority.issue_for(file, names, validity);
        let front = TlsFront::with_certificate(&certificate, &key, Moto::shared().endpoint()).await;
        let host = front.endpoint().trim_start_matches("https://").to_owned();
        let answer = world.get(&world.child(front.endpoint()).with("AWS_CA_BUNDLE", &world.trusted())).await;
        let message = answer.fails("config");
        assert!(message.contains(&format!("the certificate of {host}{told}")), "{answer:?}");
        assert_eq!(front.connections(), 1, "{answer:?}");
    }
    let answer = world.get(&world.child(world.front.endpoint())).await;
    assert!(answer.hint.contains("AWS_CA_BUNDLE") && answer.hint.contains("SSL_CERT_FILE"), "{answer:?}");
    assert_eq!(world.front.connections(), 1);
}

/// STS is asked first, for the role.
#[tokio::test]
async fn the_certificate_of_sts_is_told_in_the_same_words() {
    let world = World::new().await;
    let settings = "[providers.\"aws.sm\"]\nroles = [{ arn = \"arn:aws:iam::123456789012:role/reader\" }]\n";
    let child = world.child(world.front.endpoint()).with_file("S1CRETS_CONFIG", settings);
    let host = world.front.endpoint().trim_start_matches("https://").to_owned();
    let answer = world.get(&child).await;
    assert!(answer.fails("config").contains(&format!("the certificate of {host} is not trusted")), "{answer:?}");
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_is_a_mistake_in_the_settings() {
    let world = World::new().await;
    let empty = world.folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    for (variable, path) in [
        ("AWS_CA_BUNDLE", "/nonexistent/ca.pem"),
        ("AWS_CA_BUNDLE", empty.as_str()),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
        ("SSL_CERT_FILE", empty.as_str()),
        ("SSL_CERT_DIR", "/nonexistent"),
    ] {
        let answer = world.get(&world.child(world.front.endpoint()).with(variable, path)).await;
        assert!(answer.fails("config").contains(&format!("{variable} names {path}")), "{answer:?}");
    }
    let answer = world.get(&profile(world.child(world.front.endpoint()), "/nonexistent/ca.pem")).await;
    assert!(answer.fails("config").contains("`ca_bundle` of the AWS profile default names"), "{answer:?}");
    assert_eq!(world.front.connections(), 0);
}

#[tokio::test]
async fn a_proxy_is_blamed_for_what_it_does() {
    let world = World::new().await;
    let login = Stub::start(|_| s1crets_testbed::Answer::new(407, "")).await;
    let closed = "http://me:hunter2@127.0.0.1:9";
    let child = || world.child("https://sm.example.test").with("S1CRETS_RETRY", "1");
    let answer = world.get(&child().with("HTTPS_PROXY", closed)).await;
    assert!(answer.fails("unavailable").contains("the proxy http://127.0.0.1:9 can't be reached"), "{answer:?}");
    assert!(answer.hint.contains("HTTPS_PROXY") && !format!("{answer:?}").contains("hunter2"), "{answer:?}");
    let answer = world.get(&child().with("HTTPS_PROXY", login.endpoint())).await;
    assert!(answer.fails("unauthenticated").contains("asks for a login (status 407)"), "{answer:?}");
    let answer = world.get(&child().with("ALL_PROXY", closed)).await;
    assert!(answer.fails("unavailable").contains("the proxy http://127.0.0.1:9"), "{answer:?}");
    // What is on this machine is not asked through a proxy.
    let near = world.child(world.front.endpoint()).with("AWS_CA_BUNDLE", &world.trusted());
    assert_eq!(world.get(&near.with("HTTPS_PROXY", closed)).await.text(), "s3cr3t");
}
