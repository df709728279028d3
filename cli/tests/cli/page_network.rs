//! The messages in docs/troubleshooting.md about certificates, proxies, redirects and variables.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use s1crets_testbed::{Answer, Authority, OpenBao, Stub, TlsFront, Validity, self_signed};
use tokio::runtime::Runtime;

/// What the command prints on standard error in each such situation. Addresses are those of the
/// page: `vault.internal` and `proxy.internal`.
pub(crate) fn printed(folder: &Path, vault: &OpenBao) -> String {
    let runtime = Runtime::new().expect("a runtime");
    let stub = |answer: Answer| runtime.block_on(Stub::start(move |_| answer.clone()));
    let authority = Authority::create(folder);
    let front = |(certificate, key): (PathBuf, PathBuf)| {
        // Nobody gets through to it.
        let upstream = "http://127.0.0.1:1";
        runtime.block_on(TlsFront::with_certificate(&certificate, &key, upstream))
    };
    let here = ["127.0.0.1"];
    let named = authority.certificate_file().display().to_string();
    let mut all = String::new();
    let mut run = |variables: &[(&str, &str)], replaced: &[(&str, &str)]| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        command.env_clear().env("HOME", folder).env("VAULT_TOKEN", "x").env("VAULT_MAX_RETRIES", "0");
        command.args(["get", "vault.kv://secret/app"]).envs(variables.iter().copied());
        let text = String::from_utf8(command.output().expect("it runs").stderr).expect("UTF-8");
        all += &replaced.iter().fold(text, |text, (from, to)| text.replace(from, to));
    };
    for (front, trusted) in [
        (front(authority.issue_for("sound", &here, Validity::Now)), None),
        (front(self_signed(folder, "own", &here, true, Validity::Now)), None),
        (front(authority.issue_for("other", &["vault.corp"], Validity::Now)), Some(named.as_str())),
        (front(authority.issue_for("old", &here, Validity::Expired)), Some(named.as_str())),
    ] {
        let server = front.endpoint().trim_start_matches("https://");
        let replaced = [(server, "vault.internal:8200"), ("not 127.0.0.1", "not vault.internal")];
        run(&[("VAULT_ADDR", front.endpoint()), ("VAULT_CACERT", trusted.unwrap_or_default())], &replaced);
    }

    let server = vault.address().trim_start_matches("http://");
    run(&[("VAULT_ADDR", &format!("https://{server}"))], &[(server, "vault.internal:8200")]);
    let secure = stub(Answer::new(400, "Client sent an HTTP request to an HTTPS server.\n"));
    let server = secure.endpoint().trim_start_matches("http://");
    run(&[("VAULT_ADDR", secure.endpoint())], &[(server, "vault.internal:8200")]);

    let [locked, closed] = [407, 502].map(|status| stub(Answer::new(status, "")));
    for proxy in ["http://127.0.0.1:1", locked.endpoint(), closed.endpoint()] {
        let variables = [("VAULT_ADDR", "https://vault.internal"), ("VAULT_PROXY_ADDR", proxy)];
        run(&variables, &[(proxy, "http://proxy.internal:3128")]);
    }

    let redirect = |request: &s1crets_testbed::Request| {
        Answer::new(301, "").with_header("location", &format!("https://vault.internal{}", request.path))
    };
    let gateway = runtime.block_on(Stub::start(redirect));
    run(&[("VAULT_ADDR", gateway.endpoint())], &[]);

    for (name, value) in [("VAULT_ADDR", "vault:8200"), ("VAULT_CLIENT_TIMEOUT", "soon"), ("VAULT_MAX_RETRIES", "many")]
    {
        run(&[(name, value)], &[]);
    }
    all
}
