//! Times whole runs of the command, and of minimal programs that make the same call. Also measures
//! the throughput of `run --redact`.
//!
//! Run it with `cargo xtask bench command`, which builds the command first.
#![allow(clippy::print_stdout, reason = "it prints results")]

use std::{error::Error, fmt::Write as _, fs, path::Path, process::Command};

use s1crets_bench_runs::{RUNS, median, rival, s1crets, time};
use s1crets_testbed::{Authority, AwsSeed, Moto, OpenBao, TlsFront};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

const REGION: &str = "eu-west-1";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in("/dev/shm")?;
    println!("medians of {RUNS} runs each, alternating");
    from_a_file(folder.path())?;
    from_moto(folder.path())?;
    from_openbao(folder.path())?;
    redaction(folder.path())
}

fn from_a_file(folder: &Path) -> Result<(), Box<dyn Error>> {
    let file = folder.join("secrets.json");
    fs::write(&file, json!({ "secrets": { "app/db": { "password": "hunter2" } } }).to_string())?;
    let get = || {
        let mut get = s1crets();
        get.args(["get", "file://app/db#password"]).env("S1CRETS_FILE", &file);
        get
    };
    compare("file", ("/bin/true", &|| Command::new("/bin/true")), &get)
}

fn from_moto(folder: &Path) -> Result<(), Box<dyn Error>> {
    let moto = Moto::start();
    AwsSeed::new(moto.endpoint(), REGION).create_secret("prod/db", "hunter2");
    let authority = Authority::create(folder);
    let bundle = folder.join("bundle.pem");
    fs::write(&bundle, system_certificates()? + &fs::read_to_string(authority.certificate_file())?)?;
    let runtime = Runtime::new()?;
    let front = runtime.block_on(TlsFront::start(&authority, moto.endpoint()));
    for (what, endpoint) in [("aws.sm", moto.endpoint()), ("aws.sm over TLS", front.endpoint())] {
        let on_moto = |mut command: Command, arguments: &[&str]| {
            command.args(arguments).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            command.env("AWS_REGION", REGION).env("AWS_ENDPOINT_URL", endpoint);
            if endpoint == front.endpoint() {
                // The system's certificates, which both load by default, and that of the test
                // server.
                command.env("SSL_CERT_FILE", &bundle).env("SSL_CERT_DIR", "/etc/ssl/certs");
            }
            command
        };
        let sdk = || on_moto(rival("rival-aws-sdk"), &["prod/db"]);
        compare(what, ("the AWS SDK", &sdk), &|| on_moto(s1crets(), &["get", "aws.sm://prod/db"]))?;
    }
    Ok(())
}

/// The certificates that the system trusts, as PEM.
fn system_certificates() -> Result<String, Box<dyn Error>> {
    let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let found = bundles.into_iter().find(|bundle| Path::new(bundle).exists());
    Ok(fs::read_to_string(found.ok_or("the system has no bundle of CA certificates")?)?)
}

fn from_openbao(folder: &Path) -> Result<(), Box<dyn Error>> {
    let bao = OpenBao::raft();
    bao.must("POST", "secret/data/app", &json!({ "data": { "password": "hunter2" } }));
    let config = folder.join("s1crets.toml");
    fs::write(&config, "[providers.\"vault.kv\"]\nmounts = { secret = 2 }\n")?;
    let authority = bao.authority().certificate_file();
    for (what, address) in [("vault.kv", bao.plain_address()), ("vault.kv over TLS", bao.address())] {
        let on_openbao = |mut command: Command, arguments: &[&str]| {
            command.args(arguments).env("VAULT_ADDR", address).env("VAULT_TOKEN", bao.root_token());
            command.env("VAULT_CACERT", &authority);
            command
        };
        let vaultrs = || on_openbao(rival("rival-vaultrs"), &["secret", "app", "password"]);
        let get = || on_openbao(s1crets(), &["get", "vault.kv://secret/app#password"]);
        compare(what, ("vaultrs", &vaultrs), &get)?;
        let configured = || {
            let mut get = get();
            get.env("S1CRETS_CONFIG", &config);
            get
        };
        compare(&format!("{what}, with the mount's version in the config"), ("vaultrs", &vaultrs), &configured)?;
    }
    Ok(())
}

/// The throughput for log lines, with 100 secrets in all their encodings. The time of a run that
/// prints nothing is subtracted.
fn redaction(folder: &Path) -> Result<(), Box<dyn Error>> {
    const SIZE: usize = 256 << 20;
    let (file, env_file, log) = (folder.join("hundred.json"), folder.join(".env"), folder.join("log"));
    let names: Vec<_> = (0..100).map(|index| format!("SECRET_{index}")).collect();
    let value =
        |index: usize| Value::from(format!("{:016x}/{index:04}+pass", index.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let secrets: Map<String, Value> =
        names.iter().enumerate().map(|(index, name)| (name.clone(), json!({ "v": value(index) }))).collect();
    fs::write(&file, json!({ "secrets": secrets }).to_string())?;
    fs::write(&env_file, names.iter().map(|name| format!("{name}=file://{name}#v\n")).collect::<String>())?;
    fs::write(&log, log_lines(SIZE)?)?;
    let run = |from: &Path| {
        let mut run = s1crets();
        run.env("S1CRETS_FILE", &file).args(["run", "--redact", "--env-file"]).arg(&env_file);
        run.args(["--", "cat"]).arg(from);
        run
    };
    let (mut whole, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        whole.push(time(run(&log))?);
        empty.push(time(run(Path::new("/dev/null")))?);
    }
    let took = median(whole).saturating_sub(median(empty));
    println!("run --redact, 100 secrets: {:.0} MB/s", SIZE as f64 / 1e6 / took.as_secs_f64());
    Ok(())
}

fn log_lines(size: usize) -> Result<String, Box<dyn Error>> {
    let mut lines = String::with_capacity(size + 200);
    let mut index = 0_u64;
    while lines.len() < size {
        let id = index.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        writeln!(
            lines,
            "2026-01-01T00:{:02}:{:02}Z INFO request id={id:016x} method=GET path=/v1/items/{index} status=200 \
                         agent=\"Mozilla/5.0 (X11; Linux x86_64)\" took={}ms",
            index / 60 % 60,
            index % 60,
            id % 400
        )?;
        index += 1;
    }
    lines.truncate(size);
    Ok(lines)
}

type Program<'a> = &'a dyn Fn() -> Command;

fn compare(what: &str, (rival_name, rival): (&str, Program<'_>), ours: Program<'_>) -> Result<(), Box<dyn Error>> {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(time(rival())?);
        own.push(time(ours())?);
    }
    let (theirs, own) = (median(theirs), median(own));
    let ratio = own.as_secs_f64() / theirs.as_secs_f64();
    println!("{what}: s1crets get {own:.1?}, {rival_name} {theirs:.1?}: {ratio:.2}x");
    Ok(())
}
