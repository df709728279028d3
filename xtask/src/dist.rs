//! `cargo xtask dist`: builds the release command, its shell completions and its man pages.

use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::OsString,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, ExitCode},
};

use crate::workspace::{cargo, run_command, target};

/// The shells, and the file name under which each expects the completions of `s1crets`.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "s1crets.bash"),
    ("elvish", "s1crets.elv"),
    ("fish", "s1crets.fish"),
    ("powershell", "_s1crets.ps1"),
    ("zsh", "_s1crets"),
];

/// Builds AWS-LC without jitter entropy: docs/security.md, "Random numbers".
const NO_JITTER: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

pub(crate) fn run() -> io::Result<ExitCode> {
    run_command(&mut build(env::var_os(NO_JITTER)))?;
    let name = format!("s1crets{EXE_SUFFIX}");
    let built = target().join("release").join(&name);
    let dist = target().join("dist");
    fs::create_dir_all(&dist)?;
    fs::copy(&built, dist.join(&name))?;
    write_completions(&built, &dist.join("completions"))?;
    write_man_pages(&built, &dist.join("man"))?;
    run_command(Command::new(&built).args(["--version", "--verbose"]))?;
    println!("{}", dist.display());
    Ok(ExitCode::SUCCESS)
}

/// The release build. It sets [`NO_JITTER`] whatever cargo's configuration says, unless the caller
/// sets the variable.
fn build(no_jitter: Option<OsString>) -> Command {
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--package", "s1crets-cli"]);
    command.env(NO_JITTER, no_jitter.unwrap_or_else(|| "1".into()));
    command
}

fn write_completions(command: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (shell, name) in SHELLS {
        let file = File::create(folder.join(name))?;
        run_command(Command::new(command).args(["completions", shell]).stdout(file))?;
    }
    Ok(())
}

fn write_man_pages(command: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    run_command(Command::new(command).arg("man").arg(folder))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn the_jitter_entropy_switch_is_set_unless_the_caller_sets_it() {
        for (given, set) in [(None, "1"), (Some("0"), "0")] {
            let command = build(given.map(Into::into));
            let switch = command.get_envs().find(|(name, _)| *name == OsStr::new(NO_JITTER));
            assert_eq!(switch.and_then(|(_, value)| value), Some(OsStr::new(set)));
        }
    }
}
