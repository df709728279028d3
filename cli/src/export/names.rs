//! Which names a format takes.

use crate::variable_name;

/// A shell's word, which every environment takes as a name: a letter or `_`, then letters, digits and `_`
/// ([POSIX 8.1](https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html)).
pub(super) fn word(name: &str) -> Result<(), &'static str> {
    match variable_name::is_valid(name) {
        true => Ok(()),
        false => Err("a name is letters, digits and '_', with no digit in front"),
    }
}

/// A word that means nothing to a POSIX shell. The others would be executed ([bash](https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html)
/// takes what is put into RANDOM for arithmetic, in which `a[$(command)]` runs the command; a prompt is expanded at each
/// line), or would not hold what is put into them; to zsh a
/// [USERNAME](https://zsh.sourceforge.io/Doc/Release/Parameters.html) is whom to become.
pub(super) fn posix_shells(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL.contains(&name) || SPECIAL_IN_ZSH.contains(&name) {
        true => {
            Err("to a shell (sh, bash, ksh or zsh) this name means something itself: choose another one, or a --prefix")
        }
        false => Ok(()),
    }
}

/// A word that means nothing to a shell that a `.env` file may be sourced by.
pub(super) fn dotenv(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL.contains(&name) {
        true => {
            Err("to a shell that sources the file this name means something itself: choose another one, or a --prefix")
        }
        false => Ok(()),
    }
}

/// A word that [fish](https://fishshell.com/docs/current/language.html#special-variables) lets everybody set, to a text.
pub(super) fn fish(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL_IN_FISH.contains(&name) || name.starts_with("fish_") {
        true => Err("to fish this name means something itself: choose another one, or a --prefix"),
        false => Ok(()),
    }
}

/// In bash, dash and ksh, by trying each.
pub(super) const SPECIAL: &[&str] = &[
    "BASHOPTS",
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_ENV",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_VERSINFO",
    "DIRSTACK",
    "ENV",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "KSH_VERSION",
    "LINENO",
    "MAILCHECK",
    "OPTIND",
    "PIPESTATUS",
    "PPID",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "TMOUT",
    "UID",
    "_",
];

/// In zsh besides, by trying each; the arrays of its modules and what it computes with, by its manual.
pub(super) const SPECIAL_IN_ZSH: &[&str] = &[
    "ARGC",
    "COLUMNS",
    "DIRSTACKSIZE",
    "EGID",
    "ERRNO",
    "FUNCNEST",
    "GID",
    "HISTCHARS",
    "HISTSIZE",
    "KEYBOARD_HACK",
    "KEYTIMEOUT",
    "LINES",
    "LISTMAX",
    "LOGCHECK",
    "PROMPT",
    "PROMPT2",
    "PROMPT3",
    "PROMPT4",
    "PS3",
    "REPORTMEMORY",
    "REPORTTIME",
    "RPROMPT",
    "RPROMPT2",
    "RPS1",
    "RPS2",
    "SAVEHIST",
    "SPROMPT",
    "TRY_BLOCK_ERROR",
    "TRY_BLOCK_INTERRUPT",
    "TTYIDLE",
    "USERNAME",
    "WATCH",
    "ZSH_EVAL_CONTEXT",
    "ZSH_SUBSHELL",
    "aliases",
    "argv",
    "builtins",
    "cdpath",
    "commands",
    "dirstack",
    "dis_aliases",
    "dis_builtins",
    "dis_functions",
    "dis_functions_source",
    "dis_galiases",
    "dis_patchars",
    "dis_reswords",
    "dis_saliases",
    "epochtime",
    "errnos",
    "fignore",
    "fpath",
    "funcfiletrace",
    "funcsourcetrace",
    "funcstack",
    "functions",
    "functions_source",
    "functrace",
    "galiases",
    "histchars",
    "history",
    "historywords",
    "jobdirs",
    "jobstates",
    "jobtexts",
    "keymaps",
    "langinfo",
    "mailpath",
    "manpath",
    "mapfile",
    "module_path",
    "modules",
    "nameddirs",
    "options",
    "parameters",
    "patchars",
    "path",
    "pipestatus",
    "prompt",
    "psvar",
    "reswords",
    "saliases",
    "signals",
    "status",
    "sysparams",
    "termcap",
    "terminfo",
    "userdirs",
    "usergroups",
    "watch",
    "widgets",
    "zsh_eval_context",
    "zsh_scheduled_events",
];

/// In fish 3.6, by trying each: read-only, or lists.
const SPECIAL_IN_FISH: &[&str] = &[
    "CDPATH",
    "CMD_DURATION",
    "FISH_VERSION",
    "MANPATH",
    "PATH",
    "PWD",
    "SHLVL",
    "_",
    "argv",
    "history",
    "hostname",
    "last_pid",
    "pipestatus",
    "status",
    "status_generation",
    "umask",
    "version",
];

/// Any text but none.
pub(super) fn text(name: &str) -> Result<(), &'static str> {
    if name.is_empty() { Err("a name is not empty") } else { Ok(()) }
}

/// The same for YAML, where [a key on a line](https://yaml.org/spec/1.2.2/#742-flow-mappings) has 1024 characters at most;
/// quotes and escapes count.
pub(super) fn yaml(name: &str) -> Result<(), &'static str> {
    text(name)?;
    let mut written = Vec::new();
    super::data::quoted(&mut written, name);
    if written.len() > 1000 { Err("a key of YAML has 1024 characters at most") } else { Ok(()) }
}

/// A key of a [Secret](https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data): letters,
/// digits, `-`, `_` and `.`, 253 at most, and neither `.` nor `..` nor anything that begins with `..`, which a volume
/// could not mount.
pub(super) fn kubernetes_key(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) && name != "." && !name.starts_with("..") {
        true => Ok(()),
        false => Err("a key of a Secret is letters, digits, '-', '_' and '.', 253 at most, with no '..' in front"),
    }
}

/// The name of a Kubernetes object:
/// [an RFC 1123 subdomain](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).
pub(super) fn kubernetes_object(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// What a job may set:
/// [not `GITHUB_…`, `RUNNER_…` and `NODE_OPTIONS`](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-environment-variable).
pub(super) fn github(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let upper = name.to_ascii_uppercase();
    match upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") || upper == "NODE_OPTIONS" {
        true => Err("the runner lets nobody set GITHUB_…, RUNNER_… and NODE_OPTIONS"),
        false => Ok(()),
    }
}

/// What a pipeline may set:
/// [no name with a reserved beginning](https://learn.microsoft.com/azure/devops/pipelines/process/variables#variable-naming-restrictions).
pub(super) fn azure(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let lower = name.to_ascii_lowercase();
    match ["endpoint", "input", "secret", "path", "securefile"].iter().any(|reserved| lower.starts_with(reserved)) {
        true => Err("Azure keeps names that begin with endpoint, input, secret, path or securefile for itself"),
        false => Ok(()),
    }
}
