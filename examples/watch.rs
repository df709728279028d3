//! Rebuilds a connection pool whenever its secret changes. The same works for a signing key.
//!
//! Run it with `cargo run --example watch -- PATH/TO/secrets.json`, and update the file in another shell:
//! `s1crets update --file PATH/TO/secrets.json app/db --key password`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use s1crets::providers::file::FileProvider;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: watch PATH/TO/secrets.json")?;
    let file = FileProvider::builder(path).with_wait(std::time::Duration::from_secs(30)).open().await?;

    let mut changes = file.changes();
    let mut pool = Pool::new(&file.read("app/db")?)?;
    println!("connected as {}", pool.user);
    while let Some(secrets) = changes.next().await {
        // If the secret was removed, keep the pool that is running.
        if let Ok(secret) = secrets.get("app/db") {
            pool = Pool::new(&secret)?;
            println!("reconnected as {}", pool.user);
        }
    }
    Ok(())
}

/// Stands in for a connection pool.
struct Pool {
    user: String,
}

impl Pool {
    fn new(secret: &s1crets::Secret) -> Result<Self, s1crets::Error> {
        let credential = secret.credential()?;
        Ok(Self { user: credential.username.expose_str()?.to_owned() })
    }
}
