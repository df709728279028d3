//! A config file that was merely found may be from another user: in a cloned repository, or in a shared folder.
//! Each test is one way in which such a file could take control.

/// Attacks by an untrusted file, which every command prevents.
mod hostile;
/// Owners, modes, pipes and links.
mod ownership;
/// `config trust` and `config untrust`: what is recorded, and what ends trust.
mod records;
/// Where a config file is searched for, and where its paths start.
mod search;

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const UNTRUSTED: &str = "is not trusted yet";

/// A server that records everything it is sent: the one that a hostile config file names.
struct Attacker {
    address: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Attacker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                connection.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                let mut buffer = [0; 4096];
                if let Ok(length) = connection.read(&mut buffer) {
                    log.lock().unwrap().extend_from_slice(&buffer[..length]);
                }
                let body = r#"{"data":{"data":{"password":"planted"},"metadata":{"version":1}}}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
                drop(write!(connection, "{head} {}\r\n\r\n{body}", body.len()));
            }
        });
        Self { address, received }
    }

    fn received(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}

fn write(folder: &Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("s1crets.toml"), text).unwrap();
}

#[track_caller]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}
