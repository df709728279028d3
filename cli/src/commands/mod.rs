//! The commands, one file each: its options, its help and what it does.

#[cfg(unix)]
mod cache;
mod completions;
mod config;
mod doctor;
mod exists;
mod explain;
mod export;
mod get;
mod get_by_path;
mod man;
mod render;
#[cfg(unix)]
mod run;
mod trust;
mod update;

use std::{future::Future, process::ExitCode};

use s1crets::Client;

use crate::{
    args::{Args, Command},
    report::Failure,
};

#[cfg(unix)]
pub(crate) use self::{cache::CacheCommand, run::Run};
pub(crate) use self::{
    completions::Completions, config::ConfigCommand, doctor::Doctor, exists::Exists, explain::Explain, export::Export,
    get::Get, get_by_path::GetByPath, man::Man, render::Render, update::Update,
};

/// Runs the command that was typed.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let exit = match &args.command {
        Command::Get(get) => get::run(&args.global, get),
        Command::GetByPath(get) => get_by_path::run(&args.global, get),
        Command::Exists(exists) => exists::run(&args.global, exists),
        Command::Update(update) => update::run(&args.global, update),
        Command::Explain(explain) => explain::run(&args.global, explain),
        Command::Doctor(doctor) => doctor::run(&args.global, doctor),
        Command::Export(export) => export::run(&args.global, export),
        Command::Render(render) => render::run(&args.global, render),
        #[cfg(unix)]
        Command::Cache(command) => cache::run(&args.global, command),
        Command::Config(command) => config::run(&args.global, command),
        Command::Completions(completions) => completions::run(completions),
        Command::Man(man) => man::run(man),
        #[cfg(unix)]
        Command::Run(run) => return run::run(&args.global, run),
    };
    exit.map(Into::into)
}

/// As [`wait`], for the last call of a client: shuts it down, so that tokens of logins are revoked
/// where the config says so. A token that can't be revoked is a warning.
pub(crate) fn wait_and_shut_down<T, E>(client: &Client, call: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
where
    Failure: From<E>,
{
    wait(async {
        let outcome = call.await;
        if let Err(error) = client.shutdown().await {
            tracing::warn!(target: "s1crets::shutdown", "a Vault token was not revoked: {error}");
        }
        outcome
    })
}

/// Runs an async call of the library to its end, on a runtime of this thread.
pub(crate) fn wait<T, E>(call: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start the async runtime", error))?;
    Ok(runtime.block_on(call)?)
}
