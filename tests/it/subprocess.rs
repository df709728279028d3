//! Calls in a separate process, for tests that depend on the environment.
//!
//! Tests share one process, and its environment can't be changed safely while others read it. So the test binary runs
//! itself again, with the variables set and a filter for the one test that plays the child.

use std::{env, error::Error, fs, path::PathBuf, process::Command};

use s1crets::{Result, Secret};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const VARIABLE: &str = "S1CRETS_IT_CHILD";
/// The child logs at every level instead of answering.
const TRACE: &str = "S1CRETS_IT_TRACE";
/// The child reads by the blocking calls, though it is inside a runtime.
const BLOCKING: &str = "S1CRETS_IT_BLOCKING";
const PREFIX: &str = "the child answers: ";

/// A process to be, with nothing of AWS, Vault or s1crets in its environment and an empty home.
pub(crate) struct Child {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// What came of a read by the process-wide client.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) text: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// The causes, as `-v` prints them.
    pub(crate) causes: Vec<String>,
}

impl Child {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().display().to_string();
        let child = Self { home, variables: Vec::new() };
        child.with("HOME", &folder).with("XDG_CONFIG_HOME", &folder).with("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// The same with static credentials and an endpoint.
    pub(crate) fn on(endpoint: &str) -> Self {
        Self::new()
            .with("AWS_ACCESS_KEY_ID", "test")
            .with("AWS_SECRET_ACCESS_KEY", "test")
            .with("AWS_ENDPOINT_URL", endpoint)
    }

    /// The same, reading by the blocking calls.
    pub(crate) fn blocking(self) -> Self {
        self.with(BLOCKING, "1")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a file, which a variable names.
    pub(crate) fn with_file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        self.with(name, &path.display().to_string())
    }

    /// Where [`with_file`](Self::with_file) keeps the file of that variable.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Reads a secret by reference, by the free functions.
    pub(crate) async fn get(&self, reference: &str) -> Answer {
        self.call(&[reference]).await.pop().unwrap()
    }

    /// Reads several, one after the other, in one process.
    pub(crate) async fn call(&self, references: &[&str]) -> Vec<Answer> {
        let (stdout, stderr) = self.run(references, &[]).await;
        let answers = stdout.lines().filter_map(|line| line.split_once(PREFIX));
        let answers: Vec<_> = answers.map(|(_, answer)| serde_json::from_str(answer).unwrap()).collect();
        assert_eq!(answers.len(), references.len(), "{stdout}{stderr}");
        answers
    }

    /// Reads without telling what was found, and gives the log at every level.
    pub(crate) async fn trace(&self, reference: &str) -> String {
        let (stdout, stderr) = self.run(&[reference], &[(TRACE, "1")]).await;
        stdout + &stderr
    }

    async fn run(&self, references: &[&str], more: &[(&str, &str)]) -> (String, String) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "subprocess::child", "--nocapture"]).current_dir(self.home.path());
        for (name, _) in env::vars() {
            if ["AWS_", "BAO_", "S1CRETS_", "VAULT_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env(VARIABLE, references.join(" ")).envs(more.iter().copied());
        // On another thread: this one may be the one that the servers run on.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Answer {
    fn of(read: Result<Secret>) -> Self {
        match read {
            Ok(secret) => Self { text: Some(secret.expose_str().unwrap().to_owned()), ..Self::default() },
            Err(error) => Self {
                text: None,
                kind: Some(error.kind().to_string()),
                message: error.to_string(),
                hint: error.hint().unwrap_or_default().to_owned(),
                causes: std::iter::successors(error.source(), |cause| (*cause).source())
                    .map(ToString::to_string)
                    .collect(),
            },
        }
    }

    /// The text of a read that went well.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_else(|| panic!("{self:?}"))
    }

    #[track_caller]
    pub(crate) fn fails(&self, kind: &str) -> &str {
        assert_eq!(self.kind.as_deref(), Some(kind), "{self:?}");
        &self.message
    }
}

/// Plays the child; in the parent it has nothing to do.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "this is how the child answers")]
async fn child() {
    let Ok(references) = env::var(VARIABLE) else {
        return;
    };
    let traced = env::var_os(TRACE).is_some();
    if traced {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        subscriber.with_writer(std::io::stderr).init();
    }
    for reference in references.split(' ') {
        let read = match env::var_os(BLOCKING) {
            Some(_) => s1crets::blocking::get_ref(reference).call(),
            None => s1crets::get_ref(reference).await,
        };
        if traced {
            tracing::trace!(
                "the child is done: {}",
                read.as_ref().map_or_else(ToString::to_string, |_| "found it".into())
            );
            continue;
        }
        println!("{PREFIX}{}", serde_json::to_string(&Answer::of(read)).unwrap());
    }
}
