//! `[connections.NAME]`: one connection, login and token for all providers that use it.

use std::fs;

use s1crets::{Client, Config, ErrorKind};
use s1crets_testbed::{FaultProxy, OpenBao};
use serde_json::json;
use tempfile::TempDir;

use super::{logins, plant};

/// A login by AppRole through a proxy that counts, as settings of a connection.
struct Server {
    proxy: FaultProxy,
    path: String,
    mount: String,
    settings: String,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let bao = OpenBao::shared();
        let (mount, role, secret) = logins::approle(bao);
        let (proxy, folder) = (FaultProxy::start(bao.address()).await, tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("secret-id");
        fs::write(&file, secret).expect("written");
        let settings = format!(
            "address = {:?}\nauth = {{ method = \"approle\", role_id = {role:?}, mount = {mount:?}, file = {file:?} }}\n",
            proxy.endpoint()
        );
        Self { proxy, path: plant(bao, &json!({ "v": "found" })), mount, settings, _folder: folder }
    }

    fn logins(&self) -> usize {
        self.proxy.count(&format!("POST /v1/auth/{}/login", self.mount))
    }

    async fn reads(&self, client: &Client, provider: &str) {
        let read = client.get(provider, &self.path).key("v").await;
        assert_eq!(read.expect(provider).expose_str().expect("text"), "found");
    }
}

fn client(config: &str) -> Client {
    Client::builder().with_config(Config::parse(config).expect("a config")).build().expect("a client")
}

fn fails(config: &str) -> (String, String) {
    let built = Config::parse(config).and_then(|config| Client::builder().with_config(config).build());
    let error = built.map(drop).expect_err(config);
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    (error.message().to_owned(), error.hint().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_and_code_that_share_a_connection_share_one_login() {
    let server = Server::start().await;
    let client = client(&format!(
        "[connections.eu]\ntype = \"vault\"\n{}\n\
         [providers.one]\ntype = \"vault.kv\"\nconnection = \"eu\"\nmounts = {{ secret = 2 }}\n\
         [providers.two]\ntype = \"vault.kv\"\nconnection = \"eu\"\n",
        server.settings
    ));
    tokio::join!(server.reads(&client, "one"), server.reads(&client, "two"));
    let vault = client.vault(Some("eu")).expect("the connection");
    vault.log_in().await.expect("logged in before");
    assert_eq!((server.logins(), vault.status().logins), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_of_the_client_revokes_the_tokens_of_all_its_connections() {
    let [named, inline, kept] = [Server::start().await, Server::start().await, Server::start().await];
    let client = client(&format!(
        "[connections.eu]\ntype = \"vault\"\n{}revoke_at_shutdown = true\n\
         [providers.one]\ntype = \"vault.kv\"\nconnection = \"eu\"\n\
         [providers.two]\ntype = \"vault.kv\"\n{}revoke_at_shutdown = true\n\
         [providers.three]\ntype = \"vault.kv\"\n{}",
        named.settings, inline.settings, kept.settings
    ));
    client.shutdown().await.expect("nothing is open");
    tokio::join!(named.reads(&client, "one"), inline.reads(&client, "two"), kept.reads(&client, "three"));
    client.shutdown().await.expect("shut down");
    client.shutdown().await.expect("shut down before");
    let revoked = |server: &Server| server.proxy.count("POST /v1/auth/token/revoke-self");
    assert_eq!((revoked(&named), revoked(&inline), revoked(&kept)), (1, 1, 0));
    let error = client.get("one", &named.path).cached(false).await.map(drop).expect_err("shut down");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_connection_is_for_every_vault_provider_that_names_none() {
    let server = Server::start().await;
    let team = "[providers.team]\ntype = \"vault.kv\"\nmounts = { secret = 2 }\n";
    for table in ["[connections.vault]", "[providers.\"vault.kv\"]"] {
        let before = server.logins();
        let client = client(&format!("{table}\n{}\n{team}", server.settings));
        server.reads(&client, "vault.kv").await;
        server.reads(&client, "team").await;
        client.vault(None).expect("the default").log_in().await.expect("logged in before");
        assert_eq!(server.logins() - before, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_opened_before_it_is_used() {
    let missing = "ca_file = \"/nonexistent/ca.pem\"\nauth = { method = \"token\", env = \"NONE\" }";
    let client = client(&format!(
        "[connections.eu]\ntype = \"vault\"\naddress = \"https://127.0.0.1:1\"\n{missing}\n\
         [providers.one]\ntype = \"vault.kv\"\nconnection = \"eu\"\n"
    ));
    for _ in 0..2 {
        let error = client.vault(Some("eu")).map(drop).expect_err("no such file");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("/nonexistent/ca.pem"), "{error}");
    }
}

#[test]
fn an_unknown_connection_lists_the_known_ones() {
    let named = "[connections.prod-eu]\ntype = \"vault\"\naddress = \"https://x\"\nauth = { method = \"cert\" }\n";
    let (message, hint) = fails(&format!("{named}[providers.x]\ntype = \"vault.kv\"\nconnection = \"prod-eü\""));
    assert!(message.starts_with("in [providers.x], line 5: there is no connection"), "{message}");
    assert!(message.ends_with("; there are prod-eu, vault"), "{message}");
    assert_eq!(hint, "did you mean `prod-eu`?");
    let error = client(named).vault(Some("zzz")).map(drop).expect_err("no such connection");
    assert!(error.hint().is_some_and(|hint| hint.contains("[connections.zzz]")), "{error:?}");
}

#[test]
fn a_connection_that_is_set_up_in_two_places_is_refused() {
    let eu = "[connections.eu]\ntype = \"vault\"\naddress = \"https://x\"\nauth = { method = \"cert\" }\n";
    let (message, hint) =
        fails(&format!("{eu}[providers.x]\ntype = \"vault.kv\"\nconnection = \"eu\"\nnamespace = \"a\""));
    assert!(message.contains("`namespace` and `connection` exclude each other"), "{message}");
    assert!(hint.contains("[connections.eu]"), "{hint}");
    for table in
        ["[providers.\"vault.kv\"]\naddress = \"https://y\"", "[providers.team]\ntype = \"vault.kv\"\nretry = 7"]
    {
        let (message, hint) = fails(&format!("[connections.vault]\naddress = \"https://x\"\n{table}"));
        assert!(message.contains("and [connections.vault] sets that up"), "{message}");
        assert!(hint.starts_with("move `") && hint.ends_with("to [connections.vault]"), "{hint}");
    }
    // A provider with an address of its own has a connection of its own.
    client(
        "[connections.vault]\naddress = \"https://x\"\n[providers.team]\ntype = \"vault.kv\"\naddress = \"https://y\"",
    );
}

#[test]
fn a_named_connection_without_address_or_login_is_refused_though_unused() {
    for (settings, missing) in [
        ("auth = { method = \"cert\" }", "`address`"),
        ("address = \"https://x\"", "`auth`"),
        ("address = \"x\"\nauth = { method = \"cert\" }", "malformed"),
    ] {
        let (message, hint) = fails(&format!("\n[connections.eu]\ntype = \"vault\"\n{settings}"));
        assert!(message.starts_with("in [connections.eu], line 2: ") && message.contains(missing), "{message}");
        assert!(!hint.is_empty(), "{message}");
    }
    for (table, why) in [
        ("[connections.eu]\naddress = \"https://x\"", "there is no connection of type \"eu\"; there are vault"),
        ("[connections.eu]\ntype = \"vault\"\nmounts = { a = 2 }", "unknown key `mounts`"),
    ] {
        let (message, _) = fails(table);
        assert!(message.contains(why), "{message}");
    }
}

#[tokio::test]
async fn the_connection_of_a_provider_is_explained_with_its_table_and_origins() {
    let text = "[connections.eu]\ntype = \"vault\"\naddress = \"https://x:1\"\nauth = { method = \"token\", env = \"T\" }\n\
                [providers.one]\ntype = \"vault.kv\"\nconnection = \"eu\"";
    let builder = Client::builder().with_config(Config::parse(text).expect("a config"));
    let connections = builder.connections().await;
    let connection = connections["one"].as_ref().expect("explained");
    assert_eq!((connection.provider.as_str(), connection.table.as_str()), ("one", "connections.eu"));
    let shown: Vec<_> = connection.settings.iter().map(|it| format!("{it} # {}", it.origin())).collect();
    assert_eq!(shown, ["connections.eu.address = \"https://x:1\" # line 3"]);
    let credential = connection.credential.as_ref().expect("a login");
    assert_eq!((credential.to_string(), credential.origin.to_string()), ("token from T".into(), "line 4".into()));
    let effective: Vec<_> = builder.effective().iter().map(|it| format!("{it} # {}", it.origin())).collect();
    assert!(effective.contains(&shown[0]), "{effective:?}");
    let config = Config::parse(text).expect("a config");
    assert!(config.credential_variables().contains("T"));
}
