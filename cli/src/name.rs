//! Names of environment variables.

/// What [`is_valid`] takes, for people.
pub(crate) const RULE: &str = "letters, digits and '_', no digit first";

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
    LEADING.binary_search(&name).is_ok() || LEADING_WITH.iter().any(|beginning| name.starts_with(beginning))
}

/// Those that [sudo](https://github.com/sudo-project/sudo/blob/main/plugins/sudoers/env.c) never hands on
/// (`initial_badenv_table`), and those of wide-spread programs that run what they say. No such list is complete. Sorted.
const LEADING: [&str; 98] = [
    "AWS_CONFIG_FILE",
    "BASHOPTS",
    "BASH_ENV",
    "BROWSER",
    "BUNDLE_GEMFILE",
    "CARGO_HOME",
    "CDPATH",
    "CLASSPATH",
    "CORECLR_ENABLE_PROFILING",
    "COR_ENABLE_PROFILING",
    "CURL_CA_BUNDLE",
    "DOCKER_CONFIG",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "ENV",
    "FPATH",
    "GCONV_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GIT_ASKPASS",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "GLOBIGNORE",
    "GOFLAGS",
    "GRADLE_OPTS",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "KRB5_KTNAME",
    "KUBECONFIG",
    "LESSCLOSE",
    "LESSOPEN",
    "LIBPATH",
    "LOCALDOMAIN",
    "LUA_CPATH",
    "LUA_INIT",
    "LUA_PATH",
    "MAKEFLAGS",
    "MANPAGER",
    "MAVEN_OPTS",
    "NLSPATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NULLCMD",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "READNULLCMD",
    "REQUESTS_CA_BUNDLE",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "R_PROFILE_USER",
    "SHELL",
    "SHELLOPTS",
    "SHLIB_PATH",
    "SSH_ASKPASS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERMCAP",
    "TERMINFO",
    "VISUAL",
    "XDG_CONFIG_HOME",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];
const LEADING_WITH: [&str; 15] = [
    "BASH_FUNC_",
    "CARGO_ALIAS_",
    "CARGO_BUILD_",
    "CARGO_TARGET_",
    "CORECLR_PROFILER",
    "COR_PROFILER",
    "DYLD_",
    "GIT_CONFIG",
    "KRB5_CONFIG",
    "LDR_",
    "LD_",
    "LUA_INIT_",
    "NPM_CONFIG_NODE_OPTIONS",
    "NPM_CONFIG_SCRIPT_SHELL",
    "_RLD",
];

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
        assert!(LEADING.is_sorted());
        for name in ["LD_PRELOAD", "PATH", "BASH_ENV", "NODE_OPTIONS", "GIT_CONFIG_COUNT", "BASH_FUNC_ls", "PAGER"] {
            assert!(leads_programs(name), "{name}");
        }
        for name in
            ["PASSWORD", "DB_PATH", "APP_LD_PRELOAD", "CARGO_REGISTRY_TOKEN", "COR_ID", "HOST", "USERNAME", "LDAP_BIND"]
        {
            assert!(!leads_programs(name), "{name}");
        }
    }

    #[test]
    fn levels_become_words() {
        assert_eq!(made_of("", "db/root-password"), "DB_ROOT_PASSWORD");
        assert_eq!(made_of("App_", "é.1"), "App___1");
    }
}
