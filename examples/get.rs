//! Reads secrets from the example file: by key, typed, with a default for a missing secret, and an
//! error with its kind.
//!
//! Run it with `cargo run --example get`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use s1crets::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), s1crets::Error> {
    let client = Client::builder().with_file(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/secrets.json")).build()?;

    let user = client.get("file", "app/db").key("username").await?;
    println!("user: {}", user.expose_str()?);

    let key = client.get("file", "app/session-key").await?.versioned()?;
    println!("keys to accept: {}", key.all_versions().count());

    let region = client.get("file", "app/region").default("eu-west-1").await?;
    println!("region: {}", region.expose_str()?);

    let error = client.get_ref("file://app/nope#password").await.expect_err("the file has no such secret");
    println!("{}: {error}", error.kind());
    Ok(())
}
