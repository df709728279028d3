//! From `s1crets.toml`.

use super::{
    address::Address,
    auth::{AppRole, Auth, Cert, Jwt, Kubernetes, UserPass},
    config::{ProxyUrl, VaultConfig},
    http::check_namespace,
    source::SecretSource,
};
use crate::{
    config::{METHODS, ProviderSettings, VaultAuthSettings, did_you_mean},
    error::{Error, Result},
};

impl VaultConfig {
    /// The same with what a config file sets.
    pub(crate) fn with_settings(mut self, settings: &ProviderSettings) -> Result<Self> {
        let ProviderSettings { address, namespace, auth, .. } = settings.clone();
        if let Some(address) = address {
            Address::parse(&address)?;
            // The environment's proxy was chosen for the environment's address.
            self.proxy = self.proxy.filter(|_| address == self.address);
            self.address = address;
        }
        if let Some(proxy) = &settings.proxy {
            self.proxy = Some(ProxyUrl::of_settings(proxy)?);
        }
        if let Some(namespace) = &namespace {
            check_namespace(namespace)?;
        }
        self.namespace = namespace.or(self.namespace);
        if let Some(auth) = auth {
            self.auth = Auth::from_settings(auth)?;
        }
        self.retry = settings.retry.unwrap_or(self.retry);
        self.timeout = settings.timeout.unwrap_or(self.timeout);
        self.revoke_at_shutdown = settings.revoke_at_shutdown.unwrap_or(self.revoke_at_shutdown);
        Ok(self.with_tls_settings(settings))
    }

    fn with_tls_settings(mut self, settings: &ProviderSettings) -> Self {
        let ProviderSettings { ca_file, ca_path, client_cert, client_key, server_name, .. } = settings.clone();
        if ca_file.is_some() || ca_path.is_some() {
            (self.tls.ca_file, self.tls.ca_path) = (ca_file, ca_path);
        }
        if client_cert.is_some() || client_key.is_some() {
            (self.tls.client_cert, self.tls.client_key) = (client_cert, client_key);
        }
        self.tls.server_name = server_name.or(self.tls.server_name);
        self.tls.danger_skip_verify = settings.danger_skip_verify.unwrap_or(self.tls.danger_skip_verify);
        self
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
    use crate::Config;

    fn read(text: &str) -> Result<VaultConfig> {
        let config = Config::parse(&format!("[providers.x]\ntype = \"vault.kv\"\n{text}")).expect("TOML");
        VaultConfig::default().with_settings(&config.providers["x"])
    }

    #[test]
    fn every_method_has_its_settings() {
        for (auth, shown) in [
            (r#"{ method = "token", file = "/t" }"#, "Token(File(\"/t\"))"),
            (r#"{ method = "approle", role_id = "r", env = "E", wrapped = true }"#, "AppRole"),
            (r#"{ method = "approle", role_id = "r" }"#, "secret_id: None"),
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
    fn a_proxy_of_the_file_goes_before_the_environments_and_holds_no_password() {
        let file = |text: &str| {
            let config = Config::parse(&format!("[providers.x]\ntype = \"vault.kv\"\n{text}")).expect("TOML");
            let environment = VaultConfig::new("http://vault").with_proxy(ProxyUrl::new("http://environment:1"));
            environment.with_settings(&config.providers["x"]).map(|config| config.proxy)
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
            r#"{ method = "kubernetes" }"#,
        ] {
            let error = read(&format!("auth = {auth}")).expect_err(auth);
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{auth}");
        }
    }
}
