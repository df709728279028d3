//! `cargo xtask dist`: builds the release command, its completions and its man pages.

use std::{
    env::consts::EXE_SUFFIX,
    fs::{self, File},
    io,
    path::Path,
    process::{Command, ExitCode},
};

use crate::workspace::{cargo, must, target};

/// The shells, and the name under which each looks for the completions of `s1crets`.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "s1crets.bash"),
    ("elvish", "s1crets.elv"),
    ("fish", "s1crets.fish"),
    ("powershell", "_s1crets.ps1"),
    ("zsh", "_s1crets"),
];

pub(crate) fn run() -> io::Result<ExitCode> {
    must(cargo().args(["build", "--release", "--locked", "--package", "s1crets-cli"]))?;
    let name = format!("s1crets{EXE_SUFFIX}");
    let built = target().join("release").join(&name);
    let dist = target().join("dist");
    fs::create_dir_all(&dist)?;
    fs::copy(&built, dist.join(&name))?;
    complete(&built, &dist.join("completions"))?;
    document(&built, &dist.join("man"))?;
    println!("{}", dist.display());
    Ok(ExitCode::SUCCESS)
}

fn complete(command: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (shell, name) in SHELLS {
        let file = File::create(folder.join(name))?;
        must(Command::new(command).args(["completions", shell]).stdout(file))?;
    }
    Ok(())
}

fn document(command: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    must(Command::new(command).arg("man").arg(folder))
}
