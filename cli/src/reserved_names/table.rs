//! The table of reserved variable names, grouped by what they control.
//!
//! # How names are listed
//!
//! - By prefix, if all names that begin with it belong to one program: its next release may add
//!   one.
//! - One by one, if names of applications begin the same way (`GOOGLE_…`, `PS…`).
//! - Not at all, if programs only display the value: `USER`, `USERNAME`, `LOGNAME`, `HOST`,
//!   `HOSTNAME` and `VENDOR`. Secrets often have keys of these names.
//!
//! # Invariants
//!
//! - All names and prefixes are in upper case, sorted, and listed once: no name of a group has a
//!   prefix of the same group.
//! - docs/names.md has the same table, and a test compares the two.
//!
//! A look-up scans the table: about 700 entries, once for each variable to set.
//!
//! # Sources
//!
//! - sudo: all of
//!   [`initial_badenv_table`](https://github.com/sudo-project/sudo/blob/main/plugins/sudoers/env.c).
//! - glibc: all of
//!   [`unsecvars.h`](https://github.com/bminor/glibc/blob/master/sysdeps/generic/unsecvars.h).
//! - Shells: every special variable in upper case. They come from the manuals of
//!   [bash](https://www.gnu.org/software/bash/manual/html_node/Shell-Variables.html),
//!   [zsh](https://zsh.sourceforge.io/Doc/Release/Parameters.html) and
//!   [fish](https://fishshell.com/docs/current/language.html#special-variables), and from the
//!   tables of [ksh](https://github.com/ksh93/ksh/blob/dev/src/cmd/ksh93/data/variables.c) and
//!   [mksh](https://github.com/MirBSD/mksh/blob/master/var_spec.h).
//! - Other groups: the manuals of the programs that the group names.

/// Names that control the same thing.
pub(super) struct NameGroup {
    /// What these names control. Errors print it after "it controls".
    pub(super) controls: &'static str,
    /// Every name with one of these prefixes belongs to the group.
    pub(super) prefixes: &'static [&'static str],
    pub(super) names: &'static [&'static str],
    pub(super) credentials: CredentialPolicy,
}

/// Whether a name of the group that ends in a [credential suffix](CREDENTIAL_SUFFIXES) may be set
/// from a secret. A credential decides which identity a program uses, not which code it runs.
pub(super) enum CredentialPolicy {
    /// Refuse it: no name of the group is a credential.
    Refuse,
    /// Allow it if the user wrote the name, but not from `--from`. Otherwise a secret could choose
    /// the identity with which the command reads its own secrets.
    AllowTyped,
    /// Allow it: secrets with such keys are common, such as `GITHUB_TOKEN`.
    Allow,
}

/// The suffixes of credential names.
pub(super) const CREDENTIAL_SUFFIXES: [&str; 12] = [
    "_ACCESS_KEY",
    "_ACCESS_KEY_ID",
    "_API_KEY",
    "_APP_ID",
    "_CLIENT_ID",
    "_PASSWORD",
    "_PRIVATE_KEY",
    "_ROLE_ID",
    "_SECRET",
    "_SECRET_ID",
    "_TOKEN",
    "_USERNAME",
];

use CredentialPolicy::{Allow, AllowTyped, Refuse};

#[rustfmt::skip]
pub(super) const GROUPS: &[NameGroup] = &[
    NameGroup {
        controls: "the dynamic loader",
        prefixes: &["DYLD_", "LDR_", "LD_", "_RLD"],
        names: &["BEGINLIBPATH", "ENDLIBPATH", "LIBPATH", "LIBPATHSTRICT", "SHLIB_PATH"],
        credentials: Refuse,
    },
    NameGroup {
        controls: "the C library: its files, name resolution, memory, locale and time zone",
        prefixes: &["GLIBC_", "LC_", "MALLOC_", "RESOLV_"],
        names: &[
            "ASAN_OPTIONS", "GCONV_PATH", "GETCONF_DIR", "GMON_OUT_PREFIX", "HOSTALIASES", "LANG", "LANGUAGE",
            "LINGUAS", "LOCALDOMAIN", "LOCPATH", "LSAN_OPTIONS", "MSAN_OPTIONS", "MUSL_LOCPATH", "NIS_PATH",
            "NLSPATH", "PATH_LOCALE", "RES_OPTIONS", "TEMP", "TEXTDOMAIN", "TEXTDOMAINDIR", "TMP", "TMPDIR",
            "TSAN_OPTIONS", "TZ", "TZDIR", "UBSAN_OPTIONS", "_RJEM_MALLOC_CONF",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "login libraries",
        prefixes: &["KRB5", "LDAPTLS_"],
        names: &[
            "AUTHSTATE", "DLC_ACE", "LDAPCONF", "LDAPRC", "SASL_CONF_PATH", "SASL_PATH", "USR_ACE", "VAR_ACE",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "shells",
        prefixes: &[
            "BASH_", "FISH_", "KSH", "READLINE_", "ZCURSES_", "ZFTP_", "ZLE_", "ZLS_", "ZSH_", "__BASH_FUNC",
        ],
        names: &[
            "ARGC", "ARGV0", "BASH", "BASHOPTS", "BASHPID", "BAUD", "CDPATH", "CHILD_MAX", "CMD_DURATION", "COLUMNS",
            "COMPREPLY", "COMP_CWORD", "COMP_KEY", "COMP_LINE", "COMP_POINT", "COMP_TYPE", "COMP_WORDBREAKS",
            "COMP_WORDS", "COPROC", "CORRECT_IGNORE", "CORRECT_IGNORE_FILE", "CPUTYPE", "DIRSTACK", "DIRSTACKSIZE",
            "EGID", "EMACS", "ENV", "EPOCHREALTIME", "EPOCHSECONDS", "ERRNO", "EUID", "EXECIGNORE", "EXECSHELL",
            "FCEDIT", "FIGNORE", "FPATH", "FUNCNAME", "FUNCNEST", "GID", "GLOBIGNORE", "GLOBSORT", "GROUPS",
            "HISTCHARS", "HISTCMD", "HISTCONTROL", "HISTEDIT", "HISTFILE", "HISTFILESIZE", "HISTIGNORE",
            "HISTORY_IGNORE", "HISTSIZE", "HISTTIMEFORMAT", "HOSTFILE", "HOSTTYPE", "IFS", "IGNOREEOF", "INPUTRC",
            "INSIDE_EMACS", "JOBMAX", "KEYBOARD_HACK", "KEYTIMEOUT", "LINENO", "LINES", "LISTMAX", "LOGCHECK",
            "MACHTYPE", "MAIL", "MAILCHECK", "MAILPATH", "MANPATH", "MAPFILE", "MATCH", "MBEGIN", "MEND",
            "MENUSELECT", "MODULE_PATH", "NULLCMD", "OLDPWD", "OPTARG", "OPTERR", "OPTIND", "OSTYPE", "PGRP",
            "PIPESTATUS", "POSIXLY_CORRECT", "POSTEDIT", "PPID", "PROMPT", "PROMPT2", "PROMPT3", "PROMPT4",
            "PROMPT_COMMAND", "PROMPT_DIRTRIM", "PROMPT_EOL_MARK", "PS0", "PS1", "PS2", "PS3", "PS4", "PSVAR", "PWD",
            "RANDOM", "READNULLCMD", "REPLY", "REPORTMEMORY", "REPORTTIME", "RPROMPT", "RPROMPT2", "RPS1", "RPS2",
            "SAVEHIST", "SECONDS", "SHELL", "SHELLOPTS", "SHELL_PROMPT_PREFIX", "SHELL_PROMPT_SUFFIX",
            "SHELL_WELCOME", "SHLVL", "SPROMPT", "SRANDOM", "STTY", "TIMEFMT", "TIMEFORMAT", "TMOUT", "TMPPREFIX",
            "TMPSUFFIX", "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "TTY", "TTYIDLE", "UID", "WATCH", "WATCHFMT",
            "WORDCHARS", "ZBEEP", "ZDOTDIR", "_",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "where programs find commands, files and services",
        prefixes: &["DBUS_", "SUDO_", "SYSTEMD_", "XDG_", "_OLD_VIRTUAL_"],
        names: &[
            "ALLUSERSPROFILE", "APPDATA", "COMSPEC", "CREDENTIALS_DIRECTORY", "GNUPGHOME", "GPG_AGENT_INFO", "HOME",
            "HOMEDRIVE", "HOMEPATH", "INFOPATH", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID",
            "LOCALAPPDATA", "LOCATE_PATH", "MAGIC", "MAINPID", "NETRC", "NOTIFY_SOCKET", "PATH", "PATHEXT",
            "PINENTRY_USER_DATA", "PROGRAMDATA", "PROGRAMFILES", "SSH_AGENT_PID", "SSH_ASKPASS",
            "SSH_ASKPASS_REQUIRE", "SSH_AUTH_SOCK", "SSH_PKCS11_HELPER", "SSH_SK_HELPER", "SSH_SK_PROVIDER",
            "SYSTEMROOT", "USERPROFILE", "WINDIR",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "editors, pagers, terminals and command-line tools",
        prefixes: &[
            "BAT_", "EMACS", "FZF_", "GROFF_", "LESSKEY", "LESS_", "NVIM_", "PARALLEL_", "PASSWORD_STORE_",
            "TERMINFO",
        ],
        names: &[
            "ACKRC", "ACK_PAGER", "ALTERNATE_EDITOR", "AWKLIBPATH", "AWKPATH", "BC_ENV_ARGS", "BROWSER", "BZIP",
            "BZIP2", "COLORTERM", "DC_ENV_ARGS", "DEBUGINFOD_URLS", "DELTA_FEATURES", "DELTA_PAGER", "EDITOR",
            "EXINIT", "GDBHISTFILE", "GREP_OPTIONS", "GVBINDIR", "GVIMINIT", "GZIP", "LESS", "LESSANSIENDCHARS",
            "LESSANSIMIDCHARS", "LESSBINFMT", "LESSCHARSET", "LESSCLOSE", "LESSECHO", "LESSEDIT", "LESSGLOBALTAGS",
            "LESSHISTFILE", "LESSMETACHARS", "LESSMETAESCAPE", "LESSOPEN", "LESSSECURE", "LESSSEPARATOR",
            "LESSUTFBINFMT", "LESSUTFCHARDEF", "LS_OPTIONS", "LYNX_CFG", "MAILCAPS", "MAILER", "MAILRC", "MANLESS",
            "MANOPT", "MANPAGER", "MANROFFOPT", "MANROFFSEQ", "MODPROBE_OPTIONS", "MORE", "MOST_SWITCHES", "MYVIMRC",
            "NEXINIT", "PAGER", "PARALLEL", "PERF_EXEC_PATH", "RIPGREP_CONFIG_PATH", "RSH", "SCREENRC",
            "STARSHIP_CONFIG", "TAPE", "TAR_OPTIONS", "TC_LIB_DIR", "TERM", "TERMCAP", "TERMPATH", "UNZIP",
            "UNZIPOPT", "VIM", "VIMINIT", "VIMRUNTIME", "VISUAL", "XTABLES_LIBDIR", "XZ_DEFAULTS", "XZ_OPT",
            "ZIPINFO", "ZIPINFOOPT", "ZIPOPT",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "the desktop and graphics libraries",
        prefixes: &[
            "CUDA_", "EGL_", "FONTCONFIG_", "GDK_", "GIO_", "GSETTINGS_", "GST_", "GTK_", "LIBGL_", "MAGICK_",
            "MESA_", "OCL_", "QML_", "QTWEBENGINE", "QT_", "VK_ADD_", "VK_DRIVER_", "VK_ICD_", "VK_IMPLICIT_",
            "VK_INSTANCE_", "VK_LAYER_", "VK_LOADER_", "WAYLAND_",
        ],
        names: &[
            "ALSA_CONFIG_PATH", "CHROME_DEVEL_SANDBOX", "DISPLAY", "GS_DEVICE", "GS_LIB", "GS_OPTIONS",
            "ICEAUTHORITY", "LIBVA_DRIVERS_PATH", "PULSE_CLIENTCONFIG", "PULSE_CONFIG_PATH", "PULSE_SERVER",
            "SDL_DYNAMIC_API", "SESSION_MANAGER", "VDPAU_DRIVER_PATH", "XAPPLRESDIR", "XAUTHORITY", "XENVIRONMENT",
            "XFILESEARCHPATH", "XKEYSYMDB", "XLOCALEDIR", "XMODIFIERS",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "TLS: which servers are trusted, and where keys are logged",
        prefixes: &["CURL_", "GNUTLS_", "NSS_", "OPENSSL_", "P11_KIT_", "SSL_CERT_"],
        names: &[
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "GRPC_XDS_BOOTSTRAP", "GRPC_XDS_BOOTSTRAP_CONFIG",
            "HTTPLIB2_CA_CERTS", "HTTPS_CA_FILE", "OPENSC_CONF", "OPENSSL", "PKCS11_MODULE_PATH",
            "REQUESTS_CA_BUNDLE", "SOFTHSM2_CONF", "SSLKEYLOGFILE", "SYSTEM_WGETRC", "WGETRC",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "proxies: where requests go",
        prefixes: &["PROXYCHAINS_"],
        names: &[
            "ALL_PROXY", "AUTO_PROXY", "CGI_HTTP_PROXY", "FTPS_PROXY", "FTP_PROXY", "GOPHER_PROXY", "GRPC_PROXY",
            "GRPC_PROXY_EXP", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "RSYNC_CONNECT_PROG", "RSYNC_PROXY",
            "RSYNC_RSH", "SOCKS4_PROXY", "SOCKS5_PROXY", "SOCKS5_SERVER", "SOCKS_PROXY", "SOCKS_SERVER",
            "TSOCKS_CONF_FILE", "WSS_PROXY", "WS_PROXY",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "compilers, build tools and package managers of the system",
        prefixes: &[
            "BAZEL", "CCACHE_", "CLANG_", "CMAKE_", "CONAN_", "CTEST_", "DEBCONF_", "DEBIAN_", "DEB_", "DISTCC_",
            "DPKG_", "FAKEROOT", "GCC_", "HOMEBREW_", "LLVM_", "NINJA_", "NIX_", "PKG_CONFIG", "SCCACHE_",
            "VALGRIND_", "VCPKG_", "XCODE_",
        ],
        names: &[
            "ACLOCAL", "ACLOCAL_PATH", "APT_CONFIG", "AR", "ARFLAGS", "AS", "ASFLAGS", "AUTOCONF", "AUTOHEADER",
            "AUTOM4TE", "AUTOMAKE", "AUTOPOINT", "BISON_PKGDATADIR", "CC", "CFLAGS", "CMAKE", "CO", "COFLAGS",
            "COMPILER_PATH", "CONFIG_SHELL", "CONFIG_SITE", "CPATH", "CPLUS_INCLUDE_PATH", "CPP", "CPPFLAGS",
            "CTANGLE", "CWEAVE", "CXX", "CXXFLAGS", "C_INCLUDE_PATH", "DEJAGNU", "DEPENDENCIES_OUTPUT",
            "DEVELOPER_DIR", "F77", "F90", "FC", "FCFLAGS", "FFLAGS", "GET", "GFLAGS", "GNUMAKEFLAGS", "GTKDOCIZE",
            "HOSTCC", "HOSTCXX", "HOST_AR", "HOST_CC", "HOST_CFLAGS", "HOST_CXX", "HOST_CXXFLAGS", "INCLUDE",
            "INSTALL", "INTLTOOLIZE", "LD", "LDFLAGS", "LDLIBS", "LEX", "LFLAGS", "LIB", "LIBCLANG_PATH",
            "LIBRARY_PATH", "LIBTOOL", "LIBTOOLIZE", "LINT", "LINTFLAGS", "LOADLIBES", "M2C", "M2FLAGS", "M4",
            "M4PATH", "MAKE", "MAKEFILES", "MAKEFLAGS", "MAKEINFO", "MAKELEVEL", "MAKEOVERRIDES", "MAKESHELL",
            "MFLAGS", "MODFLAGS", "NINJA", "NM", "NVCC", "NVCC_APPEND_FLAGS", "NVCC_PREPEND_FLAGS", "OBJC",
            "OBJCFLAGS", "OBJCOPY", "OBJC_INCLUDE_PATH", "OBJDUMP", "OMP_TOOL_LIBRARIES", "OUTPUT_OPTION", "PC",
            "PFLAGS", "PROTOC", "RANLIB", "RFLAGS", "RM", "RPM_CONFIGDIR", "SCONSFLAGS", "SDKROOT", "STRIP",
            "SUNPRO_DEPENDENCIES", "SYSROOT", "TANGLE", "TARGET_AR", "TARGET_ARCH", "TARGET_CC", "TARGET_CFLAGS",
            "TARGET_CXX", "TARGET_MACH", "TEX", "TEXI2DVI", "TEXI2DVI_FLAGS", "TEXINPUTS", "TEXMFCNF", "TEXMFHOME",
            "VPATH", "WEAVE", "YACC", "YFLAGS",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: "Python and its tools",
        prefixes: &[
            "CONDA_", "COVERAGE_", "HATCH_", "JUPYTER_", "MAMBA_", "PDM_", "PIPENV_", "PIPX_", "PIP_", "POETRY_",
            "PYENV_", "PYTEST_", "PYTHON", "TOX_", "TWINE_", "UVICORN_", "UV_", "VIRTUALENV_", "_PYTHON",
        ],
        names: &[
            "DJANGO_SETTINGS_MODULE", "FLASK_APP", "FLASK_DEBUG", "GUNICORN_CMD_ARGS", "IPYTHONDIR", "MYPYPATH",
            "PYLINTRC", "ROBOT_OPTIONS", "VIRTUAL_ENV",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: "Node.js, npm and other JavaScript tools",
        prefixes: &[
            "BUN_", "COREPACK_", "DENO_", "ELECTRON_", "NODE_", "NPM_CONFIG_", "NVM_", "PLAYWRIGHT_", "PNPM_",
            "PUPPETEER_", "TS_NODE_", "VOLTA_", "YARN_",
        ],
        names: &["ESBUILD_BINARY_PATH", "PREFIX", "SASS_PATH"],
        credentials: Allow,
    },
    NameGroup {
        controls: "Git and other version control",
        prefixes: &["BZR_", "GCM_", "GH_", "GIT_", "GLAB_", "JJ_", "SVN_"],
        names: &[
            "CVSEDITOR", "CVSROOT", "CVS_RSH", "CVS_SERVER", "GITPERLLIB", "HG", "HGEDITOR", "HGMERGE", "HGPLAIN",
            "HGRCPATH",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: "Rust's tools",
        prefixes: &["CARGO_", "CLIPPY_", "RUSTC", "RUSTDOC", "RUSTUP_"],
        names: &["CARGO", "PYO3_PYTHON", "RUSTFLAGS", "RUSTFMT", "RUST_GDB", "RUST_LLDB"],
        credentials: Allow,
    },
    NameGroup {
        controls: "Go's tools",
        prefixes: &["CGO_"],
        names: &[
            "GCCGO", "GCCGOTOOLDIR", "GO111MODULE", "GOARCH", "GOAUTH", "GOBIN", "GOCACHE", "GOCACHEPROG",
            "GOCOVERDIR", "GODEBUG", "GOENV", "GOEXE", "GOEXPERIMENT", "GOFLAGS", "GOGCCFLAGS", "GOINSECURE",
            "GOMOD", "GOMODCACHE", "GONOPROXY", "GONOSUMCHECK", "GONOSUMDB", "GOOS", "GOPATH", "GOPRIVATE",
            "GOPROXY", "GOROOT", "GOSUMDB", "GOTELEMETRYDIR", "GOTMPDIR", "GOTOOLCHAIN", "GOTOOLDIR", "GOTRACEBACK",
            "GOVCS", "GOWORK", "GO_EXTLINK_ENABLED",
        ],
        credentials: Refuse,
    },
    NameGroup {
        controls: "Java and its build tools",
        prefixes: &[
            "ANT_", "CATALINA_", "GRADLE_", "GROOVY_", "HADOOP_", "JAVA_", "JDK_", "JRE_", "JVM_", "KOTLIN_", "M2_",
            "MAVEN_", "MVN_", "SBT_", "SCALA_", "SPARK_", "SPRING_CONFIG_", "_JAVA",
        ],
        names: &[
            "BOOT_JVM_OPTIONS", "CLASSPATH", "ES_JAVA_OPTS", "IBM_JAVA_OPTIONS", "JENKINS_JAVA_OPTS", "KAFKA_OPTS",
            "LEIN_JVM_OPTS", "LOADER_PATH", "OPENJ9_JAVA_OPTIONS", "SPRING_APPLICATION_JSON",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: ".NET and PowerShell",
        prefixes: &[
            "COMPLUS_", "CORECLR_", "COR_ENABLE_", "COR_PROFILER", "DOTNET_", "MSBUILD", "NUGET_", "POWERSHELL_",
            "PSMODULE",
        ],
        names: &["ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "PSEXECUTIONPOLICYPREFERENCE", "__PSLOCKDOWNPOLICY"],
        credentials: Allow,
    },
    NameGroup {
        controls: "Ruby and its tools",
        prefixes: &["BUNDLER_", "BUNDLE_", "GEM_", "JRUBY_", "RBENV_", "RUBY"],
        names: &["GEMRC", "IRBRC", "RAKEOPT"],
        credentials: Allow,
    },
    NameGroup {
        controls: "Perl, PHP, Lua and other interpreters",
        prefixes: &[
            "CAML_", "COMPOSER_", "CRYSTAL_", "ELIXIR_", "ERL_", "GHC_", "GUILE_", "HARNESS_", "HEX_", "JULIA_",
            "JYTHON", "LUA_", "MIX_", "MONO_", "OCAML", "PERL", "PHP", "R_LIBS", "SBCL_", "ZIG_",
        ],
        names: &[
            "COMPOSER", "GHCRTS", "LUAROCKS_CONFIG", "OPAMFETCH", "PRYRC", "PUB_CACHE", "PUB_HOSTED_URL", "R_ENVIRON",
            "R_ENVIRON_USER", "R_HOME", "R_PROFILE", "R_PROFILE_USER", "SPEC_OPTS", "TCLLIBPATH", "TCL_LIBRARY",
            "TK_LIBRARY",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: "the AWS SDKs and CLI: which server they connect to, with which credentials",
        prefixes: &["AWS_", "BOTO_", "CDK_", "SAM_CLI_"],
        names: &["SECRET_ACCESS_KEY"],
        credentials: AllowTyped,
    },
    NameGroup {
        controls: "Vault and OpenBao: which server they connect to, with which credentials",
        prefixes: &["BAO_", "CONSUL_", "NOMAD_", "OPENBAO_", "VAULT_"],
        names: &[],
        credentials: AllowTyped,
    },
    NameGroup {
        controls: "s1crets itself",
        prefixes: &["S1CRETS_"],
        names: &[],
        credentials: Refuse,
    },
    NameGroup {
        controls: "tools of other clouds, infrastructure and backups",
        prefixes: &[
            "ANSIBLE_", "CLOUDSDK_", "PACKER_", "PULUMI_", "RCLONE_", "TERRAGRUNT_", "TF_CLI_", "TF_PLUGIN_",
            "VAGRANT_",
        ],
        names: &[
            "AZURE_AUTHORITY_HOST", "AZURE_CONFIG_DIR", "AZURE_EXTENSION_DIR", "AZURE_FEDERATED_TOKEN_FILE",
            "BORG_PASSCOMMAND", "BORG_REMOTE_PATH", "BORG_RSH", "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "RESTIC_PASSWORD_COMMAND", "RESTIC_PASSWORD_FILE",
            "SOPS_AGE_KEY_CMD", "SOPS_EDITOR", "TERRAFORM_CONFIG", "TF_DATA_DIR", "TF_LOG", "TF_LOG_PATH",
            "TF_REATTACH_PROVIDERS",
        ],
        credentials: Allow,
    },
    NameGroup {
        controls: "containers and Kubernetes: which host, cluster and registry",
        prefixes: &[
            "ARGOCD_", "BUILDAH_", "BUILDKIT_", "BUILDX_", "CNI_", "COMPOSE_", "CONTAINERD_", "CONTAINERS_",
            "CONTAINER_", "DOCKER_", "HELM_", "K9S", "KREW_", "KUBE", "KUSTOMIZE_", "PODMAN_", "TESTCONTAINERS_",
        ],
        names: &["REGISTRY_AUTH_FILE"],
        credentials: Allow,
    },
    NameGroup {
        controls: "the CI system",
        prefixes: &[
            "ACTIONS_", "BUILDKITE_", "CIRCLE_", "CI_", "FORGEJO_", "GITEA_", "GITHUB_", "GITLAB_", "JENKINS_",
            "RUNNER_", "TEAMCITY_", "TRAVIS_",
        ],
        names: &["BUILDKITE", "CI", "CIRCLECI", "TF_BUILD", "TRAVIS"],
        credentials: Allow,
    },
    NameGroup {
        controls: "database clients: their files, plugins and TLS",
        prefixes: &["LIBMYSQL_", "PGSSL", "PSQL_"],
        names: &[
            "FREETDS", "FREETDSCONF", "MYSQL_HISTFILE", "MYSQL_HOME", "MYSQL_TEST_LOGIN_FILE", "ODBCINI", "ODBCINST",
            "ODBCINSTINI", "ODBCSYSINI", "ORACLE_HOME", "ORACLE_PATH", "PGCHANNELBINDING", "PGGSSLIB", "PGHOSTADDR",
            "PGOPTIONS", "PGPASSFILE", "PGREQUIREAUTH", "PGSERVICEFILE", "PGSYSCONFDIR", "PSQLRC", "REDISCLI_RCFILE",
            "SQLCMDINI", "SQLPATH", "TNS_ADMIN",
        ],
        credentials: Refuse,
    },
];
