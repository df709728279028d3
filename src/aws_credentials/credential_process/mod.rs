//! Runs the `credential_process` of an AWS profile, and ends it when nobody waits for it any more.
//!
//! After a timeout the SDK abandons such a program: it goes on running, as do the programs that it
//! started. So it is run here, wherever the SDK would have run it, and by the SDK's rules: the
//! SDK's parser finds the profile, and its provider assumes the roles.

mod profile;

use std::{
    fmt,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::SystemTime,
};

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::{
    Credentials,
    attributes::AccountId,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_types::date_time::{DateTime, Format};
use aws_types::SdkConfig;
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use self::profile::{Chain, Role};
use crate::secret::{
    Json,
    json::{ROOT, Tree},
};

/// The credentials provider of a profile for which the SDK would run a program; `None` for any
/// other.
pub(crate) async fn source(profile: &str, config: &SdkConfig) -> Option<SharedCredentialsProvider> {
    let Chain { command, account_id, roles } = profile::chain(profile).await?;
    let (program, config) = (Program { command, account_id }, config.clone());
    Some(SharedCredentialsProvider::new(Source { program, roles, config }))
}

/// A program, and the roles that are assumed with its credentials.
struct Source {
    program: Program,
    roles: Vec<Role>,
    config: SdkConfig,
}

impl Source {
    /// Runs the program before any call to STS, so that no call is cut off while it waits.
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut credentials = self.program.run().await?;
        for role in &self.roles {
            let mut builder = AssumeRoleProvider::builder(&role.arn).configure(&self.config);
            if let Some(name) = &role.session_name {
                builder = builder.session_name(name);
            }
            if let Some(id) = &role.external_id {
                builder = builder.external_id(id);
            }
            credentials = builder.build_from_provider(credentials).await.provide_credentials().await?;
        }
        Ok(credentials)
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source([redacted])")
    }
}

/// A command line that prints credentials. It may hold a secret.
struct Program {
    command: String,
    account_id: Option<String>,
}

impl Program {
    async fn run(&self) -> Result<Credentials, CredentialsError> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.command]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let has_terminal = std::fs::File::open("/dev/tty").is_ok();
        if !has_terminal {
            // As a group, the program can be ended with those that it starts. On a terminal it may
            // ask for input, which a background group is not allowed to read.
            shell.process_group(0);
        }
        let failed = |_| failed_with("it can't be run");
        let child = tokio::process::Command::from(shell).kill_on_drop(true).spawn().map_err(failed)?;
        let group = child.id().filter(|_| !has_terminal).and_then(|id| Pid::from_raw(id.cast_signed()));
        let mut output = Box::pin(child.wait_with_output());
        // Dropped before the child, so that no other process has its id yet.
        let mut group = Group(group);
        let output = output.as_mut().await.map_err(failed)?;
        group.0 = None;
        let stdout = Zeroizing::new(output.stdout);
        match output.status.success() {
            true => self.parse(&stdout),
            // The output is not repeated: it may hold a secret.
            false => Err(failed_with("it ended with a failure")),
        }
    }

    fn parse(&self, stdout: &[u8]) -> Result<Credentials, CredentialsError> {
        let text = std::str::from_utf8(stdout).map_err(|_| failed_with("it printed no text"))?;
        let tree = Tree::parse(text).map_err(|_| failed_with("it printed no JSON"))?;
        let json = Json::new(text, &tree, ROOT);
        let member = |name: &str| {
            // As in the SDK, keys are compared without case, and the last one wins.
            json.members().filter(|(key, _)| key.eq_ignore_ascii_case(name)).last().map(|(_, value)| value)
        };
        let string = |name| member(name).and_then(Json::as_str);
        if member("Version").and_then(Json::as_i64) != Some(1) {
            return Err(failed_with("what it printed is not of version 1"));
        }
        let (Some(id), Some(secret)) = (string("AccessKeyId"), string("SecretAccessKey")) else {
            return Err(failed_with("what it printed holds no key"));
        };
        let expiry = string("Expiration").map(|text| DateTime::from_str(text, Format::DateTimeWithOffset));
        let expiry = expiry.transpose().ok().map(|expiry| expiry.and_then(|it| SystemTime::try_from(it).ok()));
        let expiry = expiry.ok_or_else(|| failed_with("when its credentials end is no date"))?;
        let mut builder = Credentials::builder();
        builder = builder.access_key_id(id).secret_access_key(secret).provider_name("CredentialProcess");
        builder.set_session_token(string("SessionToken").map(str::to_owned));
        builder.set_expiry(expiry);
        let account_id = string("AccountId").map(str::to_owned).or_else(|| self.account_id.clone());
        builder.set_account_id(account_id.map(AccountId::from));
        Ok(builder.build())
    }
}

fn failed_with(why: &'static str) -> CredentialsError {
    CredentialsError::provider_error(format!("the credential_process of the profile gave no credentials: {why}"))
}

/// The process group of a program. Dropping it ends the group.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // No process is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(command: &str) -> Program {
        Program { command: command.to_owned(), account_id: None }
    }

    async fn run(printed: &str) -> Result<Credentials, CredentialsError> {
        program(&format!("cat <<'EOF'\n{printed}\nEOF\n")).run().await
    }

    #[tokio::test]
    async fn what_a_program_prints_is_read_as_the_sdk_reads_it() {
        let whole = r#"{"version":1,"AccessKeyId":"no","AccessKeyId":"a","SecretAccessKey":"s\u0021","SessionToken":"t",
            "Expiration":"2040-01-02T03:04:05.678+01:00","AccountId":"1"}"#;
        let ours = run(whole).await.expect("credentials");
        let command = format!("cat <<'EOF'\n{whole}\nEOF\n");
        let theirs = aws_config::credential_process::CredentialProcessProvider::new(command);
        let theirs = theirs.provide_credentials().await.expect("credentials");
        let shown = |it: &Credentials| {
            let token = it.session_token().map(str::to_owned);
            let account = it.account_id().map(|id| id.as_str().to_owned());
            (it.access_key_id().to_owned(), it.secret_access_key().to_owned(), token, it.expiry(), account)
        };
        assert_eq!(shown(&ours), shown(&theirs));
        assert_eq!(ours.secret_access_key(), "s!");
    }

    #[tokio::test]
    async fn what_is_no_credentials_is_an_error_that_repeats_nothing() {
        for printed in [
            "",
            "hunter2",
            r#"{"hunter2":1}"#,
            r#"{"Version":2,"AccessKeyId":"a","SecretAccessKey":"hunter2"}"#,
            r#"{"Version":1,"AccessKeyId":"hunter2"}"#,
            r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"hunter2","Expiration":"hunter2"}"#,
        ] {
            let error = run(printed).await.expect_err(printed);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let error = program("echo hunter2; echo hunter2 >&2; exit 3").run().await.expect_err("a failure");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
