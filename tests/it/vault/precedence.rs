//! Which of config file and environment decides the server and the identity of a Vault connection.
//! One test for each row of the table in docs/config.md. Each server is behind a proxy that records
//! requests and their tokens.

use std::fs;

use s1crets_testbed::{Authority, Exchange, FaultProxy, OpenBao, TlsFront, Tunnel, unique};
use serde_json::json;

use super::reader;
use crate::subprocess::{Answer, Child};

/// A server behind a proxy, with a secret that identifies the server, and a token that can read it.
struct Site {
    proxy: FaultProxy,
    token: String,
}

impl Site {
    /// The server of the whole test process, where a secret says `value`.
    async fn start(bao: &OpenBao, path: &str, value: &str) -> Self {
        bao.must("POST", &format!("secret/data/{path}"), &json!({ "data": { "v": value } }));
        let token = bao.token(&json!({ "policies": [reader(bao)] }));
        Self { proxy: FaultProxy::start(bao.address()).await, token }
    }

    fn address(&self) -> &str {
        self.proxy.endpoint()
    }

    fn total(&self) -> usize {
        self.proxy.total()
    }

    /// What a header of the reads was.
    fn sent(&self, path: &str, header: &str) -> Vec<String> {
        let reads: Vec<Exchange> = self.proxy.exchanges(&format!("GET /v1/secret/data/{path}"));
        reads.iter().map(|read| read.request.header(header).unwrap_or_default().to_owned()).collect()
    }
}

/// Two servers, with a secret at the same path whose value is `ours` or `theirs`.
struct Two {
    ours: Site,
    theirs: Site,
    path: String,
    _second: OpenBao,
}

impl Two {
    async fn start() -> Self {
        let (path, second) = (unique("precedence/"), OpenBao::dev());
        let ours = Site::start(OpenBao::shared(), &path, "ours").await;
        let theirs = Site::start(&second, &path, "theirs").await;
        Self { ours, theirs, path, _second: second }
    }

    fn reference(&self, provider: &str) -> String {
        format!("{provider}://secret/{}#v", self.path)
    }

    /// How often each was asked, and with which token it was read.
    fn tokens(&self) -> [Vec<String>; 2] {
        [&self.ours, &self.theirs].map(|site| site.sent(&self.path, "x-vault-token"))
    }
}

/// A process with a config file.
fn child(config: &str) -> Child {
    Child::new().with_file("S1CRETS_CONFIG", config).with("S1CRETS_RETRY", "1")
}

/// The default connection's table.
fn default(settings: &str) -> String {
    format!("[providers.\"vault.kv\"]\nmounts = {{ secret = 2 }}\n{settings}\n")
}

/// The table of a named instance.
fn named(settings: &str) -> String {
    format!("[providers.team]\ntype = \"vault.kv\"\nmounts = {{ secret = 2 }}\n{settings}\n")
}

#[track_caller]
fn is_unverified(answer: &Answer) {
    assert!(answer.fails("config").contains("the certificate of 127.0.0.1:"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_address_goes_before_the_files_which_is_not_asked() {
    for variable in ["VAULT_ADDR", "BAO_ADDR"] {
        let two = Two::start().await;
        let config = default(&format!("address = \"{}\"", two.theirs.address()));
        let child = child(&config).with(variable, two.ours.address()).with("VAULT_TOKEN", &two.ours.token);
        assert_eq!(child.get(&two.reference("vault.kv")).await.text(), "ours", "{variable}");
        assert_eq!(two.tokens(), [vec![two.ours.token.clone()], vec![]], "{variable}");
        assert_eq!(two.theirs.total(), 0, "{variable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_in_the_environment_the_files_is_asked() {
    let two = Two::start().await;
    let config = default(&format!("address = \"{}\"", two.theirs.address()));
    let child = child(&config).with("VAULT_TOKEN", &two.theirs.token);
    assert_eq!(child.get(&two.reference("vault.kv")).await.text(), "theirs");
    assert_eq!(two.tokens(), [vec![], vec![two.theirs.token.clone()]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_namespace_goes_before_the_files() {
    for variable in ["VAULT_NAMESPACE", "BAO_NAMESPACE"] {
        let two = Two::start().await;
        let child = child(&default("namespace = \"of-the-file\""))
            .with("VAULT_ADDR", two.ours.address())
            .with("VAULT_TOKEN", &two.ours.token);
        child.get(&two.reference("vault.kv")).await.fails("not_found");
        child.with(variable, "of-the-environment").get(&two.reference("vault.kv")).await.fails("not_found");
        let namespaces = two.ours.sent(&two.path, "x-vault-namespace");
        assert_eq!(namespaces, ["of-the-file", "of-the-environment"], "{variable}");
    }
}

/// A file that decides where the token goes is trusted to say as whom, and the other way round the
/// environment is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_files_login_goes_before_every_credential_of_the_environment() {
    let two = Two::start().await;
    let config = default("auth = { method = \"token\", env = \"OF_THE_FILE\" }");
    for (variable, value) in
        [("VAULT_TOKEN", "of-the-environment"), ("BAO_TOKEN", "of-the-environment"), ("VAULT_ROLE_ID", "r")]
    {
        let child = child(&config)
            .with("VAULT_ADDR", two.ours.address())
            .with("OF_THE_FILE", &two.ours.token)
            .with_file("VAULT_TOKEN_FILE", "of-the-environment")
            .with("VAULT_SECRET_ID", "s")
            .with(variable, value);
        fs::write(child.path(".vault-token"), "of-the-home").expect("written");
        assert_eq!(child.get(&two.reference("vault.kv")).await.text(), "ours", "{variable}");
    }
    assert!(two.ours.sent(&two.path, "x-vault-token").iter().all(|token| *token == two.ours.token));
}

/// Two servers with TLS, each by an authority of its own.
struct TwoTls {
    two: Two,
    ours: TlsFront,
    theirs: TlsFront,
    folders: [tempfile::TempDir; 2],
}

impl TwoTls {
    async fn start() -> Self {
        let two = Two::start().await;
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [first, second] = [0, 1].map(|at| Authority::create(folders[at].path()));
        let ours = TlsFront::start(&first, two.ours.address()).await;
        let theirs = TlsFront::start(&second, two.theirs.address()).await;
        Self { two, ours, theirs, folders }
    }

    /// The certificates of the authorities.
    fn authorities(&self) -> [String; 2] {
        [0, 1].map(|at| self.folders[at].path().join("ca.pem").display().to_string())
    }

    /// A process that would read from our server if it trusted it.
    fn child(&self, config: &str) -> Child {
        child(config).with("VAULT_ADDR", self.ours.endpoint()).with("VAULT_TOKEN", &self.two.ours.token)
    }

    fn reference(&self, provider: &str) -> String {
        self.two.reference(provider)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_authorities_take_the_place_of_the_files() {
    let tls = TwoTls::start().await;
    let [ours, theirs] = tls.authorities();
    let reference = tls.reference("vault.kv");
    let by_file = |ca: &str| tls.child(&default(&format!("ca_file = \"{ca}\"")));
    assert_eq!(by_file(&ours).get(&reference).await.text(), "ours");
    is_unverified(&by_file(&theirs).get(&reference).await);
    assert_eq!(by_file(&theirs).with("VAULT_CACERT", &ours).get(&reference).await.text(), "ours");
    is_unverified(&by_file(&ours).with("VAULT_CACERT", &theirs).get(&reference).await);
    // The folder is not laid beside the file: what is trusted is what the environment names, and
    // nothing more.
    let only_ca = |ca: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::copy(ca, folder.path().join("ca.pem")).expect("copied");
        folder
    };
    let (of_ours, of_theirs) = (only_ca(&ours), only_ca(&theirs));
    let path = |folder: &tempfile::TempDir| folder.path().display().to_string();
    assert_eq!(by_file(&theirs).with("VAULT_CAPATH", &path(&of_ours)).get(&reference).await.text(), "ours");
    is_unverified(&by_file(&ours).with("VAULT_CAPATH", &path(&of_theirs)).get(&reference).await);
    let by_folder = tls.child(&default(&format!("ca_path = \"{}\"", path(&of_ours))));
    is_unverified(&by_folder.with("VAULT_CACERT", &theirs).get(&reference).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_environment_needs_a_key_of_the_environment() {
    let two = Two::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = Authority::create(folder.path()).issue("client");
    let config = default(&format!("client_cert = \"{}\"\nclient_key = \"{}\"", certificate.display(), key.display()));
    let child = child(&config).with("VAULT_ADDR", two.ours.address()).with("VAULT_TOKEN", &two.ours.token);
    assert_eq!(child.get(&two.reference("vault.kv")).await.text(), "ours");
    let half = child.with("VAULT_CLIENT_CERT", &certificate.display().to_string());
    assert!(half.get(&two.reference("vault.kv")).await.fails("config").contains("needs its key"));
    let whole = half.with("VAULT_CLIENT_KEY", &key.display().to_string());
    assert_eq!(whole.get(&two.reference("vault.kv")).await.text(), "ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_server_name_goes_before_the_files() {
    let tls = TwoTls::start().await;
    let [ca, _] = tls.authorities();
    let child = tls.child(&default(&format!("ca_file = \"{ca}\"\nserver_name = \"another.name\"")));
    is_unverified(&child.get(&tls.reference("vault.kv")).await);
    assert_eq!(child.with("VAULT_TLS_SERVER_NAME", "tls-front").get(&tls.reference("vault.kv")).await.text(), "ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_danger_skip_verify_is_for_the_files_own_address() {
    let tls = TwoTls::start().await;
    let reference = tls.reference("vault.kv");
    let [ours, theirs] = [tls.ours.endpoint(), tls.theirs.endpoint()];
    let skips = |address: &str| default(&format!("danger_skip_verify = true\n{address}"));
    let own = child(&skips(&format!("address = \"{ours}\""))).with("VAULT_TOKEN", &tls.two.ours.token);
    assert_eq!(own.get(&reference).await.text(), "ours");
    // The environment names the same server, if by another spelling.
    assert_eq!(own.with("VAULT_ADDR", &format!("{ours}/")).get(&reference).await.text(), "ours");
    is_unverified(&tls.child(&skips(&format!("address = \"{theirs}\""))).get(&reference).await);
    is_unverified(&tls.child(&skips("")).get(&reference).await);
    let asked = tls.two.ours.sent(&tls.two.path, "x-vault-token").len();
    assert_eq!(asked, 2, "whoever is not verified gets no token");
    assert_eq!(tls.two.theirs.total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variable_that_turns_verification_off_goes_before_the_file_both_ways() {
    const VARIABLE: &str = "S1CRETS_VAULT_DANGER_SKIP_VERIFY";
    let tls = TwoTls::start().await;
    let reference = tls.reference("vault.kv");
    let config = |skip: bool| default(&format!("address = \"{}\"\ndanger_skip_verify = {skip}", tls.ours.endpoint()));
    assert_eq!(tls.child(&config(false)).with(VARIABLE, "1").get(&reference).await.text(), "ours");
    for off in ["0", "false", "no"] {
        is_unverified(&tls.child(&config(true)).with(VARIABLE, off).get(&reference).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_proxy_goes_before_the_files() {
    let tls = TwoTls::start().await;
    let [ca, _] = tls.authorities();
    for variable in ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"] {
        let (of_the_file, of_the_environment) = (Tunnel::start().await, Tunnel::start().await);
        let settings = format!(
            "address = \"{}\"\nca_file = \"{ca}\"\nproxy = \"{}\"",
            tls.ours.endpoint(),
            of_the_file.endpoint()
        );
        let child = child(&default(&settings))
            .with("VAULT_TOKEN", &tls.two.ours.token)
            .with(variable, of_the_environment.endpoint())
            .with("HTTPS_PROXY", "http://127.0.0.1:1");
        assert_eq!(child.get(&tls.reference("vault.kv")).await.text(), "ours");
        assert_eq!((of_the_file.opened().len(), of_the_environment.opened().len()), (0, 1), "{variable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instance_asks_its_own_server_with_its_own_token() {
    let two = Two::start().await;
    let config = named(&format!(
        "address = \"{}\"\nauth = {{ method = \"token\", env = \"OF_THE_TEAM\" }}",
        two.theirs.address()
    ));
    let child = child(&config)
        .with("VAULT_ADDR", two.ours.address())
        .with("VAULT_TOKEN", &two.ours.token)
        .with("VAULT_NAMESPACE", "")
        .with("OF_THE_TEAM", &two.theirs.token);
    let answers = child.call(&[&two.reference("vault.kv"), &two.reference("team")]).await;
    assert_eq!(answers.iter().map(Answer::text).collect::<Vec<_>>(), ["ours", "theirs"]);
    assert_eq!(two.tokens(), [vec![two.ours.token.clone()], vec![two.theirs.token.clone()]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_of_the_environment_goes_to_the_address_of_a_named_instance() {
    let two = Two::start().await;
    let config = named(&format!("address = \"{}\"", two.theirs.address()));
    let token = &two.theirs.token;
    let there = |child: Child| child.with("VAULT_ADDR", two.ours.address());
    let home = || {
        let child = child(&config);
        fs::write(child.path(".vault-token"), token).expect("written");
        child
    };
    for child in [
        there(child(&config)).with("VAULT_TOKEN", token),
        child(&config).with("BAO_TOKEN", token),
        there(child(&config)).with_file("VAULT_TOKEN_FILE", token),
        there(child(&config)).with("VAULT_ROLE_ID", "r").with("VAULT_SECRET_ID", "s"),
        there(home()),
        home(),
    ] {
        let answer = child.get(&two.reference("team")).await;
        assert!(answer.fails("unauthenticated").contains("[providers.team]"), "{answer:?}");
        assert!(answer.hint.contains("auth = { method = \"token\""), "{answer:?}");
    }
    assert_eq!((two.ours.total(), two.theirs.total()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_environments_server_holds_for_the_address_of_a_named_instance() {
    let tls = TwoTls::start().await;
    let [ours, theirs] = tls.authorities();
    let auth = "auth = { method = \"token\", env = \"OF_THE_TEAM\" }";
    let config = |more: &str| named(&format!("address = \"{}\"\n{auth}\n{more}", tls.theirs.endpoint()));
    let child = |more: &str| tls.child(&config(more)).with("OF_THE_TEAM", &tls.two.theirs.token);
    let reference = tls.reference("team");
    is_unverified(&child("").with("VAULT_CACERT", &theirs).get(&reference).await);
    is_unverified(&child("").with("S1CRETS_VAULT_DANGER_SKIP_VERIFY", "1").get(&reference).await);
    let tunnel = Tunnel::start().await;
    let own = child(&format!("ca_file = \"{theirs}\""))
        .with("VAULT_CACERT", &ours)
        .with("VAULT_CAPATH", &ours)
        .with("VAULT_CLIENT_CERT", "/nonexistent")
        .with("VAULT_TLS_SERVER_NAME", "another.name")
        .with("VAULT_NAMESPACE", "ours")
        .with("VAULT_PROXY_ADDR", tunnel.endpoint());
    assert_eq!(own.get(&reference).await.text(), "theirs");
    assert_eq!(tls.two.theirs.sent(&tls.two.path, "x-vault-namespace"), [""]);
    assert_eq!((tunnel.opened().len(), tls.two.ours.total()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_instance_at_the_environments_server_fills_its_gaps_from_the_environment() {
    let two = Two::start().await;
    let with_variables = |config: &str| {
        child(config)
            .with("VAULT_ADDR", two.ours.address())
            .with("VAULT_TOKEN", &two.ours.token)
            .with("VAULT_NAMESPACE", "of-the-environment")
    };
    let at = |address: &str| format!("address = \"{address}\"");
    for address in [String::new(), at(two.ours.address()), at(&format!("{}/", two.ours.address()))] {
        with_variables(&named(&address)).get(&two.reference("team")).await.fails("not_found");
        let own = format!("{address}\nnamespace = \"of-the-team\"");
        with_variables(&named(&own)).get(&two.reference("team")).await.fails("not_found");
    }
    let namespaces = two.ours.sent(&two.path, "x-vault-namespace");
    assert_eq!(namespaces, ["of-the-environment", "of-the-team"].repeat(3));
    assert!(two.ours.sent(&two.path, "x-vault-token").iter().all(|token| *token == two.ours.token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_instance_keeps_its_own_address_authorities_and_login() {
    let tls = TwoTls::start().await;
    let [ours, theirs] = tls.authorities();
    let config = named(&format!(
        "address = \"{}\"\nca_file = \"{theirs}\"\nauth = {{ method = \"token\", env = \"OF_THE_TEAM\" }}",
        tls.theirs.endpoint()
    ));
    let child = tls.child(&config).with("VAULT_CACERT", &ours).with("OF_THE_TEAM", &tls.two.theirs.token);
    assert_eq!(child.get(&tls.reference("team")).await.text(), "theirs");
    // Also where the environment is about the same server.
    let same = child.with("VAULT_ADDR", tls.theirs.endpoint());
    assert_eq!(same.get(&tls.reference("team")).await.text(), "theirs");
    assert_eq!(tls.two.tokens(), [vec![], vec![tls.two.theirs.token.clone(); 2]]);
}

/// The table of a named connection, and a provider that uses it.
fn with_connection(settings: &str) -> String {
    format!(
        "[connections.eu]\ntype = \"vault\"\n{settings}\n\
         [providers.team]\ntype = \"vault.kv\"\nconnection = \"eu\"\nmounts = {{ secret = 2 }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_changes_nothing_of_a_named_connection() {
    let tls = TwoTls::start().await;
    let [ours, theirs] = tls.authorities();
    let auth = "auth = { method = \"token\", env = \"OF_THE_TEAM\" }";
    let config = |more: &str| with_connection(&format!("address = \"{}\"\n{auth}\n{more}", tls.theirs.endpoint()));
    let reference = tls.reference("team");
    let tunnel = Tunnel::start().await;
    // Whether the environment is about another server or about the same one.
    for address in [tls.ours.endpoint(), tls.theirs.endpoint()] {
        let child = |more: &str| {
            tls.child(&config(more))
                .with("VAULT_ADDR", address)
                .with("BAO_ADDR", address)
                .with("OF_THE_TEAM", &tls.two.theirs.token)
                .with("VAULT_NAMESPACE", "ours")
                .with("VAULT_CLIENT_CERT", "/nonexistent")
                .with("VAULT_TLS_SERVER_NAME", "another.name")
                .with("VAULT_PROXY_ADDR", tunnel.endpoint())
                .with("HTTPS_PROXY", tunnel.endpoint())
        };
        let own = child(&format!("ca_file = \"{theirs}\"")).with("VAULT_CACERT", &ours);
        assert_eq!(own.get(&reference).await.text(), "theirs");
        is_unverified(&child("").with("VAULT_CACERT", &theirs).get(&reference).await);
        is_unverified(&child("").with("S1CRETS_VAULT_DANGER_SKIP_VERIFY", "1").get(&reference).await);
    }
    assert_eq!(tls.two.theirs.sent(&tls.two.path, "x-vault-namespace"), ["", ""]);
    assert_eq!(tls.two.tokens(), [vec![], vec![tls.two.theirs.token.clone(); 2]]);
    assert_eq!((tunnel.opened().len(), tls.two.ours.total()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_connections_table_follows_the_environment_as_inline_settings_do() {
    let two = Two::start().await;
    let config = format!(
        "[connections.vault]\naddress = \"{}\"\nauth = {{ method = \"token\", env = \"OF_THE_FILE\" }}\n\
         [providers.team]\ntype = \"vault.kv\"\nmounts = {{ secret = 2 }}\n\
         [providers.\"vault.kv\"]\nmounts = {{ secret = 2 }}\n",
        two.theirs.address()
    );
    for provider in ["vault.kv", "team"] {
        let child = child(&config).with("VAULT_TOKEN", "of-the-environment");
        let there = child.with("OF_THE_FILE", &two.theirs.token);
        assert_eq!(there.get(&two.reference(provider)).await.text(), "theirs", "{provider}");
        let here = there.with("VAULT_ADDR", two.ours.address()).with("OF_THE_FILE", &two.ours.token);
        assert_eq!(here.get(&two.reference(provider)).await.text(), "ours", "{provider}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn providers_of_different_connections_share_no_record_on_disk() {
    let two = Two::start().await;
    let connection = |name: &str, address: &str| {
        format!(
            "[connections.{name}]\ntype = \"vault\"\naddress = \"{address}\"\n\
             auth = {{ method = \"token\", env = \"ROOT\" }}\n\
             [providers.of-{name}]\ntype = \"vault.kv\"\nconnection = \"{name}\"\nmounts = {{ secret = 2 }}\n"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache").display().to_string();
    let child = child(&(connection("a", two.ours.address()) + &connection("b", two.theirs.address())))
        .with("ROOT", OpenBao::shared().root_token())
        .with("S1CRETS_CACHE_DISK", "true")
        .with("S1CRETS_CACHE_PATH", &cache);
    for _ in 0..2 {
        assert_eq!(child.get(&two.reference("of-a")).await.text(), "ours");
        assert_eq!(child.get(&two.reference("of-b")).await.text(), "theirs");
    }
    assert_eq!(two.tokens().map(|tokens| tokens.len()), [1, 1], "the second reads were of the disk");
}

/// By the same settings the default connection asks the environment's server, and a named instance
/// its own.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_named_instance_and_the_default_one_share_no_record_on_disk() {
    let two = Two::start().await;
    let same = format!("address = \"{}\"\nauth = {{ method = \"token\", env = \"ROOT\" }}", two.theirs.address());
    let (config, folder) = (default(&same) + &named(&same), tempfile::tempdir().expect("a folder"));
    let cache = folder.path().join("cache").display().to_string();
    let child = child(&config)
        .with("VAULT_ADDR", two.ours.address())
        .with("ROOT", OpenBao::shared().root_token())
        .with("S1CRETS_CACHE_DISK", "true")
        .with("S1CRETS_CACHE_PATH", &cache);
    assert_eq!(child.get(&two.reference("team")).await.text(), "theirs");
    assert_eq!(child.get(&two.reference("vault.kv")).await.text(), "ours");
    assert_eq!(child.get(&two.reference("team")).await.text(), "theirs");
    assert_eq!(two.tokens().map(|tokens| tokens.len()), [1, 1], "the third read was of the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_verification_is_warned_of_once() {
    let tls = TwoTls::start().await;
    let config = default(&format!("address = \"{}\"\ndanger_skip_verify = true", tls.ours.endpoint()));
    let skipping = child(&config).with("VAULT_TOKEN", &tls.two.ours.token);
    let log = skipping.trace(&tls.reference("vault.kv")).await;
    assert_eq!(log.matches("are NOT verified").count(), 1, "{log}");
    assert!(log.contains("WARN") && log.contains("s1crets::tls"), "{log}");
    let elsewhere = tls.child(&default("danger_skip_verify = true")).trace(&tls.reference("vault.kv")).await;
    assert!(elsewhere.contains("`danger_skip_verify`") && elsewhere.contains("is not followed"), "{elsewhere}");
    assert!(!elsewhere.contains("NOT verified"), "{elsewhere}");
}
