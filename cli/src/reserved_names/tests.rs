//! Which names are reserved, and that docs/names.md lists them.

use super::*;

const FROM: NameOrigin<'_> = NameOrigin::Listed("file://app");

fn may_be_set(name: &str, origin: NameOrigin<'_>) -> bool {
    reserving_group(name, origin).is_none()
}

/// Names that are refused whatever their origin.
const CONTROLLING: &str = "\
    AWS_CA_BUNDLE AWS_CONFIG_FILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_PROFILE BASH_ENV BASH_FUNC_ls \
    BROWSER CC CFLAGS CI CLASSPATH CORECLR_PROFILER CURL_CA_BUNDLE DIRSTACKSIZE DOCKER_HOST \
    DYLD_INSERT_LIBRARIES EDITOR ENV EXINIT FCEDIT GCONV_PATH GH_HOST GITHUB_ENV GITHUB_PATH \
    GIT_CONFIG_COUNT GIT_SSH_COMMAND GLIBC_TUNABLES GOFLAGS GRADLE_OPTS HISTFILE HOME HTTPS_PROXY IFS \
    INPUTRC JAVA_TOOL_OPTIONS KRB5_CONFIG KUBECONFIG LC_ALL LD_AUDIT LD_PRELOAD LESSOPEN LUA_INIT \
    MAILPATH MAKEFLAGS MALLOC_CONF MANPAGER NODE_EXTRA_CA_CERTS NODE_OPTIONS NPM_CONFIG_REGISTRY NULLCMD \
    OPENSSL_CONF PAGER PATH PERL5OPT PHPRC PIP_INDEX_URL PROMPT_COMMAND PS4 PSModulePath PYTHONPATH \
    PYTHONWARNINGS Path REPORTMEMORY REPORTTIME RES_OPTIONS RUBYOPT RUSTC_WRAPPER RUSTFLAGS \
    S1CRETS_CONFIG SHELLOPTS SSLKEYLOGFILE SSL_CERT_FILE TAR_OPTIONS TERMINFO TF_CLI_ARGS TMPDIR TZ \
    UV_INDEX_URL VAULT_ADDR VAULT_CACERT VIMINIT VISUAL XDG_CONFIG_HOME ZDOTDIR _JAVA_OPTIONS \
    fish_user_paths http_proxy no_proxy npm_config_registry \
    _OLD_VIRTUAL_PATH _PYTHON_SYSCONFIGDATA_NAME CMAKE DEBIAN_FRONTEND DEPENDENCIES_OUTPUT GITPERLLIB \
    HARNESS_PERL HOST_CC INSTALL LESSGLOBALTAGS LOADLIBES MANLESS OPENSSL PC PGHOSTADDR PREFIX RM RUST_GDB \
    TARGET_ARCH TC_LIB_DIR VALGRIND_LIB";

/// Names that applications use for their settings and secrets.
const PLAIN: &str = "\
    API_KEY APP_LD_PRELOAD APP_PAGER APP_PROXY CARGO_REGISTRY_TOKEN CERT CIPHER_KEY CLIENT_ID COMP_ID \
    CONFIG CONTEXT COR_ID DATABASE_URL DBNAME DB_HOST DB_PASSWORD DB_PATH DEBUG DJANGO_SECRET_KEY \
    DOCKER_PASSWORD DOCKER_USERNAME ENGINE GEM_HOST_API_KEY GHCR_URL GITHUB_APP_PRIVATE_KEY \
    GITHUB_CLIENT_ID GITHUB_CLIENT_SECRET GITHUB_TOKEN GITHUB_WEBHOOK_SECRET GITLAB_TOKEN GIT_PASSWORD \
    GOOGLE_API_KEY GOOGLE_CLIENT_SECRET GRPC_PORT HISTORY HOST HOSTNAME JWT_SECRET KEY \
    LDAP_BIND_PASSWORD LESSON_ID LEVEL LISTEN_PORT LOG_LEVEL MODE MYSQL_ROOT_PASSWORD NAME \
    NODE_AUTH_TOKEN NPM_TOKEN OPENAI_API_KEY ORG_GRADLE_PROJECT_signingKey PASSWORD PGHOST PGPASSWORD \
    PORT PSP_API_KEY RAILS_MASTER_KEY REDIS_URL ROOT_PASSWORD SASL_PASSWORD SECRET_KEY SECRET_KEY_BASE \
    SENTRY_DSN SESSION_KEY SMTP_PASSWORD SPRING_DATASOURCE_PASSWORD SSH_PRIVATE_KEY SSL_CERT STATUS \
    STRIPE_API_KEY TF_VAR_db_password TLS_KEY TOKEN TWINE_PASSWORD TYPE URL USER USERNAME VALUE VERSION \
    VK_CLIENT_ID";

#[test]
fn names_that_control_programs_are_refused() {
    for name in CONTROLLING.split_whitespace() {
        assert!(!may_be_set(name, FROM) && !may_be_set(name, NameOrigin::Typed), "{name}");
    }
}

#[test]
fn plain_application_names_may_be_set() {
    for name in PLAIN.split_whitespace() {
        assert!(may_be_set(name, FROM) && may_be_set(name, NameOrigin::Typed), "{name}");
    }
}

/// From `--from`, they would let a secret choose the identity that the child reads secrets with.
#[test]
fn aws_and_vault_credentials_may_be_typed_but_not_come_from_a_listing() {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "VAULT_TOKEN", "BAO_SECRET_ID"] {
        assert!(!may_be_set(name, FROM) && may_be_set(name, NameOrigin::Typed), "{name}");
    }
}

/// All names of sudo's `initial_badenv_table`, whatever their conditions, and of glibc's
/// `unsecvars.h`.
#[test]
fn the_lists_of_sudo_and_glibc_are_covered() {
    let sudo = "\
        IFS CDPATH LOCALDOMAIN RES_OPTIONS HOSTALIASES NLSPATH PATH_LOCALE LD_X _RLDX SHLIB_PATH LDR_X \
        LIBPATH AUTHSTATE DYLD_X KRB5_CONFIGX KRB5_KTNAME VAR_ACE USR_ACE DLC_ACE TERMINFO TERMINFO_DIRS \
        TERMPATH TERMCAP ENV BASH_ENV PS4 GLOBIGNORE SHELLOPTS JAVA_TOOL_OPTIONS PERLIO_DEBUG PERLLIB \
        PERL5LIB PERL5OPT PERL5DB FPATH NULLCMD READNULLCMD ZDOTDIR TMPPREFIX PYTHONHOME PYTHONPATH \
        PYTHONINSPECT PYTHONUSERBASE RUBYLIB RUBYOPT BASH_FUNC_X __BASH_FUNC<X";
    let glibc = "\
        GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LD_AUDIT LD_DEBUG LD_DEBUG_OUTPUT LD_DYNAMIC_WEAK \
        LD_HWCAP_MASK LD_LIBRARY_PATH LD_ORIGIN_PATH LD_PRELOAD LD_PROFILE LD_SHOW_AUXV LOCALDOMAIN LOCPATH \
        MALLOC_TRACE NIS_PATH NLSPATH RESOLV_HOST_CONF RES_OPTIONS TMPDIR TZDIR";
    for name in sudo.split_whitespace().chain(glibc.split_whitespace()) {
        assert!(!may_be_set(name, FROM), "{name}");
    }
}

#[test]
fn each_name_is_upper_case_sorted_and_listed_once() {
    for group in GROUPS {
        assert!(group.names.is_sorted() && group.prefixes.is_sorted(), "{}", group.controls);
        for name in group.names.iter().chain(group.prefixes) {
            assert_eq!(*name, name.to_ascii_uppercase());
        }
        let members = group.names.iter().filter(|name| group.prefixes.iter().any(|prefix| name.starts_with(prefix)));
        assert_eq!(members.collect::<Vec<_>>(), Vec::<&&str>::new(), "{}: in a prefix already", group.controls);
    }
}

/// docs/names.md has a row for each group.
#[test]
fn the_documentation_lists_every_name() {
    let page = include_str!("../../../docs/names.md");
    let code =
        |names: &[&str], more: &str| names.iter().map(|name| format!("`{name}{more}`")).collect::<Vec<_>>().join(" ");
    for ending in CREDENTIAL_SUFFIXES {
        assert!(page.contains(&format!("`{ending}`")), "docs/names.md lacks {ending}");
    }
    for NameGroup { controls, prefixes, names, .. } in GROUPS {
        let row = format!("| {controls} | {} | {} |", code(prefixes, "*"), code(names, ""));
        assert!(page.contains(&row.replace("  ", " ")), "docs/names.md lacks this row:\n{row}");
    }
}

#[test]
fn the_names_option_allows_matches_and_selects_nothing_else() {
    let names = |patterns: &[&str]| {
        AllowedNames::parse(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
            .expect("patterns")
    };
    let (any, some) = (names(&[]), names(&["DB_*", "LD_PRELOAD"]));
    assert!(any.selects("DB_X") && any.selects("X") && any.check("LD_PRELOAD", "LD_PRELOAD", FROM).is_err());
    assert!(some.selects("DB_X") && !some.selects("X"));
    assert!(some.check("LD_PRELOAD", "LD_PRELOAD", FROM).is_ok());
    assert!(some.check("LD_AUDIT", "LD_AUDIT", NameOrigin::Typed).is_err());
}
