//! Reserved names: those that make programs run code, read other files or talk to other servers.

use std::{fs, path::Path};

use predicates::{prelude::*, str::contains};

use super::{environ, run};
use crate::{example, s1crets};

/// One or two names for each kind of program: loader, C library, shells, an editor, interpreters,
/// package managers, a compiler, SDKs. zsh evaluates REPORTTIME, and bash expands MAILPATH.
const CONTROLLING: &str = "LD_PRELOAD GLIBC_TUNABLES REPORTTIME REPORTMEMORY MAILPATH VIMINIT PYTHONWARNINGS PIP_INDEX_URL CC \
                           AWS_ENDPOINT_URL VAULT_ADDR NODE_OPTIONS GIT_SSH_COMMAND HTTPS_PROXY KUBECONFIG TMPDIR";

const PREFIX: &str = "--prefix TEXT puts TEXT before every name";

fn with_secret(members: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, file) = example();
    fs::write(&file, format!("{{\"secrets\": {{\"app\": {{{members}}}}}}}")).unwrap();
    (folder, file)
}

fn from(file: &Path, more: &[&str]) -> assert_cmd::Command {
    let mut command = run(file);
    command.args(["--from", "file://app"]).args(more).args(["--", "printenv", "TOKEN"]);
    command
}

fn export(file: &Path, arguments: &[&str]) -> assert_cmd::Command {
    let mut export = s1crets();
    export.env("S1CRETS_FILE", file).arg("export").args(arguments);
    export
}

#[test]
fn from_refuses_names_that_control_programs() {
    for name in CONTROLLING.split_whitespace() {
        let (_folder, file) = with_secret(&format!("\"{}\": \"x\"", name.to_lowercase().replace('_', "-")));
        let message = || {
            let refused = contains(format!("s1crets: {name} can't be set from file://app: it controls "));
            refused
                .and(contains(PREFIX))
                .and(contains("--names PATTERN selects the names that --from sets, and allows reserved ones"))
        };
        from(&file, &[]).assert().code(2).stdout("").stderr(message());
        for format in
            ["sh", "fish", "powershell", "dotenv", "systemd", "github-env", "gitlab-dotenv", "azure", "teamcity"]
        {
            export(&file, &["-f", format, "--from", "file://app"]).assert().code(2).stdout("").stderr(message());
        }
        // In these formats a name is only a key of a document.
        for format in ["json", "yaml", "k8s-secret"] {
            let mut export = export(&file, &["-f", format, "--name", "app", "--from", "file://app"]);
            export.assert().success().stdout(contains(format!("\"{name}\": ")));
        }
    }
}

#[test]
fn all_refused_names_are_reported_and_options_avoid_or_allow_them() {
    let (_folder, file) =
        with_secret(r#""ld-preload": "/tmp/evil.so", "PATH": "/tmp", "token": "abcdef", "pager": "less""#);
    let both =
        contains("LD_PRELOAD can't be set").and(contains("PATH can't be set")).and(contains("PAGER can't be set"));
    from(&file, &[]).assert().code(2).stdout("").stderr(both);
    // A name that a filter leaves out is not an error.
    from(&file, &["--deny", "LD_*", "--deny", "PA*"]).assert().success().stdout("abcdef\n");
    from(&file, &["--allow", "TOKEN"]).assert().success().stdout("abcdef\n");
    from(&file, &["--prefix", "APP_", "--env", "TOKEN=file://app#token"]).assert().success().stdout("abcdef\n");
    // --names selects exactly the names that match.
    let mut command = run(&file);
    command.args([
        "--pure",
        "--from",
        "file://app",
        "--names",
        "PAGER",
        "--names",
        "T*",
        "--deny",
        "PATH",
        "--deny",
        "HOME",
    ]);
    assert_eq!(environ(&mut command), ["PAGER=less", "TOKEN=abcdef"]);
    let mut export = export(&file, &["-f", "dotenv", "--from", "file://app", "--names", "PAGER"]);
    export.assert().success().stdout("PAGER='less'\n");
}

#[test]
fn plain_application_names_need_no_option() {
    let members = "database_url api_key db-password username host github-token port";
    let members: Vec<_> = members.split(' ').map(|name| format!("\"{name}\": \"value\"")).collect();
    let (_folder, file) = with_secret(&members.join(","));
    let mut command = run(&file);
    command.args(["--pure", "--deny", "PATH", "--deny", "HOME", "--from", "file://app"]);
    let names = ["API_KEY", "DATABASE_URL", "DB_PASSWORD", "GITHUB_TOKEN", "HOST", "PORT", "USERNAME"];
    assert_eq!(environ(&mut command), names.map(|name| format!("{name}=value")));
}

/// The user chose the name, but the value is chosen by anyone who may write the secret.
#[test]
fn typed_names_that_control_programs_are_refused_too() {
    let (folder, file) = with_secret(r#""key": "value""#);
    let [config, referring, literal] =
        ["s1crets.toml", "referring.env", "literal.env"].map(|name| folder.path().join(name));
    fs::write(&config, "[secrets]\nPIP_INDEX_URL = \"file://app#key\"\n").unwrap();
    fs::write(&referring, "PIP_INDEX_URL=file://app#key\n").unwrap();
    fs::write(&literal, "PIP_INDEX_URL=https://internal/\n").unwrap();
    let [config, referring, literal] = [&config, &referring, &literal].map(|path| path.to_str().unwrap());
    let message = "s1crets: PIP_INDEX_URL can't be set from a secret: it controls Python and its tools\n  \
                hint: --names PIP_INDEX_URL allows it\n";
    for way in [
        ["--env", "PIP_INDEX_URL=file://app#key"],
        ["--config", config],
        ["--env-file", referring],
        ["--resolve", "PIP_*"],
    ] {
        let command = |more: &[&str]| {
            let mut command = run(&file);
            command.env("PIP_INDEX_URL", "file://app#key").args(way).args(more).args([
                "--",
                "printenv",
                "PIP_INDEX_URL",
            ]);
            command.assert()
        };
        command(&[]).code(2).stdout("").stderr(message);
        command(&["--names", "PIP_*"]).success().stdout("value\n");
    }
    let mut command = run(&file);
    command.args(["--env-file", literal, "--", "printenv", "PIP_INDEX_URL"]);
    command.assert().success().stdout("https://internal/\n");
    export(&file, &["PIP_INDEX_URL=file://app#key"]).assert().code(2).stdout("").stderr(message);
    export(&file, &["--config", config]).assert().code(2).stdout("").stderr(message);
    let allowed = ["PIP_INDEX_URL=file://app#key", "--names", "PIP_INDEX_URL"];
    export(&file, &allowed).assert().success().stdout("export PIP_INDEX_URL='value'\n");
    // The user may name credentials.
    let mut command = run(&file);
    command.args(["--env", "AWS_SECRET_ACCESS_KEY=file://app#key", "--", "printenv", "AWS_SECRET_ACCESS_KEY"]);
    command.assert().success().stdout("value\n");
}

#[test]
fn with_files_the_name_of_the_file_variable_counts() {
    let (_folder, file) = with_secret(r#""ssl-cert": "x""#);
    let mut command = run(&file);
    command.args(["--from", "file://app"]);
    assert!(environ(&mut command).contains(&"SSL_CERT=x".to_owned()));
    let files = |more: &[&str]| {
        let mut command = run(&file);
        command.args(["--files"]).args(more).args(["--", "sh", "-c", "cat $SSL_CERT_FILE"]);
        command.assert()
    };
    files(&["--from", "file://app"]).code(2).stderr(contains("SSL_CERT_FILE can't be set from file://app"));
    files(&["--env", "SSL_CERT=file://app#ssl-cert"])
        .code(2)
        .stderr(contains("SSL_CERT_FILE can't be set from a secret"));
    for names in ["SSL_CERT", "SSL_CERT_FILE"] {
        files(&["--from", "file://app", "--names", names]).success().stdout("x");
    }
    let (_folder, file) = with_secret(r#""path": "x""#);
    let mut command = run(&file);
    command.args(["--files", "--from", "file://app", "--", "sh", "-c", "cat $PATH_FILE"]);
    command.assert().success().stdout("x");
}

/// Anyone who may write a secret below the path must not be able to stop the job by an unusable
/// name.
#[test]
fn a_secret_that_is_filtered_out_cannot_fail_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let entry = r#"{"type": "simple", "value": "v"}"#;
    let names = ["db-pw", "1bad", "x-y", "x_y", "ld_preload"];
    let entries: Vec<_> = names.iter().map(|name| format!("\"app/{name}\": {entry}")).collect();
    let text = format!(r#"{{"secrets": {{{}}}, "vault": {{"url": "u", "token": "t"}}}}"#, entries.join(", "));
    fs::write(&file, text).unwrap();
    for filter in [&["--names", "DB_*"][..], &["--allow", "DB_PW"], &["--deny", "1*", "--deny", "X*", "--deny", "LD_*"]]
    {
        let mut command = run(&file);
        command.args(["--from", "file://app/"]).args(filter).args(["--", "sh", "-c", "test -n \"$DB_PW\""]);
        command.assert().success().stderr("");
    }
    // Without a filter they are errors.
    run(&file).args(["--from", "file://app/", "--", "true"]).assert().code(2);
}
