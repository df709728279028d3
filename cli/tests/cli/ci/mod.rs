//! Runs the jobs of examples/ci like their CI systems do, with programs that print all their
//! secrets. No value may be in the log, in any encoding.

mod log; // searches a log for values
mod runner; // imitates how GitHub's runner masks output

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    sync::Once,
};

use s1crets_testbed::{AwsSeed, Moto, OpenBao};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::json;
use tempfile::TempDir;

use self::{log::leaks, runner::Runner};
use crate::root;

/// A region for these tests alone, because the examples fix the names of secrets.
const REGION: &str = "eu-north-1";

const PASSWORD: &str = "pä55 wörd/\"with\" 'quotes' & %41\\n";
const TOKEN: &str = "tok_4f9c2b7e81d05a63";
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGVpbmcgbm8ga2V5IGF0IGFsbCBidXQg\ndGV4dCB0aGF0IGxvb2tzIGxpa2Ugb25lLCBub3cK\n-----END EC PRIVATE KEY-----\n";

/// A checkout with the examples, and programs that print their environment in many encodings.
struct Job {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Job {
    fn on(system: &str) -> Self {
        plant();
        let folder = tempfile::tempdir().unwrap();
        let examples = folder.path().join("examples/ci");
        fs::create_dir_all(&examples).unwrap();
        for entry in fs::read_dir(root().join("examples/ci")).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, examples.join(from.file_name().unwrap())).unwrap();
        }
        for program in ["migrate", "deploy", "sign"] {
            let path = folder.path().join(program);
            fs::write(&path, format!("#!{}\n{LOUD}", python())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let bin = assert_cmd::cargo::cargo_bin("s1crets");
        let bao = OpenBao::shared();
        let variables = [
            ("PATH", format!("{}:/usr/bin:/bin", bin.parent().unwrap().display())),
            ("HOME", "/nonexistent".to_owned()),
            ("CI", "true".to_owned()),
            (system, "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", Moto::shared().endpoint().to_owned()),
            ("VAULT_ADDR", bao.plain_address().to_owned()),
            ("VAULT_TOKEN", bao.root_token().to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { folder, variables }
    }

    /// Runs a shell, and returns what it wrote to both streams, in order.
    fn shell(&self, arguments: &[&str]) -> String {
        let (mut from, to) = std::io::pipe().unwrap();
        let mut shell = Command::new(arguments[0]);
        shell.args(&arguments[1..]).env_clear().envs(&self.variables).current_dir(self.folder.path());
        shell.stdin(Stdio::null()).stdout(to.try_clone().unwrap()).stderr(to);
        let mut child = shell.spawn().unwrap();
        drop(shell);
        let mut log = Vec::new();
        std::io::Read::read_to_end(&mut from, &mut log).unwrap();
        let (status, log) = (child.wait().unwrap(), String::from_utf8_lossy(&log).into_owned());
        assert!(status.success(), "{arguments:?}: {status}\n{log}");
        log
    }
}

/// Stands for the programs of the examples: it prints everything it gets.
const LOUD: &str = r#"
import base64, html, json, os, shlex, sys, urllib.parse

print("loud:", " ".join(sys.argv))
usual = {"PATH", "HOME", "CI", "PWD", "LC_CTYPE", "SHLVL", "_"}
for name, value in sorted(os.environ.items()):
    if name in usual or name.startswith(("AWS_", "VAULT_", "GITHUB_", "GITLAB_", "JENKINS_", "BUILD_")):
        continue
    if name.endswith("_FILE"):
        value = open(value).read()
    raw = value.encode()
    print(name, "=", value, flush=True)
    print(repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False), shlex.quote(value), file=sys.stderr, flush=True)
    print(raw.hex(), raw.hex().upper(), html.escape(value), urllib.parse.quote(value), urllib.parse.quote_plus(value))
    for before in (b"", b"x", b"xy"):
        print(base64.b64encode(before + raw + b"tail").decode(), base64.urlsafe_b64encode(before + raw).decode(), flush=True)
"#;

fn plant() {
    static PLANTED: Once = Once::new();
    PLANTED.call_once(|| {
        let seed = AwsSeed::new(Moto::shared().endpoint(), REGION);
        seed.create_secret("prod/db", &json!({ "user": "app", "password": PASSWORD }).to_string());
        seed.put_parameter("/prod/app/api-token", TOKEN, "SecureString");
        OpenBao::shared().must("POST", "secret/data/app/signing", &json!({ "data": { "key": KEY } }));
    });
}

/// Asserts that the programs ran this often, and that the log contains no value.
#[track_caller]
fn assert_clean(log: &str, runs: usize) {
    assert_eq!(log.matches("loud:").count(), runs, "{log}");
    for value in [PASSWORD, TOKEN, KEY] {
        if let Some(leak) = leaks(log, value) {
            panic!("{leak:?} of {value:?} is in the log:\n{log}");
        }
    }
}

#[test]
fn the_github_actions_example_leaks_nothing() {
    let mut job = Job::on("GITHUB_ACTIONS");
    let text = fs::read_to_string(root().join("examples/ci/github-actions.yml")).unwrap();
    let yaml = Yaml::load_from_str(&text).unwrap();
    let steps = yaml[0]["jobs"]["deploy"]["steps"].as_sequence().unwrap();
    let scripts: Vec<_> = steps.iter().filter_map(|step| step.as_mapping_get("run")?.as_str()).collect();
    assert_eq!(scripts.len(), 4);
    let mut runner = Runner::default();
    let file = job.folder.path().join("github-env");
    for script in scripts {
        fs::write(&file, "").unwrap();
        job.variables.insert("GITHUB_ENV".into(), file.to_str().unwrap().into());
        runner.process(&job.shell(&["bash", "-e", "-o", "pipefail", "-c", script]));
        job.variables.extend(runner::variables(&fs::read_to_string(&file).unwrap()));
    }
    assert_eq!(job.variables["API_TOKEN"], TOKEN);
    assert_clean(runner.log(), 3);
}

#[test]
fn the_gitlab_ci_example_leaks_nothing() {
    let job = Job::on("GITLAB_CI");
    let text = fs::read_to_string(root().join("examples/ci/gitlab-ci.yml")).unwrap();
    let yaml = Yaml::load_from_str(&text).unwrap();
    let lines: Vec<_> = yaml[0]["deploy"]["script"].as_sequence().unwrap().iter().filter_map(Yaml::as_str).collect();
    assert_clean(&job.shell(&["bash", "-e", "-o", "pipefail", "-c", &lines.join("\n")]), 3);
}

#[test]
fn the_jenkins_example_leaks_nothing() {
    let job = Job::on("JENKINS_URL");
    let text = fs::read_to_string(root().join("examples/ci/Jenkinsfile")).unwrap();
    let scripts: Vec<_> = text.split("sh '''").skip(1).map(|rest| rest.split("'''").next().unwrap()).collect();
    assert_eq!(scripts.len(), 2);
    let log: String = scripts.iter().map(|script| job.shell(&["sh", "-xe", "-c", script])).collect();
    assert_clean(&log, 3);
}

#[test]
fn the_plain_script_example_leaks_nothing() {
    let log = Job::on("PLAIN").shell(&["examples/ci/deploy.sh"]);
    assert_clean(&log, 2);
    assert!(log.contains("deployed with ***"), "{log}");
}

/// The config that the jobs name is valid, and logs in with the token that the GitLab job declares.
#[test]
fn the_config_of_the_examples_is_valid() {
    let file = root().join("examples/ci/s1crets.toml");
    crate::s1crets().args(["config", "check", "--config"]).arg(&file).assert().success();
    let job = fs::read_to_string(root().join("examples/ci/gitlab-ci.yml")).unwrap();
    let yaml = &Yaml::load_from_str(&job).unwrap()[0]["deploy"];
    assert_eq!(yaml["variables"]["S1CRETS_CONFIG"].as_str(), Some("examples/ci/s1crets.toml"));
    assert!(yaml["id_tokens"].as_mapping_get("VAULT_ID_TOKEN").is_some());
    assert!(fs::read_to_string(&file).unwrap().contains("env = \"VAULT_ID_TOKEN\""));
}

/// Anyone who can move a tag of an action could run code in every job that copied the example.
#[test]
fn every_action_in_examples_and_docs_is_pinned_to_a_commit() {
    let mut actions = 0;
    for folder in ["examples/ci", "docs"] {
        for entry in fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let text = fs::read_to_string(&entry).unwrap_or_default();
            let steps = text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "));
            for step in steps {
                let (action, tag) = step.split_once(" # ").unwrap_or_else(|| panic!("{entry:?}: {step} names no tag"));
                let (_, commit) = action.split_once('@').unwrap();
                assert!(
                    commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit()),
                    "{entry:?}: {step}"
                );
                assert!(tag.starts_with('v'), "{entry:?}: {step}");
                actions += 1;
            }
        }
    }
    assert!(actions >= 2, "{actions}");
}

/// Without s1crets the search finds values, so it would find a leak.
#[test]
fn without_s1crets_the_search_finds_values() {
    let mut job = Job::on("PLAIN");
    for value in [PASSWORD, TOKEN, KEY] {
        job.variables.insert("VALUE".into(), value.into());
        let log = job.shell(&["./deploy"]);
        assert!(log::encodings(value).iter().filter(|encoding| log.contains(encoding.as_str())).count() > 5, "{log}");
    }
}

/// Every line of code in docs/ci.md is in the example that its block names, so these tests run it.
#[test]
fn the_documentation_shows_only_tested_code() {
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let blocks: Vec<_> = page.split("\n```").skip(1).step_by(2).collect();
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        let mut lines = block.lines().skip(1);
        let example = lines.next().unwrap().trim_start_matches(['#', '/', ' ']);
        let text = fs::read_to_string(root().join(example)).unwrap();
        let known: Vec<_> = text.lines().map(str::trim).collect();
        for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
            assert!(known.contains(&line), "{line} is not in {example}");
        }
    }
}

fn python() -> String {
    let paths = ["/usr/bin/python3", "/usr/local/bin/python3"];
    let found = paths.into_iter().find(|path| Path::new(path).exists()).map(str::to_owned);
    found.unwrap_or_else(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    })
}
