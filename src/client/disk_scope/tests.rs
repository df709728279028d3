//! Each input that decides whom a provider asks, or as whom, changes the scope; nothing else does.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ffi::OsString,
    fs,
    path::PathBuf,
};

use tempfile::TempDir;

use super::*;
use crate::{
    client::registry,
    config::{Config, GeneralSettings, Section},
    vault::VaultConnections,
};

/// The environment and the files of a provider.
struct World {
    folder: TempDir,
    variables: BTreeMap<String, OsString>,
    kind: &'static str,
    /// The provider's table of a config file.
    settings: String,
}

impl World {
    fn new(kind: &'static str, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let variables = [("HOME".to_owned(), folder.path().into())].into();
        Self { folder, variables, kind, settings: settings.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("a parent")).expect("made");
        fs::write(self.path(name), text).expect("written");
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    fn instance(&self) -> Instance {
        // `@/` stands for the folder.
        let text = self.settings.replace("@/", &format!("{}/", self.folder.path().display()));
        let config = Config::parse(&format!("[providers.\"{}\"]\n{text}", self.kind)).expect("TOML");
        let general = GeneralSettings::default();
        Instance {
            section: Section::new("providers", self.kind, config.providers[self.kind].clone()),
            general,
            connections: VaultConnections::new(&config, &general),
        }
    }

    fn bound(&self) -> Result<Bound, Unknown> {
        let kind = registry::find(self.kind).expect("a type");
        let env = |name: &str| self.variables.get(name).cloned();
        inputs(kind, &self.instance(), &env).expect("settings that fit")
    }

    fn digest(&self) -> [u8; 32] {
        self.bound().expect("told").digest()
    }

    /// Every input, and how it is bound.
    fn inputs(&self) -> Vec<(String, &'static str)> {
        let env = |name: &str| self.variables.get(name).cloned();
        let mut binding = Binding::new(&env);
        let kind = registry::find(self.kind).expect("a type");
        kind.bind(&self.instance(), &mut binding, &env).expect("settings that fit");
        binding.inputs
    }
}

/// That each change makes a scope of its own, and that it is the same again without it.
fn each_differs<T>(world: impl Fn() -> World, changes: impl IntoIterator<Item = T>, make: impl Fn(&mut World, &T))
where
    T: fmt::Debug,
{
    for change in changes {
        let mut world = world();
        let before = world.digest();
        assert_eq!(world.digest(), before, "{change:?}");
        make(&mut world, &change);
        assert_ne!(world.digest(), before, "{change:?}");
    }
}

const AWS_VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

#[test]
fn each_variable_of_aws_changes_the_scope() {
    for kind in ["aws.sm", "aws.ps"] {
        each_differs(|| World::new(kind, ""), AWS_VARIABLES, |world, name| world.set(name, "/one"));
    }
    // A login to Vault by AWS is as much of an AWS identity.
    for auth in [r#"auth = { method = "aws_iam" }"#, r#"auth = { method = "aws_ec2", nonce_file = "/n" }"#] {
        each_differs(|| World::new("vault.kv", auth), AWS_VARIABLES, |world, name| world.set(name, "/one"));
    }
}

#[test]
fn each_setting_of_aws_changes_the_scope() {
    let settings = [
        r#"region = "eu-west-1""#,
        r#"profile = "p""#,
        r#"endpoint_url = "http://a""#,
        r#"service_endpoint_url = "http://a""#,
        r#"sts_endpoint_url = "http://a""#,
        r#"roles = [{ arn = "arn:aws:iam::1:role/a" }]"#,
        r#"roles = [{ arn = "arn:aws:iam::2:role/a" }]"#,
        r#"roles = [{ arn = "arn:aws:iam::1:role/a", external_id = "x" }]"#,
        r#"roles = [{ arn = "arn:aws:iam::1:role/a", session_name = "x" }]"#,
        r#"roles = [{ arn = "arn:aws:iam::1:role/a" }, { arn = "arn:aws:iam::2:role/a" }]"#,
        r#"roles = [{ arn = "arn:aws:iam::2:role/a" }, { arn = "arn:aws:iam::1:role/a" }]"#,
    ];
    let world = World::new("aws.sm", "");
    let digests = settings.map(|settings| World { settings: settings.to_owned(), ..World::new("aws.sm", "") });
    let digests: Vec<_> = digests
        .into_iter()
        .map(|it| World { variables: world.variables.clone(), ..it }.digest())
        .chain([world.digest()])
        .collect();
    assert_eq!(digests.iter().collect::<HashSet<_>>().len(), settings.len() + 1);
}

const CONFIG: &str = "[default]\nregion = a\n[profile dev]\nsource_profile = base # why\nservices = local\n\
    [profile base]\nsso_session = corp\n[sso-session corp]\nsso_start_url = b\n\
    [services local]\nssm =\n  endpoint_url = http://c\n[profile other]\nregion = d\n";
const CREDENTIALS: &str = "[default]\naws_access_key_id = e\n[dev]\naws_access_key_id = f\n[other]\nregion = g\n";

fn shared() -> World {
    let mut world = World::new("aws.sm", "");
    world.write(".aws/config", CONFIG);
    world.write(".aws/credentials", CREDENTIALS);
    world.set("AWS_PROFILE", "dev");
    world
}

#[test]
fn the_sections_of_a_profile_and_what_they_refer_to_change_the_scope() {
    let changes = [
        (CONFIG, "base # why", "default"),
        (CONFIG, "sso_session = corp", "sso_session = none"),
        (CONFIG, "sso_start_url = b", "sso_start_url = z"),
        (CONFIG, "http://c", "http://z"),
        (CREDENTIALS, "aws_access_key_id = f", "aws_access_key_id = z"),
        (CREDENTIALS, "[dev]", "[dav]"),
    ];
    each_differs(shared, changes, |world, (text, old, new)| {
        let file = if *text == CONFIG { ".aws/config" } else { ".aws/credentials" };
        assert_eq!(text.matches(old).count(), 1, "{old}");
        world.write(file, &text.replace(old, new));
    });
    each_differs(shared, [".aws/config", ".aws/credentials"], |world, file| {
        fs::remove_file(world.path(file)).expect("removed");
    });
}

#[test]
fn what_other_profiles_hold_changes_nothing() {
    let world = shared();
    let before = world.digest();
    world.write(".aws/config", &CONFIG.replace("region = d", "region = z").replace("region = a", "region = z"));
    world.write(".aws/credentials", &CREDENTIALS.replace("region = g", "region = z").replace("= e", "= z"));
    assert_eq!(world.digest(), before);
}

#[test]
fn a_profile_is_the_one_of_the_settings_else_of_the_environment_else_the_default() {
    let changed = |settings: &str, profile: Option<&str>, old: &str| {
        let mut world = World { settings: settings.to_owned(), ..shared() };
        world.variables.remove("AWS_PROFILE");
        if let Some(profile) = profile {
            world.set("AWS_PROFILE", profile);
        }
        let before = world.digest();
        world.write(".aws/config", &CONFIG.replace(old, "region = z"));
        world.digest() != before
    };
    let (default, other) = ("region = a", "region = d");
    assert!(changed("", None, default) && !changed("", None, other));
    assert!(changed("", Some("other"), other) && !changed("", Some("other"), default));
    assert!(changed(r#"profile = "other""#, Some("dev"), other));
}

#[test]
fn each_variable_of_vault_changes_the_scope() {
    let named = ["ADDR", "NAMESPACE", "TOKEN", "TOKEN_FILE", "CACERT", "CAPATH", "CLIENT_CERT", "CLIENT_KEY"];
    let named = named.into_iter().chain(["CACERT_BYTES", "TLS_SERVER_NAME", "PROXY_ADDR", "HTTP_PROXY"]);
    let names = named.flat_map(|name| ["VAULT", "BAO"].map(|prefix| format!("{prefix}_{name}")));
    let others = ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "S1CRETS_VAULT_DANGER_SKIP_VERIFY"];
    let world = || {
        let mut world = World::new("vault.kv", "");
        world.write("one", "a token");
        world.write("1", "another");
        world.write("home", "one more");
        world.set("VAULT_TOKEN_FILE", world.path("home"));
        // A proxy is never used for the machine itself.
        world.set("VAULT_ADDR", "https://vault.internal");
        world
    };
    each_differs(world, names.chain(others.map(str::to_owned)), |world, name| {
        let value = if name.starts_with("S1CRETS") { "1".into() } else { world.path("one").into_os_string() };
        world.set(name, value);
    });
    let role = || {
        let mut world = World::new("vault.kv", "");
        world.set("VAULT_ROLE_ID", "a");
        world.set("VAULT_SECRET_ID", "b");
        world
    };
    each_differs(role, ["VAULT_ROLE_ID", "VAULT_SECRET_ID", "BAO_ROLE_ID"], |world, name| world.set(name, "z"));
}

#[test]
fn each_setting_of_vault_changes_the_scope() {
    let token = r#"auth = { method = "token", env = "TOKEN" }"#;
    let settings = [
        r#"address = "https://a""#,
        r#"namespace = "a""#,
        r#"ca_file = "@/a""#,
        r#"ca_path = "@/""#,
        r#"client_cert = "@/a""#,
        r#"client_key = "@/a""#,
        r#"server_name = "a""#,
        "danger_skip_verify = true",
        r#"proxy = "http://a""#,
        "kv_version = 1",
        "mounts = { a = 1 }",
    ];
    let world = || {
        let mut world = World::new("vault.kv", token);
        world.set("TOKEN", "t");
        world
    };
    each_differs(world, settings, |world, setting| world.settings = format!("{token}\n{setting}"));
    each_differs(world, ["u"], |world, token| world.set("TOKEN", token));
    let logins = [
        r#"{ method = "approle", role_id = "a", file = "@/a" }"#,
        r#"{ method = "approle", role_id = "b", file = "@/a" }"#,
        r#"{ method = "approle", role_id = "a", file = "@/b" }"#,
        r#"{ method = "approle", role_id = "a", file = "@/a", mount = "m" }"#,
        r#"{ method = "approle", role_id = "a", file = "@/a", wrapped = true }"#,
        r#"{ method = "approle", role_id = "a", file = "@/a", wrapped = true, creation_path = "c" }"#,
        r#"{ method = "approle", role_id = "a", env = "E" }"#,
        r#"{ method = "approle", role_id = "a" }"#,
        r#"{ method = "userpass", username = "a", file = "@/a" }"#,
        r#"{ method = "userpass", username = "b", file = "@/a" }"#,
        r#"{ method = "kubernetes", role = "a" }"#,
        r#"{ method = "kubernetes", role = "a", file = "@/a" }"#,
        r#"{ method = "kubernetes", role = "b" }"#,
        r#"{ method = "jwt", file = "@/a" }"#,
        r#"{ method = "jwt", file = "@/a", role = "a" }"#,
        r#"{ method = "cert" }"#,
        r#"{ method = "cert", role = "a" }"#,
        r#"{ method = "aws_iam" }"#,
        r#"{ method = "aws_iam", role = "a" }"#,
        r#"{ method = "aws_iam", region = "a" }"#,
        r#"{ method = "aws_iam", server_id = "a" }"#,
        r#"{ method = "aws_iam", profile = "a" }"#,
        r#"{ method = "aws_ec2", nonce_file = "@/a" }"#,
        r#"{ method = "aws_ec2", nonce_file = "@/b" }"#,
    ];
    each_differs(world, logins, |world, login| world.settings = format!("auth = {login}"));
    let mut world = world();
    let digests = logins.map(|login| {
        world.settings = format!("auth = {login}");
        world.digest()
    });
    assert_eq!(digests.iter().collect::<HashSet<_>>().len(), logins.len());
}

/// Certificates and tokens count by what is in their files.
#[test]
fn a_swapped_certificate_or_token_changes_the_scope() {
    let token = r#"auth = { method = "token", file = "@/token" }"#;
    let world = || {
        let world = World::new(
            "vault.kv",
            &format!("{token}\nca_file = \"@/ca\"\nca_path = \"@/cas\"\nclient_cert = \"@/cert\""),
        );
        ["token", "ca", "cas/a", "cert"].into_iter().for_each(|name| world.write(name, "1"));
        world
    };
    each_differs(world, ["token", "ca", "cas/a", "cas/b", "cert"], |world, name| world.write(name, "2"));
    let environment = || {
        let mut world = World::new("vault.kv", token);
        ["token", "ca", "cas/a"].into_iter().for_each(|name| world.write(name, "1"));
        world.set("SSL_CERT_FILE", world.path("ca"));
        world.set("SSL_CERT_DIR", world.path("cas"));
        world
    };
    each_differs(environment, ["token", "ca", "cas/a"], |world, name| world.write(name, "2"));
}

/// What rotates by design counts by its path.
#[test]
fn a_rotated_jwt_secret_id_or_key_changes_nothing() {
    for (kind, settings) in [
        ("vault.kv", r#"auth = { method = "jwt", file = "@/it" }"#),
        ("vault.kv", r#"auth = { method = "kubernetes", role = "r", file = "@/it" }"#),
        ("vault.kv", r#"auth = { method = "approle", role_id = "r", file = "@/it" }"#),
        ("vault.kv", r#"auth = { method = "userpass", username = "u", file = "@/it" }"#),
        ("vault.kv", "auth = { method = \"cert\" }\nclient_key = \"@/it\""),
        ("aws.sm", ""),
    ] {
        let mut world = World::new(kind, settings);
        if kind == "aws.sm" {
            for name in ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
                world.set(name, world.path("it"));
            }
        }
        world.write("it", "1");
        let before = world.digest();
        world.write("it", "2");
        assert_eq!(world.digest(), before, "{settings}");
    }
}

#[test]
fn patience_and_the_name_of_an_instance_change_nothing() {
    let mut world = World::new("aws.sm", "");
    let before = world.digest();
    world.settings = "retry = 9\ntimeout = 1".to_owned();
    assert_eq!(world.digest(), before);
    world.set("AWS_MAX_ATTEMPTS", "9");
    world.set("AWS_SECRET_ACCESS_KEY", "x");
    assert_eq!(world.digest(), before);
}

#[test]
fn the_providers_of_a_vendor_have_scopes_of_their_own_and_local_ones_have_none() {
    let world = World::new("aws.sm", "");
    assert_ne!(world.digest(), World { kind: "aws.ps", ..world }.digest());
    for kind in ["file", "memory"] {
        assert!(Scope::of(registry::find(kind).expect("a type"), &World::new(kind, "").instance()).is_none());
    }
}

#[test]
fn without_a_token_there_is_no_scope() {
    let mut world = World::new("vault.kv", "");
    world.set("VAULT_TOKEN_FILE", world.path("token"));
    assert_eq!(world.bound().expect_err("no token"), Unknown::NoToken);
    world.write("token", "t");
    world.bound().expect("a token");
}

/// The table of docs/cache.md is what the code does.
#[test]
fn every_input_stands_in_the_documentation() {
    let mut worlds = vec![World::new("aws.sm", r#"roles = [{ arn = "arn:aws:iam::1:role/a" }]"#)];
    let mut token = World::new("vault.kv", "");
    token.set("VAULT_TOKEN_FILE", "/dev/null");
    worlds.push(token);
    for auth in [
        r#"{ method = "approle", role_id = "a", file = "@/a" }"#,
        r#"{ method = "approle", role_id = "a", env = "E" }"#,
        r#"{ method = "userpass", username = "a", file = "@/a" }"#,
        r#"{ method = "kubernetes", role = "a" }"#,
        r#"{ method = "aws_iam" }"#,
        r#"{ method = "aws_ec2", nonce_file = "@/a" }"#,
    ] {
        worlds.push(World::new("vault.kv", &format!("auth = {auth}")));
    }
    let page = include_str!("../../../docs/cache.md");
    let rows: BTreeSet<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .flat_map(|(inputs, rest)| {
            let how = rest.split([' ', ';', ',']).next().unwrap_or_default();
            inputs.split('`').skip(1).step_by(2).map(move |input| (input, how))
        })
        .collect();
    for (input, how) in worlds.iter().flat_map(World::inputs) {
        // Given in code, or the type and the whole table of settings.
        if input == "type" || input.contains(' ') && !input.starts_with("auth.file") || input == "E" {
            continue;
        }
        let input = input.split(' ').next().unwrap_or_default();
        assert!(rows.contains(&(input, how)), "{input} is bound by {how}: {rows:?}");
    }
}

/// One provider over time, in this process.
fn scope(settings: &str, folder: &TempDir) -> Scope {
    let world = World {
        settings: settings.replace("@/", &format!("{}/", folder.path().display())),
        ..World::new("vault.kv", "")
    };
    Scope::of(registry::find("vault.kv").expect("a type"), &world.instance()).expect("one that calls")
}

#[tokio::test(start_paused = true)]
async fn a_replaced_token_gets_a_scope_of_its_own_once_it_is_surely_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    let scope = scope(r#"auth = { method = "token", file = "@/token" }"#, &folder);
    assert_eq!(scope.now(), None, "no token");
    fs::write(&token, "one").expect("written");
    // Somebody may have logged in with another one before.
    assert!(!scope.now().expect("a scope").settled);
    tokio::time::advance(SETTLED).await;
    let one = scope.now().expect("a scope");
    assert!(one.settled && scope.now() == Some(one.clone()));
    fs::write(&token, "two").expect("written");
    let two = scope.now().expect("a scope");
    assert!(!two.settled && two.bytes != one.bytes);
    tokio::time::advance(SETTLED).await;
    assert!(scope.now().is_some_and(|now| now.settled && now.bytes == two.bytes));
    fs::remove_file(&token).expect("removed");
    assert_eq!(scope.now(), None);
}

#[tokio::test(start_paused = true)]
async fn a_first_token_is_settled_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), "one").expect("written");
    assert!(scope(r#"auth = { method = "token", file = "@/token" }"#, &folder).now().expect("a scope").settled);
}

#[test]
fn a_certificate_that_changes_later_ends_the_use_of_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca");
    fs::write(&ca, "one").expect("written");
    let scope = scope("auth = { method = \"cert\" }\nca_file = \"@/ca\"", &folder);
    let one = scope.now().expect("a scope");
    fs::write(&ca, "two").expect("written");
    assert_eq!(scope.now(), None, "the provider may go on with the one that it was opened with");
    fs::write(&ca, "one").expect("written");
    assert!(scope.now().is_some_and(|now| now.bytes == one.bytes));
}

/// Two providers of one connection, and the connection.
fn sharing(auth: &str, folder: &TempDir) -> ([Scope; 2], VaultConnections) {
    let text = format!(
        "[connections.eu]\ntype = \"vault\"\naddress = \"https://vault\"\n{auth}\n\
         [providers.a]\ntype = \"vault.kv\"\nconnection = \"eu\"\n\
         [providers.b]\ntype = \"vault.kv\"\nconnection = \"eu\"\n"
    );
    let config = Config::parse(&text.replace("@/", &format!("{}/", folder.path().display()))).expect("TOML");
    let general = GeneralSettings::default();
    let connections = VaultConnections::new(&config, &general);
    let scopes = ["a", "b"].map(|name| {
        let section = Section::new("providers", name, config.providers[name].clone());
        let instance = Instance { section, general, connections: connections.clone() };
        Scope::of(registry::find("vault.kv").expect("a type"), &instance).expect("one that calls")
    });
    (scopes, connections)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_changed_since_a_shared_connection_was_opened_is_not_settled() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "one").expect("written");
    let ([a, b], connections) = sharing(r#"auth = { method = "token", file = "@/token" }"#, &folder);
    let one = a.now().expect("a scope");
    connections.get(Some("eu")).expect("settings").open().expect("opened");
    fs::write(&token, "two").expect("written");
    let two = b.now().expect("a scope");
    assert!(!two.settled, "the connection may still use the first token");
    tokio::time::advance(SETTLED).await;
    assert!(b.now().is_some_and(|now| now.settled));
    assert!(one.settled && a.now().is_some_and(|now| now.bytes != one.bytes));
}

#[tokio::test]
async fn a_certificate_that_changed_since_a_shared_connection_was_opened_ends_the_use_of_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = s1crets_testbed::Authority::create(folder.path());
    let ca = folder.path().join("ca");
    fs::copy(authority.certificate_file(), &ca).expect("written");
    let ([a, b], connections) = sharing("auth = { method = \"cert\" }\nca_file = \"@/ca\"", &folder);
    // By code, before any provider reads.
    connections.get(Some("eu")).expect("settings").open().expect("opened");
    fs::write(&ca, "another").expect("written");
    assert_eq!((a.now(), b.now()), (None, None));
}

#[test]
fn watching_a_shared_connection_keeps_no_client_alive() {
    let folder = tempfile::tempdir().expect("a folder");
    let ([a, b], connections) = sharing("auth = { method = \"cert\" }", &folder);
    let weak = Arc::downgrade(&a.0);
    drop((a, b, connections));
    assert!(weak.upgrade().is_none());
}
