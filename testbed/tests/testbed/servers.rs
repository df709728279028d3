//! moto, how it stops, `AwsSeed`, and the metadata service.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use s1crets_testbed::{AwsSeed, FakeImds, Fault, FaultProxy, MOTO_VARIABLE, Moto, unique};
use serde_json::json;

use crate::support::{bounded, send, status};

const REGION: &str = "eu-central-1";

const ASSUME_ROLE: [(&str, &str); 4] = [
    ("Action", "AssumeRole"),
    ("Version", "2011-06-15"),
    ("RoleArn", "arn:aws:iam::222222222222:role/r"),
    ("RoleSessionName", "s1crets"),
];

#[test]
fn values_are_stored_by_account_and_region() {
    let moto = Moto::shared();
    let seed = AwsSeed::new(moto.endpoint(), REGION);
    let name = unique("/testbed/");
    assert_eq!(seed.put_parameter(&name, "é", "String"), 1);
    assert_eq!(seed.put_parameter(&name, "ü", "SecureString"), 2);

    let get = |seed: &AwsSeed| seed.call("AmazonSSM.GetParameter", &json!({ "Name": name, "WithDecryption": true }));
    assert_eq!(get(&seed).expect("it is there")["Parameter"]["Value"], "ü");
    for elsewhere in [AwsSeed::new(moto.endpoint(), "us-west-2"), seed.with_account("222222222222")] {
        let error = get(&elsewhere).expect_err("another store");
        assert_eq!(error.status, 400);
        assert!(error.body.contains("ParameterNotFound"), "{error}");
    }
}

#[test]
fn secrets_are_stored_as_text_and_as_bytes() {
    let seed = AwsSeed::new(Moto::shared().endpoint(), REGION);
    let (text, binary) = (unique("testbed/text-"), unique("testbed/binary-"));
    let arn = seed.create_secret(&text, "old");
    assert!(arn.contains(&format!(":{REGION}:123456789012:secret:{text}")), "{arn}");
    seed.put_secret(&text, "new");
    seed.create_secret_binary(&binary, &[0, 255]);

    let get = |id: &str| seed.call("secretsmanager.GetSecretValue", &json!({ "SecretId": id }));
    assert_eq!(get(&arn).expect("it is there")["SecretString"], "new");
    assert_eq!(get(&binary).expect("it is there")["SecretBinary"], "AP8=");
}

#[test]
fn an_own_server_can_turn_on_access_control_and_be_reset() {
    let moto = Moto::start();
    let seed = AwsSeed::new(moto.endpoint(), REGION);
    seed.create_secret("a", "b");
    let list = || seed.call("secretsmanager.ListSecrets", &json!({}));
    moto.set_auth(true);
    assert_eq!(list().expect_err("an unknown key").status, 403);
    moto.set_auth(false);
    assert_eq!(list().expect("open again")["SecretList"].as_array().map(Vec::len), Some(1));
    moto.reset();
    assert_eq!(list().expect("open")["SecretList"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_seed_supports_the_query_protocol() {
    let seed = AwsSeed::new(Moto::shared().endpoint(), REGION);
    let reply = seed.query("sts", &ASSUME_ROLE).expect("no access control");
    assert!(reply.contains("assumed-role/r/s1crets"), "{reply}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moto_works_through_the_proxy() {
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    let seed = AwsSeed::new(proxy.endpoint(), REGION);
    proxy.fault("PutParameter", Fault::access_denied()).once();
    let put = json!({ "Name": unique("/proxied/"), "Value": "x", "Type": "String" });
    let denied = seed.call("AmazonSSM.PutParameter", &put).expect_err("scripted");
    assert!(denied.body.contains("AccessDeniedException"), "{denied}");
    seed.call("AmazonSSM.PutParameter", &put).expect("only once");
    assert_eq!(proxy.count("PutParameter"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_sets_when_role_credentials_expire() {
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    proxy.fault("AssumeRole", Fault::expiration(SystemTime::UNIX_EPOCH)).once();
    let reply = AwsSeed::new(proxy.endpoint(), REGION).query("sts", &ASSUME_ROLE).expect("no access control");
    assert!(reply.contains("<Expiration>1970-01-01T00:00:00Z</Expiration>"), "{reply}");
}

#[test]
fn moto_stops_when_it_is_dropped() {
    let moto = Moto::start();
    let endpoint = moto.endpoint().to_owned();
    drop(moto);
    assert!(is_gone_within(&endpoint, Duration::ZERO));
}

const OWNER: &str = "S1CRETS_TESTBED_OWNER";

#[test]
fn moto_stops_when_its_owner_is_killed() {
    let mut owner = Command::new(env::current_exe().expect("it runs"))
        .args(["--exact", "servers::owner", "--ignored", "--nocapture"])
        .env(OWNER, "yes")
        .env_remove(MOTO_VARIABLE)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(owner.stdout.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    // The test harness prints on the same line first.
    let endpoint = lines.find_map(|line| Some(line.split_once("serving ")?.1.to_owned()));
    let endpoint = endpoint.expect("the owner's server starts");
    assert!(!is_gone_within(&endpoint, Duration::ZERO));
    owner.kill().expect("SIGKILL");
    owner.wait().expect("it ends");
    assert!(is_gone_within(&endpoint, Duration::from_secs(2)), "{endpoint} outlived its owner");
}

/// Not a test, but the process that `moto_stops_when_its_owner_is_killed` kills.
#[test]
#[ignore = "a process that another test kills"]
#[allow(clippy::print_stdout, reason = "the parent reads the endpoint from standard output")]
fn owner() {
    if env::var_os(OWNER).is_some() {
        println!("serving {}", Moto::shared().endpoint());
        thread::sleep(Duration::from_secs(60));
    }
}

fn is_gone_within(endpoint: &str, limit: Duration) -> bool {
    let authority = endpoint.strip_prefix("http://").expect("plain HTTP");
    let begun = Instant::now();
    loop {
        if TcpStream::connect(authority).is_err() {
            return true;
        }
        if begun.elapsed() >= limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn the_metadata_service_requires_a_token() {
    let imds = FakeImds::start(REGION, "web").await;
    let get = async |path: &str, header: &str| {
        let request = format!("GET /latest/{path} HTTP/1.1\r\n{header}\r\n");
        bounded(send(imds.endpoint(), &request)).await.expect("a response")
    };
    assert_eq!(status(&get("meta-data/placement/region", "").await), "401");
    assert_eq!(status(&get("meta-data/placement/region", "x-aws-ec2-metadata-token: x\r\n").await), "401");

    let token = async |header: &str| {
        let request = format!("PUT /latest/api/token HTTP/1.1\r\n{header}content-length: 0\r\n\r\n");
        bounded(send(imds.endpoint(), &request)).await.expect("a response")
    };
    assert_eq!(status(&token("").await), "400");
    let answer = token("X-aws-ec2-metadata-token-ttl-seconds: 60\r\n").await;
    assert!(answer.contains("x-aws-ec2-metadata-token-ttl-seconds: 60\r\n"), "{answer}");
    let token = body(&answer);

    let header = format!("X-aws-ec2-metadata-token: {token}\r\n");
    assert_eq!(body(&get("meta-data/placement/region", &header).await), REGION);
    assert_eq!(body(&get("meta-data/iam/security-credentials/", &header).await), "web");
    assert_eq!(status(&get("meta-data/iam/security-credentials/other", &header).await), "404");

    imds.set_credentials("key", "secret", "token", SystemTime::UNIX_EPOCH);
    let credentials = get("meta-data/iam/security-credentials/web", &header).await;
    let credentials: serde_json::Value = serde_json::from_str(body(&credentials)).expect("JSON");
    assert_eq!(credentials["Code"], "Success");
    assert_eq!(credentials["Expiration"], "1970-01-01T00:00:00Z");
    assert_eq!(credentials["AccessKeyId"], "key");
    let identity = get("dynamic/instance-identity/document", &header).await;
    let identity: serde_json::Value = serde_json::from_str(body(&identity)).expect("JSON");
    assert_eq!(identity["region"], REGION);
    assert_eq!((imds.count("PUT /latest/api/token"), imds.total()), (2, 9));
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}
