//! Checks of variable names and keys, by format. The error says why the name is refused.

use crate::variable_name;

/// Accepts a variable name that every environment and shell accepts: letters, digits and `_`, not
/// beginning with a digit
/// ([POSIX 8.1](https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html)).
pub(super) fn word(name: &str) -> Result<(), &'static str> {
    match variable_name::is_valid(name) {
        true => Ok(()),
        false => Err(variable_name::RULE),
    }
}

/// Accepts a variable name that no POSIX-like shell treats specially.
///
/// A special variable may execute its value.
/// [bash](https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html) evaluates a value
/// of `RANDOM` as arithmetic, in which `a[$(command)]` runs the command, and it expands prompts.
/// Others don't keep the value, or act on it: setting
/// [`USERNAME`](https://zsh.sourceforge.io/Doc/Release/Parameters.html) makes zsh change its user.
pub(super) fn posix_shells(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL.contains(&name) || SPECIAL_IN_ZSH.contains(&name) {
        true => Err("the name is special to a shell (sh, bash, ksh or zsh): choose another one, or a --prefix"),
        false => Ok(()),
    }
}

/// Accepts a variable name as `run` hands it to a program, which takes no shell:
/// `spring.datasource.url`.
pub(super) fn docker(name: &str) -> Result<(), &'static str> {
    match variable_name::is_settable(name) {
        true => Ok(()),
        false => Err(variable_name::SETTABLE_RULE),
    }
}

/// Accepts a variable name that is not special to a shell that may source a `.env` file.
pub(super) fn dotenv(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL.contains(&name) {
        true => Err("the name is special to a shell that sources the file: choose another one, or a --prefix"),
        false => Ok(()),
    }
}

/// Accepts a variable name that fish lets one set to a text, by its
/// [special variables](https://fishshell.com/docs/current/language.html#special-variables).
pub(super) fn fish(name: &str) -> Result<(), &'static str> {
    word(name)?;
    match SPECIAL_IN_FISH.contains(&name) || name.starts_with("fish_") {
        true => Err("the name is special to fish: choose another one, or a --prefix"),
        false => Ok(()),
    }
}

/// Special variables of bash, dash and ksh, found by trying each.
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

/// Further special variables of zsh, found by trying each. Arrays of its modules, and variables
/// that it evaluates as arithmetic, come from its manual.
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

/// Variables of fish 3.6 that are read-only or lists, found by trying each.
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

/// Accepts any text that is not empty.
pub(super) fn text(name: &str) -> Result<(), &'static str> {
    if name.is_empty() { Err("the name is empty") } else { Ok(()) }
}

/// Accepts a text for a YAML key. [A key on one
/// line](https://yaml.org/spec/1.2.2/#742-flow-mappings) has at most 1024 characters, quotes and
/// escapes included.
pub(super) fn yaml(name: &str) -> Result<(), &'static str> {
    text(name)?;
    let mut written = Vec::new();
    super::json_yaml::quoted(&mut written, name);
    if written.len() > 1000 { Err("a YAML key has at most 1024 characters") } else { Ok(()) }
}

/// Accepts a key of a [Kubernetes
/// Secret](https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data):
/// letters, digits, `-`, `_` and `.`, at most 253. A volume can't mount a key that is `.` or begins
/// with `..`.
pub(super) fn kubernetes_key(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed) && name != "." && !name.starts_with("..") {
        true => Ok(()),
        false => Err(
            "a key of a Secret consists of at most 253 letters, digits, '-', '_' and '.', and doesn't begin with '..'",
        ),
    }
}

/// Whether this can be the name of a Kubernetes object: [an RFC 1123
/// subdomain](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).
pub(super) fn kubernetes_object(name: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Accepts a variable name that a GitHub job may set: [not `GITHUB_…`, `RUNNER_…` or
/// `NODE_OPTIONS`](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-environment-variable).
pub(super) fn github(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let upper = name.to_ascii_uppercase();
    match upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") || upper == "NODE_OPTIONS" {
        true => Err("the runner doesn't let jobs set GITHUB_…, RUNNER_… or NODE_OPTIONS"),
        false => Ok(()),
    }
}

/// Accepts a variable name that a pipeline of Azure may set: [none with a reserved
/// prefix](https://learn.microsoft.com/azure/devops/pipelines/process/variables#variable-naming-restrictions).
pub(super) fn azure(name: &str) -> Result<(), &'static str> {
    word(name)?;
    let lower = name.to_ascii_lowercase();
    match ["endpoint", "input", "secret", "path", "securefile"].iter().any(|reserved| lower.starts_with(reserved)) {
        true => Err("Azure reserves names that begin with endpoint, input, secret, path or securefile"),
        false => Ok(()),
    }
}
