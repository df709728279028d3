//! Runs the `credential_process` of an AWS profile, and ends it when nobody waits for it any more.
//!
//! After a timeout the SDK abandons such a program: it goes on running, as do the programs that it
//! started. So it is run here, by the SDK's rules.

use std::{
    fmt, io,
    os::unix::process::CommandExt,
    process::{Command, ExitStatus, Stdio},
    time::SystemTime,
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_smithy_types::date_time::{DateTime, Format};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Child,
};
use zeroize::Zeroizing;

use super::{
    access_key::{AccessKey, PartNames},
    profile::sources::Program,
};
use crate::{
    error::{Error, ErrorKind, Result},
    secret::{
        Json,
        echo::Echo,
        json::{ROOT, Tree},
    },
};

/// The exit statuses by which a shell says that it can't run a program.
const NOT_RUN: [(i32, &str); 2] = [(126, "it is not executable"), (127, "there is no such program")];

/// The longest part of stderr in a cause: the end, which usually says why.
const LONGEST_STDERR: usize = 500;

/// The shortest word of stdout and of the command that stderr must not repeat.
const SHORTEST_WORD: usize = 8;
const SHORTEST_ARGUMENT: usize = 6;

/// How many of them are searched for. If there are more, stderr is not quoted.
const MOST_WORDS: usize = 100;

/// How much of an output is read at once.
const CHUNK: usize = 8 * 1024;

const MEMBERS: PartNames = PartNames { id: "AccessKeyId", secret: "SecretAccessKey", token: "SessionToken" };

/// Provides the credentials that a program prints.
pub(super) struct ProgramProvider(Program);

impl ProgramProvider {
    pub(super) fn new(program: Program) -> Self {
        Self(program)
    }

    async fn credentials(&self) -> Result<Credentials> {
        let Output { status, stdout, stderr } = self.run().await?;
        match status.success() {
            true => self.parse(&stdout).map_err(|error| self.with_stderr(error, &stdout, &stderr)),
            false => Err(self.with_stderr(self.failed(status), &stdout, &stderr)),
        }
    }

    async fn run(&self) -> Result<Output> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.0.command]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let has_terminal = std::fs::File::open("/dev/tty").is_ok();
        if !has_terminal {
            // As a group, the program can be ended with those that it starts. On a terminal it may
            // ask for input, which a background group is not allowed to read.
            shell.process_group(0);
        }
        let failed = |error: io::Error| Error::config(format!("{self} can't be run: sh: {error}"));
        let child = tokio::process::Command::from(shell).kill_on_drop(true).spawn().map_err(failed)?;
        let group = child.id().filter(|_| !has_terminal).and_then(|id| Pid::from_raw(id.cast_signed()));
        let mut output = Box::pin(output(child));
        // Dropped before the child, so that no other process has its id yet.
        let mut group = Group(group);
        let output = output.as_mut().await.map_err(failed)?;
        group.0 = None;
        Ok(output)
    }

    /// The error of a program that did not succeed.
    fn failed(&self, status: ExitStatus) -> Error {
        let program = self.name();
        if let Some((_, why)) = NOT_RUN.iter().find(|(code, _)| status.code() == Some(*code)) {
            return Error::config(format!("{self} can't be run: {program}: {why} ({})", shown(status)))
                .with_hint("correct credential_process in the profile: it is a line for the shell");
        }
        Error::new(ErrorKind::Unauthenticated, format!("{self} failed: {program} ended with {}", shown(status)))
            .with_hint("run the program by itself: it may need a login. -v shows what it says")
    }

    /// The error of a program that printed something else than credentials.
    fn printed(&self, what: &str) -> Error {
        Error::config(format!("{self} printed no credentials: {} printed {what}", self.name()))
            .with_hint("it prints {\"Version\": 1, \"AccessKeyId\": …, \"SecretAccessKey\": …}, and messages on stderr")
    }

    /// Adds the end of stderr as the cause, unless it repeats what is on stdout, where credentials
    /// are, or of the command, which may hold a secret: bash quotes a line that it can't parse.
    fn with_stderr(&self, error: Error, stdout: &[u8], stderr: &[u8]) -> Error {
        let name = self.name();
        let printed = words(stdout).filter(|word| word.len() >= SHORTEST_WORD).collect::<Vec<_>>();
        let command = self.0.command.as_bytes();
        let lines = command.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let written = words(command).filter(|word| word.len() >= SHORTEST_ARGUMENT).chain(lines);
        let written = written.filter(|word| *word != name.as_bytes()).collect::<Vec<_>>();
        if printed.len() > MOST_WORDS || written.len() > MOST_WORDS {
            return error;
        }
        let echo = printed.into_iter().chain(written).fold(Echo::default(), Echo::with);
        let stderr = String::from_utf8_lossy(stderr);
        if echo.with(stdout).quotable(&stderr).is_none() {
            return error;
        }
        let line = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        let from = line.char_indices().rev().nth(LONGEST_STDERR - 1).map_or(0, |(index, _)| index);
        error.with_source(Stderr(format!("{name} said: {}", &line[from..])))
    }

    /// The first word of the command. The others may hold a secret.
    fn name(&self) -> &str {
        let command = self.0.command.trim_start();
        let quote = command.chars().next().filter(|first| matches!(first, '"' | '\''));
        let name = match quote {
            Some(quote) => command[1..].split(quote).next(),
            None => command.split_whitespace().next().filter(|word| !word.contains(['=', '$', '`', '(', '{'])),
        };
        name.unwrap_or("the command")
    }

    fn parse(&self, stdout: &[u8]) -> Result<Credentials> {
        let text = std::str::from_utf8(stdout).map_err(|_| self.printed("no text"))?;
        if text.trim().is_empty() {
            return Err(self.printed("nothing"));
        }
        let tree = Tree::parse(text).map_err(|_| self.printed("no JSON"))?;
        let json = Json::new(text, &tree, ROOT);
        let member = |name: &str| {
            // As in the SDK, keys are compared without case, and the last one wins.
            json.members().filter(|(key, _)| key.eq_ignore_ascii_case(name)).last().map(|(_, value)| value)
        };
        let string = |name| member(name).and_then(Json::as_str);
        if member("Version").and_then(Json::as_i64) != Some(1) {
            return Err(self.printed("JSON whose Version is not 1"));
        }
        let expiry = string("Expiration").map(|text| DateTime::from_str(text, Format::DateTimeWithOffset));
        let expiry = expiry.transpose().ok().map(|expiry| expiry.and_then(|it| SystemTime::try_from(it).ok()));
        let expiry = expiry.ok_or_else(|| self.printed("an Expiration that is no date"))?;
        let key = AccessKey {
            id: string(MEMBERS.id),
            secret: string(MEMBERS.secret),
            token: string(MEMBERS.token),
            account_id: string("AccountId").or(self.0.account_id.as_deref()),
        };
        let key = key.credentials("the output", &MEMBERS, "CredentialProcess");
        let key =
            key.map_err(|error| self.printed(&format!("JSON without a whole access key: {}", error.message())))?;
        let mut builder = Credentials::builder()
            .access_key_id(key.access_key_id())
            .secret_access_key(key.secret_access_key())
            .provider_name("CredentialProcess");
        builder.set_session_token(key.session_token().map(str::to_owned));
        builder.set_account_id(key.account_id().cloned());
        builder.set_expiry(expiry);
        Ok(builder.build())
    }
}

/// How a program ended, and what it printed.
struct Output {
    status: ExitStatus,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Zeroizing<Vec<u8>>,
}

/// Waits for a program. Unlike Tokio's own, it leaves no copies of the output in memory.
async fn output(mut child: Child) -> io::Result<Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = futures::try_join!(read(stdout), read(stderr))?;
    Ok(Output { status: child.wait().await?, stdout, stderr })
}

/// Reads to the end. A buffer that has become too small is wiped.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(CHUNK));
    let Some(mut pipe) = pipe else { return Ok(text) };
    loop {
        if text.capacity() - text.len() < CHUNK {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * text.capacity() + CHUNK));
            larger.extend_from_slice(&text);
            text = larger;
        }
        let mut limited = (&mut pipe).take(CHUNK as u64);
        if limited.read_buf(&mut *text).await? == 0 {
            return Ok(text);
        }
    }
}

/// The words of an output or a command, without quotes and signs around them.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_graphic() || b"\"'`=,:;(){}<>|&".contains(byte))
}

/// As errors name it.
impl fmt::Display for ProgramProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the credential_process of AWS profile {:?}", self.0.profile)
    }
}

impl ProvideCredentials for ProgramProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

impl fmt::Debug for ProgramProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgramProvider([redacted])")
    }
}

/// An exit status within a sentence: `exit status 3`, `signal 9 (SIGKILL)`.
fn shown(status: ExitStatus) -> String {
    status.to_string().replacen(": ", " ", 1)
}

/// What a program printed on stderr.
#[derive(Debug)]
struct Stderr(String);

impl fmt::Display for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stderr {}

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

    fn program(command: &str) -> ProgramProvider {
        ProgramProvider::new(Program { profile: "p".to_owned(), command: command.to_owned(), account_id: None })
    }

    async fn run(printed: &str) -> Result<Credentials> {
        program(&format!("cat <<'EOF'\n{printed}\nEOF\n")).credentials().await
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
        for (printed, what) in [
            ("", "nothing"),
            ("hunter2", "no JSON"),
            (r#"{"hunter2":1}"#, "JSON whose Version is not 1"),
            (r#"{"Version":2,"AccessKeyId":"a","SecretAccessKey":"hunter2"}"#, "JSON whose Version is not 1"),
            (r#"{"Version":1,"AccessKeyId":"hunter2"}"#, "JSON without a whole access key: AccessKeyId is set"),
            (
                r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"hunter2","Expiration":"hunter2"}"#,
                "an Expiration that is no date",
            ),
        ] {
            let error = run(printed).await.expect_err(printed);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            let told =
                format!("the credential_process of AWS profile \"p\" printed no credentials: cat printed {what}");
            assert!(error.message().starts_with(&told), "{error}");
        }
    }

    #[tokio::test]
    async fn a_failure_names_program_and_status_and_stderr_is_the_cause() {
        for (command, kind, told, cause) in [
            (
                "sh -c 'echo log in first >&2; exit 3' hunter2",
                ErrorKind::Unauthenticated,
                "failed: sh ended with exit status 3",
                Some("sh said: log in first"),
            ),
            ("'sh' -c 'exit 1'", ErrorKind::Unauthenticated, "failed: sh ended with exit status 1", None),
            ("PASSWORD=hunter2 sh -c 'exit 1'", ErrorKind::Unauthenticated, "failed: the command ended", None),
            ("echo hunter2; echo hunter2 >&2; exit 3", ErrorKind::Unauthenticated, "failed: echo ended", None),
            ("echo 'KEY=hunter2hunter2' ; echo hunter2hunter2 >&2; exit 3", ErrorKind::Unauthenticated, "failed", None),
            ("kill -9 $$", ErrorKind::Unauthenticated, "failed: kill ended with signal 9 (SIGKILL)", None),
            (
                "/nonexistent/program hunter2",
                ErrorKind::Config,
                "can't be run: /nonexistent/program: there is no such program (exit status 127)",
                Some("/nonexistent/program said: "),
            ),
            ("/", ErrorKind::Config, "can't be run: /: it is not executable (exit status 126)", Some("/ said: ")),
        ] {
            let error = program(command).credentials().await.expect_err(command);
            assert_eq!(error.kind(), kind, "{error}");
            let expected = format!("the credential_process of AWS profile \"p\" {told}");
            assert!(error.message().starts_with(&expected), "{error}");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            assert_eq!(source.is_some(), cause.is_some(), "{command}: {source:?}");
            assert!(source.unwrap_or_default().starts_with(cause.unwrap_or_default()), "{command}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    /// As bash does with a line that it can't parse, and programs with an argument.
    #[tokio::test]
    async fn a_stderr_that_repeats_a_part_of_the_command_is_not_quoted() {
        let error = || Error::config("it failed");
        let quoted = |command: &str, stdout: &[u8], stderr: &str| {
            let error = program(command).with_stderr(error(), stdout, stderr.as_bytes());
            std::error::Error::source(&error).map(ToString::to_string)
        };
        for (command, stderr) in [
            ("prog --token hun )", "bash: -c: line 1: `prog --token hun )'"),
            ("\n  prog hun )\n", "sh: -c: line 2: `prog hun )'"),
            ("prog --token=hunter2", "no such token: hunter2"),
            ("prog (hunter2", "syntax error near unexpected token `hunter2'"),
        ] {
            assert_eq!(quoted(command, b"", stderr), None, "{command}");
        }
        let told = quoted("aws-login --profile x", b"", "aws-login: log in first");
        assert_eq!(told.as_deref(), Some("aws-login said: aws-login: log in first"));
        let long = "many-words ".repeat(MOST_WORDS + 1);
        assert_eq!(quoted("prog", long.as_bytes(), "anything"), None);
    }

    #[tokio::test]
    async fn an_output_longer_than_one_chunk_is_read_whole() {
        let token = "t".repeat(3 * CHUNK + 1);
        let whole = format!(r#"{{"Version":1,"AccessKeyId":"a","SecretAccessKey":"s","SessionToken":"{token}"}}"#);
        assert_eq!(run(&whole).await.expect("credentials").session_token(), Some(token.as_str()));
    }

    #[tokio::test]
    async fn a_long_stderr_is_cut_to_its_end() {
        let error = program("yes é | head -n 2000 >&2; echo the end >&2; exit 1").credentials().await.expect_err("it");
        let cause = std::error::Error::source(&error).expect("stderr").to_string();
        assert!(
            cause.ends_with("é the end") && cause.chars().count() <= LONGEST_STDERR + "yes said: ".len(),
            "{cause}"
        );
    }
}
