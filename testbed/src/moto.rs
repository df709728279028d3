//! The moto server: AWS's two secret stores, STS and IAM, as one local process.

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

/// Names the endpoint of a moto that already runs, which [`Moto::shared`] then uses.
pub const MOTO_VARIABLE: &str = "S1CRETS_TEST_MOTO";

const SUPERVISE: &str = include_str!("supervise.py");

/// It takes a second or two; a machine busy with compiling gets time to breathe.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Long enough to look at last night's failure.
const LOG_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A moto server on a free loopback port, stopped when this is dropped and also when the process
/// that holds it dies in any other way.
///
/// Its state is in memory, per account and per region.
#[derive(Debug)]
pub struct Moto {
    endpoint: String,
    shared: bool,
    /// `None` when somebody else runs it.
    _server: Option<Server>,
}

impl Moto {
    /// Starts a server of one's own, for a test that resets it or turns its access control on.
    ///
    /// Blocks for a second or two.
    ///
    /// # Panics
    /// When it can't be started, with the reason and the end of its log.
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(moto) => moto,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`Moto::start`], for a caller that has somebody to tell.
    ///
    /// # Errors
    /// When it can't be started, with the reason and the end of its log.
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

    /// The one server of this test process, started by the first call; or, where
    /// [`MOTO_VARIABLE`] names one, the one of the whole test run.
    ///
    /// Tests share it, so each uses names of its own ([`unique`](crate::unique)).
    ///
    /// # Panics
    /// As [`Moto::start`].
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

    /// Where it listens: `http://127.0.0.1:PORT`, to be used as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Turns access control on or off: with it on, keys, signatures and policies count.
    ///
    /// [`AwsSeed`](crate::AwsSeed) does not sign, so plant everything before.
    ///
    /// # Panics
    /// On a shared server, whose other users would be locked out, and when moto refuses.
    pub fn set_auth(&self, on: bool) {
        self.control("/moto-api/reset-auth", if on { "0" } else { "inf" });
    }

    /// Forgets everything that was stored.
    ///
    /// # Panics
    /// On a shared server, whose other users would lose their values, and when moto refuses.
    pub fn reset(&self) {
        self.control("/moto-api/reset", "");
    }

    fn control(&self, path: &str, body: &str) {
        assert!(!self.shared, "{path} changes the server for all tests that share it: use Moto::start()");
        // With a form's content type moto reads the body as a form, finds none and fails.
        let headers = [("content-type", "text/plain")];
        let reply = client::post(&self.endpoint, path, &headers, body.as_bytes());
        match reply {
            Ok(reply) if reply.status == 200 => {}
            other => panic!("moto did not take {path}: {other:?}"),
        }
    }
}

/// The process, and in it the pipe whose end is the server's own.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it is gone already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(interpreter: &Path, log: &Log) -> io::Result<Command> {
    let mut command = Command::new(interpreter);
    // Isolated: neither PYTHONPATH nor the user's own packages may change what the tests meet.
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

/// The pipe can't be read with a time limit, so a thread of its own reads it.
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

/// Where a server's output goes, so that it is never mixed into that of the tests.
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
            "moto did not start. Its log, {}, ends:\n{tail}\n\
             If packages are missing, remove {} and run `cargo xtask setup`.",
            self.path.display(),
            python::venv().display()
        ))
    }
}

/// Failures are let go: another process may be tidying the same folder.
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
