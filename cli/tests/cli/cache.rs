use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::PathBuf,
    process::{Child, Stdio},
    sync::Arc,
};

use assert_cmd::Command;
use predicates::prelude::*;
use s1crets::{
    CachePolicy, Cached, DiskCache, GetOptions, Provider, Source,
    providers::aws::{AwsConfig, Credentials, SecretsManager},
};
use tempfile::TempDir;

use s1crets_testbed::{AwsSeed, Fault, FaultProxy, Moto, unique};

use crate::s1crets;

const REGION: &str = "eu-west-1";

/// A home, and the folder of its disk cache.
fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".cache/s1crets");
    (home, folder)
}

fn at_home(home: &TempDir) -> Command {
    let mut command = s1crets();
    command.env("HOME", home.path());
    command
}

/// A folder with a file that is not an entry, a lock without a holder, and a key that must stay.
fn fill(folder: &PathBuf) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
    for name in ["r-1", "r-2", "l-1", "key"] {
        File::create(folder.join(name)).unwrap();
    }
}

#[test]
fn each_cache_command_has_help_with_an_example() {
    for command in [&["cache"][..], &["cache", "stats"], &["cache", "clear"], &["cache", "prune"], &["cache", "path"]] {
        s1crets().args(command).arg("--help").assert().success().stdout(predicate::str::contains("Example"));
    }
}

#[test]
fn path_prints_the_configured_folder() {
    let (home, folder) = home();
    let path = |command: &mut Command, told: &str| {
        command.args(["cache", "path"]).assert().success().stdout(format!("{told}\n")).stderr("");
    };
    path(&mut at_home(&home), folder.to_str().unwrap());
    path(at_home(&home).env("XDG_CACHE_HOME", "/x"), "/x/s1crets");
    path(at_home(&home).env("XDG_CACHE_HOME", "relative"), folder.to_str().unwrap());
    path(at_home(&home).env("S1CRETS_CACHE_PATH", "/y"), "/y");
    let config = home.path().join("config");
    fs::write(&config, "[cache]\npath = \"/z\"").unwrap();
    path(at_home(&home).arg("--config").arg(&config), "/z");
    let mut json = at_home(&home);
    json.env("S1CRETS_CACHE_PATH", "/y").args(["cache", "path", "--json"]);
    json.assert().success().stdout("{\"path\":\"/y\"}\n");
    assert!(!folder.exists(), "telling makes none");
}

#[test]
fn stats_of_a_cache_that_does_not_exist_creates_nothing() {
    let (home, folder) = home();
    let path = folder.display();
    let told = format!("path     {path}\nstate    off\nentries  0\nexpired  0\nbytes    0\n");
    at_home(&home).args(["cache", "stats"]).assert().success().stdout(told);
    let told = format!("{{\"bytes\":0,\"entries\":0,\"expired\":0,\"on\":true,\"path\":\"{path}\"}}\n");
    let mut command = at_home(&home);
    command.env("S1CRETS_CACHE_DISK", "true").args(["cache", "stats", "--json"]).assert().success().stdout(told);
}

#[test]
fn clear_and_prune_print_what_they_removed() {
    let (home, folder) = home();
    fill(&folder);
    at_home(&home).args(["cache", "prune"]).assert().success().stdout("expired    2\nevicted    0\nleft over  1\n");
    fill(&folder);
    let told = "{\"evicted\":0,\"expired\":2,\"left_over\":1}\n";
    at_home(&home).args(["cache", "prune", "--json"]).assert().success().stdout(told);
    fill(&folder);
    at_home(&home).args(["cache", "clear"]).assert().success().stdout("removed  2\n");
    at_home(&home).args(["cache", "clear", "--json"]).assert().success().stdout("{\"removed\":0}\n");
    assert!(folder.join("key").exists());
}

#[test]
fn a_folder_that_others_can_read_is_not_touched() {
    let (home, folder) = home();
    fill(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let told = predicate::str::contains("others may look into it").and(predicate::str::contains("chmod 700"));
    at_home(&home).args(["cache", "clear"]).assert().code(5).stderr(told);
    assert!(folder.join("r-1").exists());
}

/// A newline in the folder's name starts no line of its own.
#[test]
fn the_folder_is_one_field_whatever_its_name() {
    let hostile = "/nonexistent/a\nentries  7";
    let field = "/nonexistent/a\\nentries  7";
    let command = |name: &str| {
        let mut command = s1crets();
        command.env("S1CRETS_CACHE_PATH", hostile).args(["cache", name]);
        command
    };
    command("path").assert().success().stdout(format!("{field}\n"));
    let stats = format!("path     {field}\nstate    off\nentries  0\nexpired  0\nbytes    0\n");
    command("stats").assert().success().stdout(stats);
}

#[test]
fn a_malformed_setting_is_named() {
    let (home, _folder) = home();
    let mut command = at_home(&home);
    command.env("S1CRETS_CACHE_DISK", "maybe").args(["cache", "stats"]);
    command.assert().code(5).stderr(predicate::str::contains("S1CRETS_CACHE_DISK"));
}

/// Commands that share a disk cache, in front of a moto that counts requests.
pub(super) struct Bench {
    runtime: tokio::runtime::Runtime,
    pub(super) proxy: FaultProxy,
    pub(super) seed: AwsSeed,
    home: TempDir,
}

impl Bench {
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let moto = Moto::shared().endpoint();
        let proxy = runtime.block_on(FaultProxy::start(moto));
        Self { runtime, proxy, seed: AwsSeed::new(moto, REGION), home: tempfile::tempdir().unwrap() }
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = at_home(&self.home);
        command.env("S1CRETS_CACHE_DISK", "true").env("AWS_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_ENDPOINT_URL", self.proxy.endpoint()).args(arguments);
        command
    }

    fn get(&self, name: &str) -> String {
        let output = self.command(&["get", name]).assert().success().stderr("");
        String::from_utf8(output.get_output().stdout.clone()).unwrap().trim_end().to_owned()
    }

    /// The same as a process that isn't waited for.
    fn spawn(&self, name: &str) -> Child {
        let command = self.command(&["get", name]);
        let mut process = std::process::Command::new(command.get_program());
        process.args(command.get_args()).env_clear().stdout(Stdio::piped());
        process.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        process.spawn().unwrap()
    }
}

fn printed(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_second_process_makes_no_call() {
    let bench = Bench::start();
    let (secret, root) = (unique("cli/disk"), unique("/cli/disk"));
    bench.seed.create_secret(&secret, r#"{"a":1.10}"#);
    bench.seed.put_parameter(&format!("{root}/x"), "y", "SecureString");
    let all = || {
        assert_eq!(bench.get(&secret), r#"{"a":1.10}"#);
        let mut key = bench.command(&["get", &secret, "a"]);
        key.assert().success().stdout("1.10\n");
        let mut list = bench.command(&["get-by-path", "--provider", "aws.ps", &root]);
        list.assert().success().stdout(format!("{root}/x y\n"));
    };
    all();
    let calls = bench.proxy.total();
    all();
    assert_eq!(bench.proxy.total(), calls);
    // Another identity, another region: other records.
    bench.command(&["get", &secret]).env("AWS_ACCESS_KEY_ID", "other").assert().success();
    assert_eq!(bench.proxy.total(), calls + 1);
    bench.command(&["get", &secret]).env("AWS_REGION", "us-west-2").assert().code(1);
    bench.command(&["get", &secret, "--no-cache"]).assert().success();
    assert_eq!(bench.proxy.total(), calls + 3);
    let mut clear = bench.command(&["cache", "clear"]);
    clear.assert().success().stdout("removed  3\n");
    all();
    assert_eq!(bench.proxy.total(), calls * 2 + 3);
}

#[test]
fn the_key_is_taken_from_where_it_is_given() {
    let bench = Bench::start();
    let secret = unique("cli/key");
    bench.seed.create_secret(&secret, "x");
    let [file, credentials] = ["key-file", "credentials"].map(|name| bench.home.path().join(name));
    let (bytes, hex) = ([7; 32], "07".repeat(32));
    fs::write(&file, bytes).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("s1crets-cache-key"), bytes).unwrap();
    let given: [(&str, &std::ffi::OsStr); 3] = [
        ("S1CRETS_CACHE_KEY", hex.as_ref()),
        ("S1CRETS_CACHE_KEY_FILE", file.as_os_str()),
        ("CREDENTIALS_DIRECTORY", credentials.as_os_str()),
    ];
    for (name, value) in given {
        bench.command(&["get", &secret]).env(name, value).assert().success().stdout("x\n").stderr("");
    }
    assert_eq!(bench.proxy.total(), 1, "all three are the same key");
    assert!(!bench.home.path().join(".cache/s1crets/key").exists(), "none had to be made");
    bench.get(&secret);
    assert_eq!(bench.proxy.total(), 2, "under another key there is nothing");
}

#[test]
fn eight_processes_that_miss_at_once_make_one_call() {
    let bench = Bench::start();
    let secret = unique("cli/eight");
    bench.seed.create_secret(&secret, "x");
    let hold = bench.proxy.hold();
    let children: Vec<_> = (0..8).map(|_| bench.spawn(&secret)).collect();
    bench.runtime.block_on(bench.proxy.wait_for_held(1));
    hold.release();
    assert!(children.into_iter().all(|child| printed(child) == "x"));
    assert_eq!(bench.proxy.total(), 1);
}

#[test]
fn a_process_that_is_killed_half_way_blocks_nobody() {
    let bench = Bench::start();
    let secret = unique("cli/killed");
    bench.seed.create_secret(&secret, "x");
    let hold = bench.proxy.hold();
    let mut killed = bench.spawn(&secret);
    bench.runtime.block_on(bench.proxy.wait_for_held(1));
    killed.kill().unwrap();
    killed.wait().unwrap();
    drop(hold);
    assert_eq!(bench.get(&secret), "x");
    let left = fs::read_dir(bench.home.path().join(".cache/s1crets")).unwrap();
    let locks = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("l-"));
    assert_eq!(locks.count(), 0, "what it left is cleared away");
}

#[test]
fn an_update_by_the_command_is_seen_by_a_program_at_once() {
    let bench = Bench::start();
    let secret = unique("cli/seen");
    bench.seed.create_secret(&secret, "old");
    let config = AwsConfig::default().with_region(REGION).with_endpoint_url(bench.proxy.endpoint());
    let config = config.with_credentials(Credentials::new("test", "test", None, None, "tests"));
    let provider = bench.runtime.block_on(SecretsManager::open(config)).unwrap();
    let disk = DiskCache::default().with_path(bench.home.path().join(".cache/s1crets"));
    let program = Cached::new(Arc::new(provider), CachePolicy::default()).with_disk_cache(disk, "program");
    let read = || bench.runtime.block_on(program.get(&secret, &GetOptions::default())).unwrap();
    assert_eq!(read().expose_str().unwrap(), "old");
    assert_eq!(read().freshness().unwrap().source, Source::Memory);
    bench.command(&["update", &secret]).write_stdin("new").assert().success();
    assert_eq!(read().expose_str().unwrap(), "new");
}

#[test]
fn an_outage_is_survived_by_what_is_on_disk() {
    let bench = Bench::start();
    let secret = unique("cli/outage");
    bench.seed.create_secret(&secret, "x");
    let mut first = bench.command(&["get", &secret]);
    first.env("S1CRETS_CACHE_TTL", "1ms").assert().success();
    bench.proxy.fault_any(Fault::server_error()).always();
    let mut stale = bench.command(&["get", &secret, "--retry", "1"]);
    stale.env("S1CRETS_CACHE_TTL", "1ms").assert().success().stdout("x\n");
    bench.command(&["get", &secret, "--retry", "1", "--no-cache"]).assert().code(4);
}

#[test]
fn a_cache_that_can_not_be_used_is_a_warning_and_no_more() {
    let bench = Bench::start();
    let secret = unique("cli/broken");
    bench.seed.create_secret(&secret, "x");
    bench.get(&secret);
    let folder = bench.home.path().join(".cache/s1crets");
    let warned = |warning: &'static str| {
        let told = predicate::str::contains("WARN").count(1).and(predicate::str::contains(warning));
        bench.command(&["get", &secret]).assert().success().stdout("x\n").stderr(told);
    };
    let record = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let record = record.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("r-")).unwrap();
    fs::write(record, "nonsense").unwrap();
    warned("a record of the disk cache can't be read");
    bench.get(&secret);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    warned("others may look into it");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(folder.join("key"), "nonsense").unwrap();
    warned("holds no key");
}
