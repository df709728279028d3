//! The command as a shell sees it: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

/// The same against both AWS stores, on moto.
mod aws;
/// `cache`, and what `get` keeps on disk.
#[cfg(unix)]
mod cache;
/// `cache`: an entry is not served to another identity, or for another server.
#[cfg(unix)]
mod cache_identity;
/// Values and credentials are in no output that was not requested.
mod canary;
/// The jobs of examples/ci leave no value in their logs.
#[cfg(unix)]
mod ci;
/// Values are registered as CI masks before they are printed.
mod ci_masks;
/// `config`: effective settings, their origins, and errors.
mod config;
/// A crash leaves no core file with a value.
#[cfg(target_os = "linux")]
mod core_dumps;
/// Errors: message, hint, causes, exit status.
mod errors;
/// `explain` and `doctor`: what they print, and what they never print.
mod explain;
/// `export`: formats and output files.
mod export;
/// `get`, `get-by-path`, `exists` and `update` on a fetcher file: no server needed.
mod file;
/// Help, completions and manual pages, and the commands of the README.
mod manual;
/// docs/cli.md: every command on it. docs/troubleshooting.md: every message on it.
mod page;
/// `render`: look-ups, filters, errors and output files.
mod render;
/// `run`: the program's environment, its output, and its end.
#[cfg(unix)]
mod run;
/// Output paths in folders that others can write to.
#[cfg(unix)]
mod shared_folder;
/// Stale values, `--max-stale` and `--offline`.
#[cfg(unix)]
mod stale;
/// A config file that is merely found is not used until it is trusted.
#[cfg(unix)]
mod trust;
/// `vault.kv`, against what the real `bao` reads and writes.
mod vault;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// The command, with a clean environment: nothing of the developer's leaks in.
fn s1crets() -> Command {
    let mut command = Command::cargo_bin("s1crets").unwrap();
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.current_dir(std::env::temp_dir());
    command
}

/// The command in a folder whose config file is trusted. The trust record is in the folder.
fn in_trusted(folder: &Path) -> Command {
    in_folder(folder).args(["config", "trust"]).assert().success();
    in_folder(folder)
}

/// The command in a folder that also has the trust records.
fn in_folder(folder: &Path) -> Command {
    let mut command = s1crets();
    command.current_dir(folder).env("XDG_STATE_HOME", folder.join("state"));
    command
}

/// A folder with a copy of the example's fetcher file.
fn example() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    std::fs::copy(root().join("examples/secrets.json"), &file).unwrap();
    (folder, file)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
