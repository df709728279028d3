//! From `s1crets.toml`.

use super::{
    auth::{AppRole, Auth, Cert, Jwt, Kubernetes, UserPass},
    env::env_vars,
    error::parse_address,
    http::check_namespace,
    resolve::DEFAULT_INSTANCE,
    source::SecretSource,
};
use crate::{
    config::{Config, METHODS, ProviderSettings, ProviderTable, VaultAuthSettings, did_you_mean},
    error::{Error, Result},
    transport::ProxyUrl,
};

/// The settings of one instance, checked: what is malformed is told before anything is resolved.
#[derive(Clone, Debug)]
pub(crate) struct VaultSettings {
    pub(super) table: ProviderTable,
    pub(super) auth: Option<Auth>,
    pub(super) proxy: Option<ProxyUrl>,
}

/// The default connection without any setting.
impl Default for VaultSettings {
    fn default() -> Self {
        let table = ProviderTable::new(DEFAULT_INSTANCE, ProviderSettings::default(), &Config::default());
        Self { table, auth: None, proxy: None }
    }
}

impl VaultSettings {
    /// # Errors
    /// `Config` if a setting is malformed.
    pub(crate) fn read(table: ProviderTable) -> Result<Self> {
        let ProviderSettings { address, namespace, auth, proxy, .. } = table.settings.clone();
        if let Some(address) = &address {
            parse_address(address)?;
        }
        if let Some(namespace) = &namespace {
            check_namespace(namespace)?;
        }
        let auth = auth.map(Auth::from_settings).transpose()?;
        let proxy = proxy.as_deref().map(|url| ProxyUrl::from_settings(url, env_vars::PROXY_ADDR)).transpose()?;
        Ok(Self { table, auth, proxy })
    }
}

impl VaultAuthSettings {
    /// Which credential these settings name: never the credential itself.
    pub(super) fn description(&self) -> String {
        let file = self.file.as_ref().map(|file| format!("file {}", file.display()));
        let secret = file.or_else(|| self.env.clone());
        let from = |what: &str| secret.as_ref().map(|place| format!("{what} from {place}"));
        let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
        let (who, proof) = match self.method.as_str() {
            "token" => return from("token").unwrap_or_default(),
            "approle" => (named("role", &self.role_id), from("with secret id")),
            "userpass" => (named("user", &self.username), from("with password")),
            "jwt" | "kubernetes" => (named("role", &self.role), from("with JWT")),
            _ => (named("role", &self.role), named("with AWS profile", &self.profile)),
        };
        let parts = [Some(self.method.clone()), who, proof];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// A method's settings, taken one by one: what is left over is refused.
struct Reader {
    left: VaultAuthSettings,
}

impl Auth {
    fn from_settings(settings: VaultAuthSettings) -> Result<Self> {
        let method = settings.method.clone();
        let mut reader = Reader { left: settings };
        let auth = reader.read(&method)?;
        reader.finish(&method)?;
        Ok(auth)
    }
}

impl Reader {
    fn read(&mut self, method: &str) -> Result<Auth> {
        Ok(match method {
            "token" => Auth::Token(self.source(method)?),
            "approle" => Auth::AppRole(self.approle()?),
            "userpass" => {
                let login = UserPass::new(required(self.left.username.take(), "username")?, self.source(method)?);
                Auth::UserPass(with(login, self.left.mount.take(), UserPass::with_mount))
            }
            "kubernetes" => {
                let login = Kubernetes::new(required(self.left.role.take(), "role")?);
                let login = with(login, self.optional_source()?, Kubernetes::with_jwt);
                Auth::Kubernetes(with(login, self.left.mount.take(), Kubernetes::with_mount))
            }
            "jwt" => {
                let login = with(Jwt::new(self.source(method)?), self.left.role.take(), Jwt::with_role);
                Auth::Jwt(with(login, self.left.mount.take(), Jwt::with_mount))
            }
            "cert" => {
                let login = with(Cert::new(), self.left.role.take(), Cert::with_role);
                Auth::Cert(with(login, self.left.mount.take(), Cert::with_mount))
            }
            "aws_iam" | "aws_ec2" => self.aws(method)?,
            other => {
                let error = Error::config(format!("there is no login method {other:?} for Vault"));
                let hint = did_you_mean(other, &METHODS).unwrap_or_else(|| format!("there are {}", METHODS.join(", ")));
                return Err(error.with_hint(hint));
            }
        })
    }

    fn approle(&mut self) -> Result<AppRole> {
        let role_id = required(self.left.role_id.take(), "role_id")?;
        let wrapped = self.left.wrapped.take().unwrap_or(false);
        let login = match (self.optional_source()?, wrapped) {
            (Some(source), true) => AppRole::wrapped(role_id, source),
            (Some(source), false) => AppRole::new(role_id, source),
            (None, false) => AppRole::without_secret_id(role_id),
            (None, true) => return Err(Error::config("a wrapped secret id needs `file` or `env`")),
        };
        // Of a secret id that is not wrapped it is left over, and so refused.
        let creation_path = if wrapped { self.left.creation_path.take() } else { None };
        let login = with(login, creation_path, AppRole::with_creation_path);
        Ok(with(login, self.left.mount.take(), AppRole::with_mount))
    }

    #[cfg(feature = "__aws")]
    fn aws(&mut self, method: &str) -> Result<Auth> {
        use super::auth::{AwsEc2, AwsIam};

        if method == "aws_ec2" {
            let login = AwsEc2::new(required(self.left.nonce_file.take(), "nonce_file")?);
            let login = with(login, self.left.role.take(), AwsEc2::with_role);
            return Ok(Auth::AwsEc2(with(login, self.left.mount.take(), AwsEc2::with_mount)));
        }
        let login = with(AwsIam::new(), self.left.role.take(), AwsIam::with_role);
        let login = with(login, self.left.region.take(), AwsIam::with_region);
        let login = with(login, self.left.server_id.take(), AwsIam::with_server_id);
        let login = with(login, self.left.profile.take(), AwsIam::with_profile);
        Ok(Auth::AwsIam(with(login, self.left.mount.take(), AwsIam::with_mount)))
    }

    #[cfg(not(feature = "__aws"))]
    fn aws(&mut self, method: &str) -> Result<Auth> {
        Err(Error::unsupported(format!("this build has no login {method} to Vault"))
            .with_hint("build s1crets with the feature `aws`"))
    }

    fn source(&mut self, method: &str) -> Result<SecretSource> {
        self.optional_source()?.ok_or_else(|| {
            Error::config(format!("the login method {method} needs `file` or `env`, which name where its secret is"))
        })
    }

    fn optional_source(&mut self) -> Result<Option<SecretSource>> {
        match (self.left.file.take(), self.left.env.take()) {
            (Some(file), None) => Ok(Some(SecretSource::file(file))),
            (None, Some(env)) => Ok(Some(SecretSource::env(env))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Error::config("`file` and `env` of a login exclude each other")),
        }
    }

    fn finish(self, method: &str) -> Result<()> {
        let nothing = VaultAuthSettings { method: self.left.method.clone(), ..VaultAuthSettings::default() };
        if self.left == nothing {
            return Ok(());
        }
        Err(Error::config(format!("the login method {method} was given a setting that it doesn't have")))
    }
}

fn with<T, V>(value: T, setting: Option<V>, apply: impl FnOnce(T, V) -> T) -> T {
    match setting {
        Some(setting) => apply(value, setting),
        None => value,
    }
}

fn required<T>(setting: Option<T>, name: &str) -> Result<T> {
    setting.ok_or_else(|| Error::config(format!("the login needs the setting `{name}`")))
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

    /// A named instance, and the variables that are set.
    fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<VaultConfig> {
        let config = Config::parse(&format!("[providers.x]\ntype = \"vault.kv\"\n{text}")).expect("TOML");
        let table = ProviderTable::new("x", config.providers["x"].clone(), &config);
        let raw = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        Ok(VaultSettings::read(table)?.resolve(&Environment::of(&raw)).into_config())
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
            let config = Config::parse(&format!("[providers.\"vault.kv\"]\n{text}")).expect("TOML");
            let table = ProviderTable::new("vault.kv", config.providers["vault.kv"].clone(), &config);
            let general = [("HTTPS_PROXY", "http://general:1")];
            let raw = |name: &str| {
                let found = general.iter().chain(variables).find(|(it, _)| *it == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let config = VaultSettings::read(table).expect("settings").resolve(&Environment::of(&raw)).into_config();
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
        let settings = ProviderSettings {
            address: Some("http://code".to_owned()),
            namespace: Some("code".to_owned()),
            ca_file: Some("/code".into()),
            ..ProviderSettings::default()
        };
        let table = ProviderTable::new(DEFAULT_INSTANCE, settings, &Config::default());
        let raw = |name: &str| name.starts_with("VAULT_").then(|| "http://environment".to_owned());
        let config = VaultSettings::read(table).expect("settings").resolve(&Environment::of(&raw)).into_config();
        assert_eq!((config.address.as_str(), config.namespace.as_deref()), ("http://code", Some("code")));
        assert_eq!((config.tls.ca_file, config.tls.ca_path), (Some("/code".into()), None));
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
            let config = Config::parse(&format!("[providers.x]\nauth = {auth}")).expect("TOML");
            assert_eq!(config.providers["x"].auth.as_ref().expect("a login").description(), described);
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
