//! Settings of a Vault connection in `s1crets.toml`: a table `[connections.NAME]` of type `vault`,
//! or the same keys in the table of a Vault provider.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{auth::Auth, env::env_vars, error::parse_address, http::check_namespace, login_settings::AuthSettings};
use crate::{
    config::{Form, GeneralSettings, RawTable, Section, path, timeout},
    error::{Error, Result},
    transport::ProxyUrl,
};

/// The name of the connection that Vault providers use where they name none.
pub(crate) const DEFAULT_CONNECTION: &str = "vault";

/// The type of the connections.
pub(crate) const CONNECTION_TYPE: &str = "vault";

/// The provider whose table holds the default connection's settings, where there is no
/// `[connections.vault]`.
pub(super) const DEFAULT_INSTANCE: &str = "vault.kv";

/// The keys of a connection.
pub(crate) const FORM: Form = Form {
    paths: &[&["ca_file"], &["ca_path"], &["client_cert"], &["client_key"], &["auth", "file"], &["auth", "nonce_file"]],
    credential_variables: &[&["auth", "env"]],
    ..Form::of::<ConnectionSettings>()
};

/// A connection to Vault or OpenBao.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectionSettings {
    /// Attempts in total.
    pub(super) retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for a response, of one attempt.
    #[serde(deserialize_with = "timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::config::Timeout>"))]
    pub(super) timeout: Option<Duration>,
    /// The server's address: `https://HOST:PORT`, `http://HOST:PORT` or `unix:///PATH`.
    pub(super) address: Option<String>,
    /// The namespace.
    pub(super) namespace: Option<String>,
    /// A file of certificates to trust instead of the system's.
    #[serde(deserialize_with = "path")]
    pub(super) ca_file: Option<PathBuf>,
    /// A folder of such files.
    #[serde(deserialize_with = "path")]
    pub(super) ca_path: Option<PathBuf>,
    /// The client's certificate.
    #[serde(deserialize_with = "path")]
    pub(super) client_cert: Option<PathBuf>,
    /// The key of the client's certificate.
    #[serde(deserialize_with = "path")]
    pub(super) client_key: Option<PathBuf>,
    /// The name that the server's certificate must have.
    pub(super) server_name: Option<String>,
    /// Accepts any certificate from the `address` beside it, so that whoever is in between can read
    /// every secret.
    pub(super) danger_skip_verify: Option<bool>,
    /// The proxy for every call, without a password.
    pub(super) proxy: Option<String>,
    /// How to log in.
    pub(super) auth: Option<AuthSettings>,
    /// Whether a shutdown revokes the token of a login.
    pub(super) revoke_at_shutdown: Option<bool>,
}

/// How much the environment has to say about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionRole {
    /// The default connection: the environment decides where it connects.
    Default,
    /// The inline connection of a named provider: the environment fills the gaps if it is about the
    /// same server.
    Inline,
    /// Another table of `[connections]`: the environment changes nothing.
    Named,
}

/// The settings of a connection, checked: what is malformed is an error before anything is
/// resolved.
#[derive(Clone, Debug)]
pub(crate) struct VaultSettings {
    pub(super) section: Section,
    pub(super) role: ConnectionRole,
    pub(super) own: ConnectionSettings,
    pub(super) general: GeneralSettings,
    pub(super) auth: Option<Auth>,
    pub(super) proxy: Option<ProxyUrl>,
}

/// The default connection without any setting.
impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            section: default_section(),
            role: ConnectionRole::Default,
            own: ConnectionSettings::default(),
            general: GeneralSettings::default(),
            auth: None,
            proxy: None,
        }
    }
}

/// Where the default connection is set up if nothing sets it up.
fn default_section() -> Section {
    Section::new("providers", DEFAULT_INSTANCE, RawTable::default())
}

impl VaultSettings {
    /// # Errors
    /// `Config` if a setting is unknown or malformed, or a named connection lacks one.
    pub(crate) fn read(section: Section, role: ConnectionRole, general: &GeneralSettings) -> Result<Self> {
        let own: ConnectionSettings = section.read()?;
        if let Some(address) = &own.address {
            parse_address(address)?;
        }
        if let Some(namespace) = &own.namespace {
            check_namespace(namespace)?;
        }
        let auth = own.auth.clone().map(Auth::from_settings).transpose()?;
        let proxy = own.proxy.as_deref().map(|url| ProxyUrl::from_settings(url, env_vars::PROXY_ADDR)).transpose()?;
        if role == ConnectionRole::Named {
            complete(&own)?;
        }
        Ok(Self { section, role, own, general: *general, auth, proxy })
    }
}

/// Nothing else than its own table says where a named connection leads, and as whom.
fn complete(own: &ConnectionSettings) -> Result<()> {
    let missing = |key: &str, example: &str| {
        Error::config(format!("a named connection needs `{key}`: the environment does not change it"))
            .with_hint(format!("set {key} = {example}"))
    };
    if own.address.is_none() {
        return Err(missing("address", "\"https://HOST:PORT\""));
    }
    match own.auth {
        Some(_) => Ok(()),
        None => Err(missing("auth", "{ method = \"token\", env = \"NAME_OF_A_VARIABLE\" }")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        vault::{config::VaultConfig, env::Environment},
    };

    fn read(text: &str) -> Result<VaultConfig> {
        read_with(text, &[])
    }

    /// A provider other than `vault.kv`, and the variables that are set.
    fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<VaultConfig> {
        let raw = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        Ok(parse("x", text, ConnectionRole::Inline)?.resolve(&Environment::of(&raw)).into_config())
    }

    /// The settings in the table of a provider.
    fn parse(name: &str, text: &str, role: ConnectionRole) -> Result<VaultSettings> {
        let mut config = Config::parse(&format!("[providers.{name:?}]\ntype = \"vault.kv\"\n{text}")).expect("TOML");
        let raw = config.providers.remove(name).expect("the table");
        VaultSettings::read(Section::new("providers", name, raw), role, &GeneralSettings::default())
    }

    #[test]
    fn a_login_whose_path_would_be_malformed_is_refused_with_the_settings() {
        let login = |keys: &str| read(&format!("auth = {{ method = \"userpass\", env = \"E\", {keys} }}"));
        for keys in [
            "username = \"u\", mount = \"\"",
            "username = \"u\", mount = \"a//b\"",
            "username = \"u\", mount = \"../x\"",
            "username = \"u/v\"",
            "username = \"..\"",
            "username = \"\"",
        ] {
            let error = login(keys).expect_err(keys);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{keys}: {error}");
        }
        login("username = \"u\", mount = \"team/userpass\"").expect("a mount of two segments");
    }

    #[test]
    fn every_method_has_its_settings() {
        for (auth, shown) in [
            (r#"{ method = "token", file = "/t" }"#, "Token(File(\"/t\"))"),
            (r#"{ method = "approle", role_id = "r", env = "E", wrapped = true }"#, "AppRole"),
            (r#"{ method = "approle", role_id = "r" }"#, "secret_id: None"),
            (r#"{ method = "approle", role_id = "r", env = "E", wrapped = true, creation_path = "a/*" }"#, "a/*"),
            (r#"{ method = "userpass", username = "u", env = "E", mount = "m" }"#, "mount: \"m\""),
            (r#"{ method = "kubernetes", role = "r", mount = "kubernetes/a" }"#, "kubernetes/a"),
            (r#"{ method = "jwt", env = "CI_JOB_JWT", role = "r" }"#, "CI_JOB_JWT"),
            (r#"{ method = "cert" }"#, "Cert"),
        ] {
            let config = read(&format!("auth = {auth}\naddress = \"http://x\"")).expect(auth);
            assert!(format!("{:?}", config.auth).contains(shown), "{auth}: {:?}", config.auth);
        }
    }

    #[test]
    fn the_proxies_for_everything_are_not_for_an_address_that_only_the_file_names() {
        let proxy = |text: &str, variables: &[(&str, &str)]| {
            let settings = parse("vault.kv", text, ConnectionRole::Default).expect("settings");
            let general = [("HTTPS_PROXY", "http://general:1")];
            let raw = |name: &str| {
                let found = general.iter().chain(variables).find(|(it, _)| *it == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let config = settings.resolve(&Environment::of(&raw)).into_config();
            config.proxy.map(|proxy| proxy.as_str().to_owned())
        };
        let named = |address| [("VAULT_ADDR", address)];
        assert_eq!(proxy("address = \"https://vault\"", &[]), None);
        assert_eq!(proxy("", &named("https://vault")).as_deref(), Some("http://general:1"));
        let same = proxy("address = \"https://vault\"", &named("https://vault/"));
        assert_eq!(same.as_deref(), Some("http://general:1"));
        let own = proxy("proxy = \"http://file:1\"", &named("https://vault"));
        assert_eq!(own.as_deref(), Some("http://file:1"), "the file's is more specific");
    }

    #[test]
    fn a_file_name_of_the_environment_makes_no_line_of_its_own() {
        let raw = |name: &str| (name == "VAULT_TOKEN_FILE").then(|| "/x\nprovider = \"file\"".to_owned());
        let connection = VaultSettings::default().resolve(&Environment::of(&raw)).into_connection();
        let credential = connection.credential.expect("a login").to_string();
        assert_eq!(credential, "token from file /x\u{fffd}provider = \"file\"");
    }

    /// A variable is for those who can't change the code.
    #[test]
    fn what_code_sets_goes_before_the_environment() {
        let raw: RawTable = "address = 'http://code'\nnamespace = 'code'\nca_file = '/code'".parse().expect("a table");
        let section = Section::new("providers", DEFAULT_INSTANCE, raw);
        let settings = VaultSettings::read(section, ConnectionRole::Default, &GeneralSettings::default());
        let raw = |name: &str| name.starts_with("VAULT_").then(|| "http://environment".to_owned());
        let config = settings.expect("settings").resolve(&Environment::of(&raw)).into_config();
        assert_eq!((config.address.as_str(), config.namespace.as_deref()), ("http://code", Some("code")));
        assert_eq!((config.tls.ca_file, config.tls.ca_path), (Some("/code".into()), None));
    }

    #[test]
    fn the_environment_is_followed_at_an_address_of_code_only_if_it_is_about_that() {
        let resolved = |variables: &[(&str, &str)]| {
            let raw: RawTable = "address = 'http://code'".parse().expect("a table");
            let section = Section::new("providers", DEFAULT_INSTANCE, raw);
            let settings = VaultSettings::read(section, ConnectionRole::Default, &GeneralSettings::default());
            let raw = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
            let settings = settings.expect("settings");
            let connection = settings.resolve(&Environment::of(&raw)).into_connection();
            let credential = connection.credential.map(|login| login.to_string());
            (credential, settings.resolve(&Environment::of(&raw)).into_config())
        };
        let token = ("VAULT_TOKEN", "hunter2");
        let sent = Some("token from VAULT_TOKEN".to_owned());
        assert_eq!(resolved(&[token]).0, sent, "it names no server");
        assert_eq!(resolved(&[token, ("VAULT_ADDR", "http://code/")]).0, sent);
        let agent = ("VAULT_AGENT_ADDR", "http://agent");
        assert_eq!(resolved(&[token, agent, ("VAULT_ADDR", "http://code")]).0, sent);
        for other in [("VAULT_ADDR", "http://other"), ("BAO_ADDR", "http://other"), agent] {
            let (credential, config) = resolved(&[token, other, ("VAULT_NAMESPACE", "n"), ("VAULT_CACERT", "/ca")]);
            assert_eq!((credential, config.namespace, config.tls.ca_file), (None, None, None), "{other:?}");
        }
        // The login `none` is for the agent.
        let (credential, _) = resolved(&[agent, ("VAULT_ADDR", "http://code")]);
        assert!(credential.is_some_and(|login| login.contains(".vault-token")));
    }

    #[test]
    fn each_login_is_described_without_its_secret() {
        for (auth, described) in [
            (r#"{ method = "token", file = "/t" }"#, "token from file /t"),
            (r#"{ method = "token", env = "E" }"#, "token from E"),
            (r#"{ method = "approle", role_id = "r", file = "/s" }"#, "approle role r with secret id from file /s"),
            (r#"{ method = "approle", role_id = "r" }"#, "approle role r"),
            (r#"{ method = "userpass", username = "u", env = "E" }"#, "userpass user u with password from E"),
            (r#"{ method = "kubernetes", role = "r" }"#, "kubernetes role r"),
            (r#"{ method = "jwt", env = "E", role = "r" }"#, "jwt role r with JWT from E"),
            (r#"{ method = "cert" }"#, "cert"),
            (r#"{ method = "aws_iam", role = "r", profile = "p" }"#, "aws_iam role r with AWS profile p"),
        ] {
            let settings = parse("x", &format!("auth = {auth}"), ConnectionRole::Inline).expect("settings");
            assert_eq!(settings.own.auth.expect("a login").description(), described);
        }
    }

    #[test]
    fn a_proxy_of_the_file_goes_before_the_environments_and_holds_no_password() {
        let file = |text: &str| {
            let environment = [("VAULT_ADDR", "http://vault"), ("VAULT_PROXY_ADDR", "http://environment:1")];
            read_with(text, &environment).map(|config| config.proxy)
        };
        let named = file("proxy = \"http://proxy:3128\"").expect("a proxy").expect("one");
        assert_eq!(named.as_str(), "http://proxy:3128");
        assert!(file("").expect("settings").is_some(), "the environment's");
        assert!(file("address = \"http://other\"").expect("settings").is_none(), "it was for another address");
        for wrong in ["http://u:hunter2@proxy:1", "http://hunter2@proxy", "proxy:3128", "unix:///x", ""] {
            let error = file(&format!("proxy = \"{wrong}\"")).expect_err(wrong);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{wrong}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn an_address_that_is_none_is_told_with_the_settings_and_without_what_it_holds() {
        for address in ["vault:8200", "ftp://vault", "http://me:hunter2@vault"] {
            let error = read(&format!("address = \"{address}\"")).expect_err(address);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{address}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_namespace_that_would_lead_to_the_servers_own_apis_is_refused() {
        for namespace in ["auth", "/sys/", "team1/auth", "team1//identity", "team1/%61uth", "cubbyhole"] {
            let error = read(&format!("namespace = \"{namespace}\"")).expect_err(namespace);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{namespace}");
            let code = VaultConfig::new("http://vault").with_namespace(namespace);
            assert_eq!(crate::vault::Vault::new(code).expect_err(namespace).kind(), crate::ErrorKind::Config);
        }
        read("namespace = \"team1/Auth\"").expect("an ordinary name");
    }

    #[test]
    fn what_does_not_fit_the_method_is_refused() {
        for auth in [
            r#"{ method = "ldap" }"#,
            r#"{ method = "token" }"#,
            r#"{ method = "token", file = "/t", env = "E" }"#,
            r#"{ method = "token", file = "/t", role = "r" }"#,
            r#"{ method = "approle", file = "/t" }"#,
            r#"{ method = "approle", role_id = "r", wrapped = true }"#,
            r#"{ method = "approle", role_id = "r", env = "E", creation_path = "a/*" }"#,
            r#"{ method = "kubernetes" }"#,
        ] {
            let error = read(&format!("auth = {auth}")).expect_err(auth);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{auth}");
        }
    }
}
