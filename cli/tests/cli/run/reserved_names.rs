//! Names that make programs run code, read other files or ask other servers. Whoever may write one secret would control what is
//! started with it.

use std::{fs, path::Path};

use predicates::{prelude::*, str::contains};

use super::{environ, run};
use crate::{example, s1crets};

/// Programs do what these say: the dynamic loader, the C library, shells (zsh computes with REPORTTIME, bash expands MAILPATH),
/// an editor, interpreters, package managers, a compiler, SDKs.
const CONTROLLING: &str = "LD_PRELOAD GLIBC_TUNABLES REPORTTIME REPORTMEMORY MAILPATH VIMINIT PYTHONWARNINGS PIP_INDEX_URL CC \
                           AWS_ENDPOINT_URL VAULT_ADDR NODE_OPTIONS GIT_SSH_COMMAND HTTPS_PROXY KUBECONFIG TMPDIR";

const PREFIX: &str = "--prefix TEXT puts TEXT in front of all names";

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
fn a_secret_makes_no_name_that_controls_programs() {
    for name in CONTROLLING.split_whitespace() {
        let (_folder, file) = with_secret(&format!("\"{}\": \"x\"", name.to_lowercase().replace('_', "-")));
        let told = || {
            let refused = contains(format!("s1crets: {name} of file://app is refused: it controls "));
            refused
                .and(contains(PREFIX))
                .and(contains("--names PATTERN lists the names that --from makes, and allows this one"))
        };
        from(&file, &[]).assert().code(2).stdout("").stderr(told());
        for format in
            ["sh", "fish", "powershell", "dotenv", "systemd", "github-env", "gitlab-dotenv", "azure", "teamcity"]
        {
            export(&file, &["-f", format, "--from", "file://app"]).assert().code(2).stdout("").stderr(told());
        }
        // A key of a document means nothing.
        for format in ["json", "yaml", "k8s-secret"] {
            let mut export = export(&file, &["-f", format, "--name", "app", "--from", "file://app"]);
            export.assert().success().stdout(contains(format!("\"{name}\": ")));
        }
    }
}

#[test]
fn all_names_that_are_refused_are_told_and_there_are_ways_out() {
    let (_folder, file) =
        with_secret(r#""ld-preload": "/tmp/evil.so", "PATH": "/tmp", "token": "abcdef", "pager": "less""#);
    let both = contains("LD_PRELOAD of ").and(contains("PATH of ")).and(contains("PAGER of "));
    from(&file, &[]).assert().code(2).stdout("").stderr(both);
    // What is left out harms nobody.
    from(&file, &["--deny", "LD_*", "--deny", "PA*"]).assert().success().stdout("abcdef\n");
    from(&file, &["--allow", "TOKEN"]).assert().success().stdout("abcdef\n");
    from(&file, &["--prefix", "APP_", "--env", "TOKEN=file://app#token"]).assert().success().stdout("abcdef\n");
    // --names is the list of what is made: what it matches, and nothing else.
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
fn plain_names_of_applications_need_no_way_out() {
    let members = "database_url api_key db-password username host github-token port";
    let members: Vec<_> = members.split(' ').map(|name| format!("\"{name}\": \"value\"")).collect();
    let (_folder, file) = with_secret(&members.join(","));
    let mut command = run(&file);
    command.args(["--pure", "--deny", "PATH", "--deny", "HOME", "--from", "file://app"]);
    let names = ["API_KEY", "DATABASE_URL", "DB_PASSWORD", "GITHUB_TOKEN", "HOST", "PORT", "USERNAME"];
    assert_eq!(environ(&mut command), names.map(|name| format!("{name}=value")));
}

/// The name is the user's; the value is whoever's who may write the secret.
#[test]
fn a_typed_name_that_controls_programs_takes_no_value_from_a_provider() {
    let (folder, file) = with_secret(r#""key": "value""#);
    let [config, referring, literal] =
        ["s1crets.toml", "referring.env", "literal.env"].map(|name| folder.path().join(name));
    fs::write(&config, "[secrets]\nPIP_INDEX_URL = \"file://app#key\"\n").unwrap();
    fs::write(&referring, "PIP_INDEX_URL=file://app#key\n").unwrap();
    fs::write(&literal, "PIP_INDEX_URL=https://internal/\n").unwrap();
    let [config, referring, literal] = [&config, &referring, &literal].map(|path| path.to_str().unwrap());
    let told = "s1crets: PIP_INDEX_URL takes no value from a provider: it controls Python and its tools\n  \
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
        command(&[]).code(2).stdout("").stderr(told);
        command(&["--names", "PIP_*"]).success().stdout("value\n");
    }
    let mut command = run(&file);
    command.args(["--env-file", literal, "--", "printenv", "PIP_INDEX_URL"]);
    command.assert().success().stdout("https://internal/\n");
    export(&file, &["PIP_INDEX_URL=file://app#key"]).assert().code(2).stdout("").stderr(told);
    export(&file, &["--config", config]).assert().code(2).stdout("").stderr(told);
    let allowed = ["PIP_INDEX_URL=file://app#key", "--names", "PIP_INDEX_URL"];
    export(&file, &allowed).assert().success().stdout("export PIP_INDEX_URL='value'\n");
    // A login is the user's to name.
    let mut command = run(&file);
    command.args(["--env", "AWS_SECRET_ACCESS_KEY=file://app#key", "--", "printenv", "AWS_SECRET_ACCESS_KEY"]);
    command.assert().success().stdout("value\n");
}

#[test]
fn with_files_it_is_the_name_of_the_files_variable_that_counts() {
    let (_folder, file) = with_secret(r#""ssl-cert": "x""#);
    let mut command = run(&file);
    command.args(["--from", "file://app"]);
    assert!(environ(&mut command).contains(&"SSL_CERT=x".to_owned()));
    let files = |more: &[&str]| {
        let mut command = run(&file);
        command.args(["--files"]).args(more).args(["--", "sh", "-c", "cat $SSL_CERT_FILE"]);
        command.assert()
    };
    files(&["--from", "file://app"]).code(2).stderr(contains("SSL_CERT_FILE of file://app is refused"));
    files(&["--env", "SSL_CERT=file://app#ssl-cert"]).code(2).stderr(contains("SSL_CERT_FILE takes no value"));
    for names in ["SSL_CERT", "SSL_CERT_FILE"] {
        files(&["--from", "file://app", "--names", names]).success().stdout("x");
    }
    let (_folder, file) = with_secret(r#""path": "x""#);
    let mut command = run(&file);
    command.args(["--files", "--from", "file://app", "--", "sh", "-c", "cat $PATH_FILE"]);
    command.assert().success().stdout("x");
}

/// Whoever may write one secret below the path must not stop what the job asked for by name.
#[test]
fn a_neighbour_that_is_not_wanted_stops_nothing() {
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
    // Without one they do.
    run(&file).args(["--from", "file://app/", "--", "true"]).assert().code(2);
}
