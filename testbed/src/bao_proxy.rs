//! `bao proxy` in a local process: forwards to a server, and adds a token to requests without one.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client,
    openbao::{Process, free_address, fresh_folder, log_tail},
};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A proxy on a free loopback port and on a Unix socket. It stops when this is dropped.
#[derive(Debug)]
pub struct BaoProxy {
    address: String,
    folder: PathBuf,
    process: Option<Process>,
}

impl BaoProxy {
    /// Starts a proxy in front of the server at `address`. It adds `token` to each request without
    /// one, or forwards requests as they are if there is none.
    ///
    /// # Panics
    /// If it does not start, with the end of its log.
    pub fn start(address: &str, token: Option<&str>) -> Self {
        let (folder, listen) = (fresh_folder(), free_address());
        fs::write(folder.join("token"), token.unwrap_or_default()).expect("the folder is writable");
        let auto_auth = token.map(|_| auto_auth(&folder.join("token").display().to_string())).unwrap_or_default();
        let config = format!(
            r#"
            vault {{
              address = "{address}"
            }}
            {auto_auth}
            listener "tcp" {{
              address = "{listen}"
              tls_disable = true
            }}
            listener "unix" {{
              address = "{socket}"
              tls_disable = true
            }}
            "#,
            socket = folder.join("proxy.sock").display(),
        );
        fs::write(folder.join("proxy.hcl"), config).expect("the folder is writable");
        let arguments = ["proxy".to_owned(), format!("-config={}", folder.join("proxy.hcl").display())];
        let process = Process::start(&arguments, &folder).unwrap_or_else(|error| panic!("{error}"));
        let proxy = Self { address: format!("http://{listen}"), folder, process: Some(process) };
        proxy.wait(if token.is_some() { 200 } else { 403 });
        proxy
    }

    /// Its URL.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("proxy.sock")
    }

    /// Waits until a request without a token is answered with this status.
    fn wait(&self, status: u16) {
        let deadline = Instant::now() + START_TIMEOUT;
        let asks = || client::exchange(&self.address, "GET", "/v1/auth/token/lookup-self", &[], &[]);
        while !asks().is_ok_and(|reply| reply.status == status) {
            let log = log_tail(&self.folder);
            assert!(Instant::now() < deadline, "bao proxy did not get ready. Its log ends with:\n{log}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for BaoProxy {
    fn drop(&mut self) {
        self.process.take();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The blocks that make the proxy add the token of a file.
fn auto_auth(file: &str) -> String {
    format!(
        r#"
        auto_auth {{
          method {{
            type = "token_file"
            config = {{
              token_file_path = "{file}"
            }}
          }}
        }}
        api_proxy {{
          use_auto_auth_token = true
        }}
        "#
    )
}
