//! Prints a secret that it reads with the AWS SDK: `rival-aws-sdk NAME`.
#![allow(clippy::print_stdout, reason = "it prints the secret")]

use std::{env, error::Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("usage: rival-aws-sdk NAME")?;
    let client = aws_sdk_secretsmanager::Client::new(&aws_config::load_from_env().await);
    let answer = client.get_secret_value().secret_id(name).send().await?;
    println!("{}", answer.secret_string().ok_or("the secret is binary")?);
    Ok(())
}
