//! The moto server: emulates AWS Secrets Manager, Parameter Store, STS and IAM in a local process.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Error},
    path::{Path, PathBuf},
    process::{self, Child, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use crate::{client, python};

/// The variable with the endpoint of a running moto server, for [`Moto::shared`] to use.
pub const MOTO_VARIABLE: &str = "S1CRETS_TEST_MOTO";

const SUPERVISE: &str = include_str!("supervise.py");

/// A start takes a second or two, but longer while the machine compiles.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Logs are kept this long, so that a failure of the last night can be examined.
const LOG_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A moto server on a free loopback port. It stops when this is dropped, and when the process that
/// holds it dies.
///
/// Its state is in memory, separate for each account and region.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
    shared: bool,
    /// `None` if another process runs it.
    _server: Option<Server>,
}

impl Moto {
    /// Starts a server for one test, which may reset it or turn on access control.
    ///
    /// Blocks for a second or two.
    ///
    /// # Panics
    /// If it does not start, with the reason and the end of its log.
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(moto) => moto,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a server like [`Moto::start`], but returns the error.
    ///
    /// # Errors
    /// If it does not start, with the reason and the end of its log.
    pub fn try_start() -> io::Result<Self> {
        let interpreter = python::require()?;
        let log = Log::create()?;
        let mut server = Server(command(&interpreter, &log)?.spawn()?);
        let stdout = server.0.stdout.take().expect("its stdout is piped");
        let Some(port) = announced_port(stdout) else {
            return Err(log.failure());
        };
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), shared: false, _server: Some(server) })
    }

    /// The server that all tests share: the one that [`MOTO_VARIABLE`] names, or else one that the
    /// first call starts for this process.
    ///
    /// Use [`unique`](crate::unique) names, so that tests don't affect each other.
    ///
    /// # Panics
    /// Like [`Moto::start`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(|| match env::var(MOTO_VARIABLE) {
            Ok(endpoint) if !endpoint.is_empty() => {
                Self { endpoint: endpoint.trim_end_matches('/').to_owned(), shared: true, _server: None }
            }
            _ => {
                let mut moto = Self::start();
                moto.shared = true;
                moto
            }
        })
    }

    /// Its URL, for `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Turns access control on or off. When it is on, moto checks keys, signatures and policies.
    ///
    /// [`AwsSeed`](crate::AwsSeed) does not sign its requests, so store all values before.
    ///
    /// # Panics
    /// On a shared server, because other tests would lose access, and if moto refuses.
    pub fn set_auth(&self, on: bool) {
        self.control("/moto-api/reset-auth", if on { "0" } else { "inf" });
    }

    /// Deletes everything that was stored.
    ///
    /// # Panics
    /// On a shared server, because other tests would lose their values, and if moto refuses.
    pub fn reset(&self) {
        self.control("/moto-api/reset", "");
    }

    fn control(&self, path: &str, body: &str) {
        assert!(!self.shared, "{path} would affect other tests on the shared server: use Moto::start()");
        // With the content type of a form, moto looks for form fields in the body, and fails.
        let headers = [("content-type", "text/plain")];
        let reply = client::post(&self.endpoint, path, &headers, body.as_bytes());
        match reply {
            Ok(reply) if reply.status == 200 => {}
            other => panic!("moto refused {path}: {other:?}"),
        }
    }
}

/// The server process. It ends when its standard input, which this holds, is closed.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(interpreter: &Path, log: &Log) -> io::Result<Command> {
    let mut command = Command::new(interpreter);
    // -I: PYTHONPATH and the user's packages must not change the server.
    command.args(["-I", "-u", "-c", SUPERVISE]);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AWS_") || name.starts_with("MOTO_") || name.starts_with("INITIAL_NO_") {
            command.env_remove(&*name);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.file.try_clone()?);
    Ok(command)
}

/// The port that the server prints. A pipe has no read timeout, so a thread reads it.
fn announced_port(stdout: ChildStdout) -> Option<u16> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(START_TIMEOUT).ok()?;
    line.trim().parse().ok()
}

/// The log file of a server, which keeps its output out of the tests' output.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn create() -> io::Result<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let folder = python::target().join("testbed-logs");
        fs::create_dir_all(&folder)?;
        remove_old(&folder);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("moto-{}-{number}.log", process::id()));
        let file = File::create(&path)?;
        Ok(Self { path, file })
    }

    fn failure(&self) -> Error {
        let log = fs::read_to_string(&self.path).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        Error::other(format!(
            "moto did not start. Its log {} ends with:\n{tail}\n\
             If packages are missing, remove {} and run `cargo xtask setup`.",
            self.path.display(),
            python::venv().display()
        ))
    }
}

/// Removes old logs. Errors are ignored, because another process may be removing the same files.
fn remove_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let now = SystemTime::now();
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|then| now.duration_since(then).unwrap_or_default());
        if age.is_ok_and(|age| age > LOG_LIFETIME) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
