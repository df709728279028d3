//! A service that makes something anew, such as a pool or a signing key, whenever its secret changes.
//!
//! Run it with `cargo run --example watch -- PATH/TO/secrets.json`, and update the file in another shell:
//! `s1crets update --file PATH/TO/secrets.json app/db --key password`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use s1crets::providers::file::FileProvider;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("give the path of a fetcher file")?;
    let file = FileProvider::builder(path).with_wait(std::time::Duration::from_secs(30)).open().await?;

    let mut changes = file.changes();
    let mut pool = Pool::new(&file.read("app/db")?)?;
    println!("connected as {}", pool.user);
    while let Some(secrets) = changes.next().await {
        // A secret that is the same is the same handle still; one that is gone keeps the pool that there is.
        if let Ok(secret) = secrets.get("app/db") {
            pool = Pool::new(&secret)?;
            println!("connected as {} again", pool.user);
        }
    }
    Ok(())
}

/// Stands for a pool of connections.
struct Pool {
    user: String,
}

impl Pool {
    fn new(secret: &s1crets::Secret) -> Result<Self, s1crets::Error> {
        let credential = secret.credential()?;
        Ok(Self { user: credential.username.expose_str()?.to_owned() })
    }
}
