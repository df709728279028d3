//! A secret by the AWS SDK, and nothing else: `rival-aws-sdk NAME`.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::{env, error::Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("the secret's name is missing")?;
    let client = aws_sdk_secretsmanager::Client::new(&aws_config::load_from_env().await);
    let answer = client.get_secret_value().secret_id(name).send().await?;
    println!("{}", answer.secret_string().ok_or("the secret is no text")?);
    Ok(())
}
