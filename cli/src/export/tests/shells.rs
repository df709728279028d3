//! Round trips through real shells: what they print is compared byte by byte.

use std::{ffi::OsStr, fs, process::Command};

use proptest::prelude::*;

use super::{super::Format, batches, name, written};

/// A shell, and how it reads a document.
struct Shell {
    program: &'static str,
    format: Format,
    read: &'static str,
}

const EVAL: &str = "eval \"$(cat \"$1\")\"";
const SOURCE: &str = ". \"$1\"";

/// How many documents each shell reads. Each takes a process.
const DOCUMENTS: u32 = 48;

impl Shell {
    const fn sh(program: &'static str, read: &'static str) -> Self {
        Self { program, format: Format::Sh, read }
    }

    #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn is_there(&self) -> bool {
        let found = Command::new(self.program).arg("-c").arg("exit 0").status().is_ok_and(|status| status.success());
        if !found {
            eprintln!("skipped: there is no {} here", self.program);
        }
        found
    }

    /// The values of the variables after the document was read.
    fn holds<T: AsRef<[u8]>>(&self, document: &[u8], values: &[T], locale: &str) -> Vec<Vec<u8>> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("document");
        fs::write(&file, document).expect("written");
        // Prints each variable with a NUL after it. `%s` does not interpret the value.
        let variables: Vec<_> = (0..values.len()).map(|index| format!("\"${}\"", name(index))).collect();
        let script = format!("{}; printf '%s\\0' {}", self.read, variables.join(" "));
        let mut command = Command::new(self.program);
        command.arg("-c").arg(script);
        if self.format == Format::Sh {
            command.arg("shell");
        }
        command.arg(&file).env("LC_ALL", locale).env("HOME", folder.path()).current_dir(folder.path());
        let output = command.output().expect("it runs");
        assert!(output.stderr.is_empty(), "{}: {}", self.program, String::from_utf8_lossy(&output.stderr));
        assert_eq!(files(folder.path()), ["document"], "no value was executed and left a file");
        let mut held: Vec<_> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        held.pop();
        held
    }
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.starts_with('.')).collect()
}

fn check(shell: &Shell, locale: &str) {
    if !shell.is_there() {
        return;
    }
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(DOCUMENTS) };
    proptest!(config, |(values in batches())| {
        let document = written(shell.format, &values).expect("a shell takes any text");
        prop_assert_eq!(shell.holds(&document, &values, locale), as_bytes(&values));
    });
    assert!(!std::path::Path::new("/tmp/s1crets-was-here").exists(), "a value was executed");
}

fn as_bytes(values: &[String]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.clone().into_bytes()).collect()
}

#[test]
fn sh_reads_every_value_unchanged() {
    check(&Shell::sh("sh", EVAL), "C");
    check(&Shell::sh("sh", SOURCE), "C.UTF-8");
}

#[test]
fn dash_reads_every_value_unchanged() {
    check(&Shell::sh("dash", EVAL), "C.UTF-8");
}

#[test]
fn bash_reads_every_value_unchanged() {
    check(&Shell::sh("bash", EVAL), "C.UTF-8");
    check(&Shell::sh("bash", SOURCE), "C");
}

#[test]
fn zsh_reads_every_value_unchanged() {
    check(&Shell::sh("zsh", EVAL), "C.UTF-8");
}

#[test]
fn fish_reads_every_value_unchanged() {
    check(&Shell { program: "fish", format: Format::Fish, read: "source $argv[1]" }, "C.UTF-8");
}

#[test]
fn shells_read_bytes_that_are_not_text() {
    let values: Vec<Vec<u8>> = vec![(1..=255).collect(), b"\xff\xfe'\xc3".to_vec(), b"\xe2\x80".to_vec()];
    let document = written(Format::Sh, &values).expect("bytes");
    for program in ["sh", "dash", "bash"] {
        for locale in ["C", "C.UTF-8"] {
            assert_eq!(Shell::sh(program, EVAL).holds(&document, &values, locale), values, "{program} {locale}");
        }
    }
}

#[test]
fn a_shell_reads_a_dotenv_file_like_other_readers() {
    let shell = Shell { program: "sh", format: Format::Dotenv, read: SOURCE };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(DOCUMENTS) };
    proptest!(config, |(values in batches())| {
        let (values, document) = super::representable(Format::Dotenv, values);
        prop_assume!(!values.is_empty());
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("document");
        fs::write(&file, &document).expect("written");
        let variables: Vec<_> = (0..values.len()).map(|index| format!("\"${}\"", name(index))).collect();
        let script = format!("{}; printf '%s\\0' {}", shell.read, variables.join(" "));
        let output = Command::new("sh").args([OsStr::new("-c"), script.as_ref(), "sh".as_ref(), file.as_os_str()]).output().expect("sh");
        let held: Vec<_> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(&held[..held.len() - 1], as_bytes(&values));
    });
}

/// Names that are special to some shell, and names that only look like it.
const NAMES: &str = "\
    ARGC BASH BASH_ARGC BASH_COMPAT BASH_ENV BASH_REMATCH BASH_SUBSHELL BASHPID BAUD CDPATH COLUMNS COMP_WORDBREAKS COPROC CPUTYPE \
    DB_PASSWORD DIRSTACK DIRSTACKSIZE EDITOR EGID ENV EPOCHREALTIME EPOCHSECONDS ERRNO EUID FCEDIT FIGNORE FPATH FUNCNAME FUNCNEST \
    GID GLOBIGNORE GROUPS HISTCHARS HISTCMD HISTFILE HISTFILESIZE HISTSIZE HOME HOST HOSTNAME HOSTTYPE IFS KEYBOARD_HACK KEYTIMEOUT \
    KSH_VERSION LINENO LINES LISTMAX LOGCHECK LOGNAME MACHTYPE MAIL MAILCHECK MAILPATH MANPATH MAPFILE MATCH MBEGIN MEND \
    MODULE_PATH NULLCMD OLDPWD OPTARG OPTERR OPTIND OSTYPE PASSWORD PATH PERIOD PIPESTATUS POSTEDIT PPID PROMPT PROMPT_COMMAND PS1 \
    PS2 PS3 PS4 PSVAR PWD RANDOM READNULLCMD REPLY REPORTTIME RPS1 SAVEHIST SECONDS SHELL SHELLOPTS SHLVL SPROMPT SRANDOM TERM TIMEFMT \
    TIMEFORMAT TMOUT TRY_BLOCK_ERROR TTY TTYIDLE UID USER USERNAME VENDOR VISUAL WATCH WORDCHARS ZBEEP ZSH_NAME ZSH_VERSION argv cdpath \
    fignore fpath histchars history hostname keymap mailpath manpath module_path password path pipestatus prompt psvar signals \
    status umask username version watch _";

/// A shell would run the command in a value that it evaluates, and lose the value of a variable
/// that it manages itself.
#[test]
fn every_accepted_name_keeps_its_value_in_every_shell() {
    for (program, format) in [
        ("sh", Format::Sh),
        ("bash", Format::Sh),
        ("dash", Format::Sh),
        ("zsh", Format::Sh),
        ("ksh", Format::Sh),
        ("fish", Format::Fish),
    ] {
        if !Shell::sh(program, EVAL).is_there() {
            continue;
        }
        let accepted = NAMES.split_whitespace().filter(|name| arrives(program, format, name)).count();
        assert!(accepted > 60, "{program}: {accepted} names are accepted");
    }
}

/// Whether the format accepts the name. If so, the shell must keep the value and pass it to a
/// child.
fn arrives(program: &str, format: Format, name: &str) -> bool {
    let value = super::secret("a[$(touch ran)]");
    let entries = [super::Entry::new(name, &value).expect("one value")];
    let Ok(document) = format.write(&super::Document { entries: &entries, name: None }) else { return false };
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("{}/usr/bin/env", String::from_utf8_lossy(&document));
    // No startup files: zsh reads some even with -c.
    let mut command = Command::new(program);
    command.args(if program == "zsh" { &["-f", "-c"][..] } else { &["-c"] }).arg(script);
    let output = command.env_clear().env("HOME", folder.path()).current_dir(folder.path()).output().expect("it runs");
    assert!(files(folder.path()).is_empty(), "{program}: {name} was executed");
    let held = String::from_utf8_lossy(&output.stdout).lines().any(|line| line == format!("{name}=a[$(touch ran)]"));
    assert!(held, "{program}: {name}: {}", String::from_utf8_lossy(&output.stderr));
    true
}
