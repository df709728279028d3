//! The Python virtual environment that moto and OpenBao are installed in.
//!
//! Tests only check that it exists ([`require`]). If they installed packages themselves, they would
//! be slow for no visible reason, and parallel test binaries would race. `cargo xtask` creates it
//! ([`ensure`]).

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Error},
    path::{Path, PathBuf},
    process::Command,
};

/// The variable with the path of the virtual environment. The default is `target/testbed-venv`.
pub const VENV_VARIABLE: &str = "S1CRETS_TESTBED_VENV";

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A file with the requirements that were installed, written last. If it is missing or differs, the
/// environment is incomplete or out of date.
const STAMP: &str = "s1crets-testbed.stamp";

const NO_PYTHON: &str = "`python3` must be Python 3.11 or newer, with the venv module \
     (Debian and Ubuntu: apt-get install python3 python3-venv)";

/// The folder of the virtual environment. It may not exist.
pub fn venv() -> PathBuf {
    match env::var_os(VENV_VARIABLE) {
        Some(chosen) if !chosen.is_empty() => chosen.into(),
        _ => target().join("testbed-venv"),
    }
}

/// Whether the environment is complete, so that [`ensure`] has nothing to do.
pub fn is_ready() -> bool {
    require().is_ok()
}

/// The path of the environment's interpreter.
///
/// # Errors
/// If the environment is missing, incomplete or out of date. The message names the command to run.
pub fn require() -> io::Result<PathBuf> {
    let venv = venv();
    if is_complete(&venv) {
        return Ok(interpreter(&venv));
    }
    Err(Error::other(format!(
        "the tests' Python packages are not installed in {}: run `cargo xtask test`, or run \
         `cargo xtask setup` once and then `cargo test`",
        venv.display()
    )))
}

/// Creates the environment if it is missing, and returns the path of its interpreter.
///
/// The first call takes half a minute and downloads about 50 MB. Later calls return at once. If two
/// processes call it at the same time, the second waits for the first. An incomplete environment is
/// created again.
///
/// # Errors
/// If Python or its venv module is missing, or pip fails. The message says what to do.
pub fn ensure() -> io::Result<PathBuf> {
    let venv = venv();
    let parent = venv.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let lock = File::create(beside(&venv, ".lock"))?;
    lock.lock()?;
    if !is_complete(&venv) {
        check_python()?;
        install(&venv)?;
    }
    Ok(interpreter(&venv))
}

/// Checks that `python3` can create a virtual environment.
///
/// # Errors
/// If it can't. The message says what to install.
pub fn check_python() -> io::Result<()> {
    // Debian packages ensurepip separately. Without it, `python3 -m venv` fails halfway.
    let probe = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    match run("python3", ["-c", probe]) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::other(format!("{NO_PYTHON}\n{error}"))),
    }
}

/// The `target` folder of the workspace. It does not follow `CARGO_TARGET_DIR`, so that the
/// environment is installed only once.
pub(crate) fn target() -> PathBuf {
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    testbed.parent().expect("the testbed is a folder of the workspace").join("target")
}

fn install(venv: &Path) -> io::Result<()> {
    remove(venv)?;
    run("python3", [OsStr::new("-m"), OsStr::new("venv"), venv.as_os_str()])?;
    let requirements = beside(venv, ".requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    // Hashes: only the pinned files are installed, whatever index serves them. Wheels only:
    // building a package needs a compiler, and runs the package's own code.
    let restrictions = ["--require-hashes", "--only-binary=:all:", "-r"];
    run(interpreter(venv), pip.iter().chain(&restrictions).map(OsStr::new).chain([requirements.as_os_str()]))?;
    fs::remove_file(requirements)?;
    fs::write(venv.join(STAMP), REQUIREMENTS)
}

/// Removes the environment. Refuses to remove a folder that does not look like one, because the
/// variable may have a typo.
fn remove(venv: &Path) -> io::Result<()> {
    if !venv.exists() {
        return Ok(());
    }
    let ours = env::var_os(VENV_VARIABLE).is_none();
    if !ours && !venv.join("pyvenv.cfg").exists() && fs::read_dir(venv)?.next().is_some() {
        return Err(Error::other(format!(
            "{VENV_VARIABLE} names {}, which is neither empty nor a virtual environment",
            venv.display()
        )));
    }
    fs::remove_dir_all(venv)
}

fn is_complete(venv: &Path) -> bool {
    // `exists` follows the symbolic link, so it notices an interpreter that was uninstalled.
    interpreter(venv).exists() && fs::read_to_string(venv.join(STAMP)).is_ok_and(|stamp| stamp == REQUIREMENTS)
}

fn interpreter(venv: &Path) -> PathBuf {
    if cfg!(windows) { venv.join("Scripts/python.exe") } else { venv.join("bin/python") }
}

fn beside(venv: &Path, suffix: &str) -> PathBuf {
    let mut name = venv.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = command.output().map_err(|error| Error::new(error.kind(), format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_or_outdated_environment_is_not_complete() {
        let folder = tempfile::tempdir().expect("a folder");
        let python = interpreter(folder.path());
        fs::create_dir_all(python.parent().expect("in a folder")).expect("made");
        fs::write(&python, "").expect("written");
        assert!(!is_complete(folder.path()), "no stamp yet");

        fs::write(folder.path().join(STAMP), "moto==1.0").expect("written");
        assert!(!is_complete(folder.path()), "other requirements");

        fs::write(folder.path().join(STAMP), REQUIREMENTS).expect("written");
        assert!(is_complete(folder.path()));

        fs::remove_file(python).expect("removed");
        assert!(!is_complete(folder.path()), "no interpreter");
    }

    /// The requirements in a file, each with its hashes.
    fn requirements(text: &str) -> Vec<(&str, Vec<&str>)> {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in text.lines().map(|line| line.trim_end_matches([' ', '\\'])) {
            match line.trim_start().strip_prefix("--hash=") {
                Some(hash) => found.last_mut().expect("a hash follows its requirement").1.push(hash),
                None if line.is_empty() || line.starts_with('#') => {}
                None => found.push((line, Vec::new())),
            }
        }
        found
    }

    #[test]
    fn every_requirement_has_one_version_and_the_hashes_of_its_files() {
        let requirements = requirements(REQUIREMENTS);
        assert!(requirements.len() > 50, "moto has more than {} dependencies", requirements.len());
        for (requirement, hashes) in requirements {
            assert!(requirement.contains("=="), "{requirement} has no version");
            assert!(!hashes.is_empty(), "{requirement} has no hash");
            for hash in hashes {
                let digits = hash.strip_prefix("sha256:").expect("a SHA-256 hash");
                assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
            }
        }
    }

    #[test]
    fn the_pinned_versions_are_those_of_requirements_in() {
        let pinned: Vec<_> = requirements(REQUIREMENTS).into_iter().map(|(requirement, _)| requirement).collect();
        for (wanted, _) in requirements(include_str!("../requirements.in")) {
            let (name, version) = wanted.split_once("==").expect("a version");
            let name = name.split('[').next().expect("a name");
            assert!(pinned.contains(&format!("{name}=={version}").as_str()), "{wanted}");
        }
    }
}
