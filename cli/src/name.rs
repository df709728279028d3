//! Names of environment variables.

/// Whether every shell takes this as a variable's name.
pub(crate) fn is_valid(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(word) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A name made of the levels of a path or of a key: `db/root-password` becomes `DB_ROOT_PASSWORD`.
pub(crate) fn made_of(prefix: &str, levels: &str) -> String {
    let word = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
    prefix.chars().chain(levels.chars().map(word)).collect()
}

/// Whether programs, loaders and interpreters are led by a variable of this name: to other code, for most of them. Whoever
/// may write a secret must not choose such a name.
pub(crate) fn leads_programs(name: &str) -> bool {
    LEADING.contains(&name) || LEADING_WITH.iter().any(|beginning| name.starts_with(beginning))
}

/// Those that [sudo](https://github.com/sudo-project/sudo/blob/main/plugins/sudoers/env.c) never hands on
/// (`initial_badenv_table`), and what came up since.
const LEADING: [&str; 45] = [
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "ENV",
    "FPATH",
    "GCONV_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLOBIGNORE",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "KRB5_KTNAME",
    "LIBPATH",
    "LOCALDOMAIN",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NULLCMD",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "READNULLCMD",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "SHLIB_PATH",
    "TERMCAP",
    "TERMINFO",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];
const LEADING_WITH: [&str; 6] = ["BASH_FUNC_", "DYLD_", "KRB5_CONFIG", "LDR_", "LD_", "_RLD"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_begin_with_no_digit() {
        for name in ["A", "_", "a1", "DB_PASSWORD"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "1A", "A-B", "A.B", "A B", "É", "A=", "A\0"] {
            assert!(!is_valid(name), "{name:?}");
        }
    }

    #[test]
    fn what_leads_programs_is_known() {
        for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "NODE_OPTIONS", "DYLD_INSERT_LIBRARIES", "BASH_FUNC_ls"] {
            assert!(leads_programs(name), "{name}");
        }
        for name in ["PASSWORD", "DB_PATH", "APP_LD_PRELOAD", "HOST", "USERNAME", "LDAP_BIND"] {
            assert!(!leads_programs(name), "{name}");
        }
    }

    #[test]
    fn levels_become_words() {
        assert_eq!(made_of("", "db/root-password"), "DB_ROOT_PASSWORD");
        assert_eq!(made_of("App_", "é.1"), "App___1");
    }
}
