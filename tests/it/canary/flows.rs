//! Every way that a secret can take, each with its own marked value.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use futures::future::join_all;
use s1crets::{
    CachePolicy, Cached, Client, GetOptions, ListOptions, Provider, Secret, SecretValue, UpdateOptions,
    providers::{
        aws::{AwsConfig, Credentials, ParameterStore, Role, SecretsManager},
        memory::{Fault as MemoryFault, Memory},
    },
};
use s1crets_testbed::{FakeImds, Fault, unique};
use serde_json::json;

use super::{Heard, detector::Marks};
use crate::{
    subprocess::Child,
    support::{Aws, STORES, within},
};

/// Says nothing of the marks that went by.
#[track_caller]
pub(crate) fn assert_silence(heard: &Heard, marks: &Marks) {
    let leaks = heard.leaks(marks);
    assert!(leaks.is_empty(), "{} lines, such as\n{}", leaks.len(), leaks[0]);
}

/// Settings whose credentials are marked.
fn marked(aws: &Aws, marks: &mut Marks) -> AwsConfig {
    let (secret, token) = (marks.mark(), marks.mark());
    aws.config().with_credentials(Credentials::new("AKIAPUBLIC", secret, Some(token), None, "canary"))
}

async fn both(config: &AwsConfig) -> [Arc<dyn Provider>; 2] {
    [
        Arc::new(ParameterStore::open(config.clone()).await.unwrap()),
        Arc::new(SecretsManager::open(config.clone()).await.unwrap()),
    ]
}

/// All there is to do with a secret of this name, and all that shows of it.
pub(crate) async fn everything(heard: &Heard, provider: &dyn Provider, name: &str, value: &SecretValue) {
    let above = name.rsplit_once('/').map_or(name, |(above, _)| above);
    let names = [name.to_owned(), format!("{name}-none")];
    let key = UpdateOptions::default().with_keypath(["password"]);
    let beside = ListOptions::default().with_fail_on_error(false);
    heard.outcome(provider.get(name, &GetOptions::default()).await);
    for answer in provider.get_many(&names, &GetOptions::default()).await {
        heard.outcome(answer);
    }
    heard.outcome(provider.get_by_path(above, &ListOptions::default()).await);
    heard.outcome(provider.get_by_path(above, &beside).await);
    heard.outcome(provider.path_exists(name).await);
    heard.outcome(provider.update(name, value, &UpdateOptions::default()).await);
    heard.outcome(provider.update(name, value, &key).await);
    heard.show(&provider);
}

/// The subscriber does see what the SDK prints where nobody keeps it quiet: a leak would be found.
#[tokio::test]
async fn the_sdk_itself_would_give_a_quoted_value_away() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let (aws, mark) = (Aws::start().await, marks.mark());
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_ssm::config::Region::new("us-east-1"))
        .endpoint_url(aws.proxy.endpoint())
        .credentials_provider(crate::support::credentials())
        .build();
    aws.proxy.fault_any(Fault::aws_json("ValidationException", &format!("Value '{mark}' failed"))).always();
    let put = aws_sdk_ssm::Client::from_conf(config).put_parameter().name("x").value(mark).send();
    assert!(put.await.is_err());
    assert!(!heard.leaks(&marks).is_empty());
}

#[tokio::test]
async fn a_planted_mark_is_heard_from_another_thread() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let (quiet, loud) = (marks.mark(), marks.mark());
    std::thread::spawn(move || tracing::trace!(value = loud, "a mark")).join().unwrap();
    assert_eq!(heard.leaks(&marks).len(), 1);
    heard.outcome::<()>(Err(s1crets::Error::new(s1crets::ErrorKind::Unexpected, quiet)));
    assert!(heard.leaks(&marks).len() > 1);
}

#[tokio::test]
async fn values_and_credentials_that_come_and_go_leave_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let aws = Aws::start().await;
    let config = marked(&aws, &mut marks);
    heard.show(&config);
    for ((store, _, prefix), provider) in STORES.into_iter().zip(both(&config).await) {
        let name = format!("{}/x", unique(prefix));
        aws.plant(store, &name, &format!(r#"{{"password":"{}","more":1}}"#, marks.mark()));
        let cached = Cached::new(provider.clone(), CachePolicy::default());
        for value in [SecretValue::text(marks.mark()), SecretValue::json(&[marks.mark()]).unwrap()] {
            aws.plant_again(store, &name, &format!(r#"{{"password":"{}"}}"#, marks.mark()));
            everything(&heard, &*provider, &name, &value).await;
            everything(&heard, &cached, &name, &value).await;
        }
    }
    let name = unique("it/bytes-");
    aws.seed.create_secret_binary(&name, marks.mark().as_bytes());
    everything(&heard, &*both(&config).await[1], &name, &SecretValue::binary(marks.mark())).await;
    assert_silence(&heard, &marks);
}

#[tokio::test]
async fn failures_of_every_kind_say_nothing_of_the_value() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let aws = Aws::start_in("cn-north-1").await;
    let config = marked(&aws, &mut marks).with_retry(NonZeroU32::MIN).with_timeout(Duration::from_millis(100));
    let providers = both(&config).await;
    let planted = marks.mark();
    let names = STORES.map(|(store, _, prefix)| {
        let name = format!("{}/x", unique(prefix));
        aws.plant(store, &name, &format!(r#"{{"password":"{planted}"}}"#));
        name
    });
    let value = SecretValue::text(marks.mark());
    let mut faults = vec![
        Fault::server_error(),
        Fault::throttled(),
        Fault::access_denied(),
        Fault::expired_token(),
        Fault::Status(502),
        Fault::Status(400),
        Fault::Hang,
        Fault::Reset,
        Fault::Close,
        Fault::Garbage,
    ];
    // Answers that begin well, and answers of the wrong shape, with the value in them.
    faults.extend([1, 20, 60, 150, 250].map(Fault::Truncate));
    faults.push(Fault::Rewrite("\"SecretString\": \"".into(), "\"SecretString\": \"\\ud800".into()));
    faults.push(Fault::Rewrite("\"Value\": \"".into(), "\"Value\": \"\\ud800".into()));
    for wrong in [
        json!({ "SecretString": { "x": planted } }),
        json!({ "Parameter": { "Value": [planted] }, "SecretBinary": planted, "ARN": 7 }),
        json!({ "Parameters": [{ "Name": "/x", "Value": 7, "Type": planted }], "SecretValues": planted }),
        json!(planted),
    ] {
        faults.push(Fault::json(&wrong));
    }
    for status in [200, 400, 500] {
        let body = format!("<html>{planted}</html>").into_bytes();
        faults.push(Fault::Respond { status, content_type: "text/html".into(), body });
    }
    for fault in faults {
        aws.proxy.clear();
        aws.proxy.fault_any(fault).always();
        within(join_all(providers.iter().zip(&names).map(async |(provider, name)| {
            everything(&heard, &**provider, name, &value).await;
        })))
        .await;
    }
    assert_silence(&heard, &marks);
}

/// Reads are let through, so that a write has something to write to.
#[tokio::test]
async fn a_refusal_that_quotes_the_new_value_is_not_repeated() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let aws = Aws::start_in("cn-northwest-1").await;
    let providers = both(&aws.config().with_retry(NonZeroU32::MIN)).await;
    for ((store, _, prefix), provider) in STORES.into_iter().zip(providers) {
        for code in ["ValidationException", "InvalidParameterException", "SomethingNew"] {
            let name = format!("{}/x", unique(prefix));
            aws.plant(store, &name, r#"{"password":"old"}"#);
            let mark = marks.mark();
            let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &mark);
            let half = &mark[..mark.len() / 2 + 2];
            for said in [
                format!("Value '{mark}' at 'value' failed to satisfy constraint"),
                mark.clone(),
                format!("Value '{half}...' is too long"),
                format!("Value '{{\\\"password\\\":\\\"{mark}\\\"}}' failed"),
                format!("blob {base64} is refused"),
            ] {
                aws.proxy.clear();
                for operation in ["PutParameter", "PutSecretValue", "UpdateSecretVersionStage"] {
                    aws.proxy.fault(operation, Fault::aws_json(code, &said)).always();
                }
                let text = SecretValue::text(&*mark);
                heard.outcome(provider.update(&name, &text, &UpdateOptions::default()).await);
                heard
                    .outcome(provider.update(&name, &text, &UpdateOptions::default().with_keypath(["password"])).await);
                let long = SecretValue::text(format!("{mark}, and a lot more of it than AWS would quote"));
                heard.outcome(provider.update(&name, &long, &UpdateOptions::default()).await);
                if store == "aws.sm" {
                    let bytes = SecretValue::binary(&*mark);
                    heard.outcome(provider.update(&name, &bytes, &UpdateOptions::default()).await);
                }
            }
        }
    }
    assert_silence(&heard, &marks);
}

#[tokio::test]
async fn assumed_credentials_leave_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let aws = Aws::start_in("ap-southeast-1").await;
    let answer = |secret: &str, token: &str, tail: &str| {
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>ASIAPUBLIC</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
             <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId>\
             </AssumedRoleUser></AssumeRoleResult>{tail}"
        )
        .into_bytes()
    };
    // The second is cut off, the third is none: both carry the credentials all the same.
    for tail in ["</AssumeRoleResponse>", "", "</Wrong>"] {
        let body = answer(&marks.mark(), &marks.mark(), tail);
        aws.proxy.clear();
        aws.proxy.fault("AssumeRole", Fault::Respond { status: 200, content_type: "text/xml".into(), body }).always();
        let config = marked(&aws, &mut marks).with_role(Role::new("arn:aws:iam::1:role/r")).with_retry(NonZeroU32::MIN);
        for provider in both(&config).await {
            heard.outcome(provider.get("/none", &GetOptions::default()).await);
            aws.proxy.fault_any(Fault::expired_token()).once();
            heard.outcome(provider.get("/none", &GetOptions::default()).await);
            heard.show(&provider);
        }
    }
    assert_silence(&heard, &marks);
}

#[tokio::test]
async fn credentials_of_the_default_chain_leave_no_trace() {
    let mut marks = Marks::default();
    let (aws, imds) = (Aws::start().await, FakeImds::start("us-east-1", "role").await);
    imds.set_credentials(
        "ASIAPUBLIC",
        &marks.mark(),
        &marks.mark(),
        std::time::SystemTime::now() + Duration::from_secs(3600),
    );
    let name = unique("it/chain-");
    aws.plant("aws.sm", &name, &marks.mark());
    let profile = format!(
        "[default]\nregion = us-east-1\naws_access_key_id = AKIAPUBLIC\naws_secret_access_key = {}\n",
        marks.mark()
    );
    let process = format!(
        "[default]\nregion = us-east-1\ncredential_process = echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAPUBLIC\",\
         \"SecretAccessKey\":\"{}\",\"SessionToken\":\"{}\"}}'\n",
        marks.mark(),
        marks.mark()
    );
    let broken = format!("[default]\nregion = us-east-1\ncredential_process = echo '{{{}'\n", marks.mark());
    let child = || Child::new().with("AWS_ENDPOINT_URL", aws.proxy.endpoint());
    for (child, answers) in [
        (
            child()
                .with("AWS_REGION", "us-east-1")
                .with("AWS_ACCESS_KEY_ID", "AKIAPUBLIC")
                .with("AWS_SECRET_ACCESS_KEY", &marks.mark())
                .with("AWS_SESSION_TOKEN", &marks.mark()),
            true,
        ),
        (child().with_file("AWS_CONFIG_FILE", &profile), true),
        (child().with_file("AWS_CONFIG_FILE", &process), true),
        (child().with_file("AWS_CONFIG_FILE", &broken), false),
        (
            child()
                .with("AWS_EC2_METADATA_DISABLED", "false")
                .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint()),
            true,
        ),
    ] {
        let said = child.trace(&format!("aws.sm://{name}")).await;
        assert!(said.contains("TRACE") && said.contains("the child is done"), "it does log: {said}");
        assert_eq!(said.contains("found it"), answers, "{said}");
        let leak = said.lines().find(|line| marks.are_in(line));
        assert!(leak.is_none(), "{leak:?}");
    }
}

#[tokio::test]
async fn nothing_public_shows_a_value() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let json = format!(
        r#"{{"type":"credential","username":"{}","password":"{}","list":["{}"],"{}":1}}"#,
        marks.mark(),
        marks.mark(),
        marks.mark(),
        marks.mark()
    );
    let memory = Memory::new().with("p/a", json.as_str()).with("p/b", marks.mark().into_bytes());
    let client = Client::builder().with_provider("memory", memory.clone()).build().unwrap();
    let secret = client.get("memory", "p/a").await.unwrap();
    heard.show(&secret);
    heard.show(&secret.json().unwrap());
    heard.show(&secret.json().unwrap().get("list"));
    heard.show(&secret.key("list"));
    heard.show(&secret.credential());
    heard.show(&secret.metadata());
    for part in [secret.key("none"), secret.keypath(["list", "7"]), secret.keypath(["username", "x"])] {
        heard.outcome(part);
    }
    heard.outcome(secret.parse::<Vec<u8>>());
    heard.outcome(secret.parse::<std::collections::BTreeMap<String, bool>>());
    heard.outcome(secret.simple());
    heard.outcome(secret.versioned());
    let versioned = format!(r#"{{"type":"versioned","current":"{}","previous":"{}"}}"#, marks.mark(), marks.mark());
    heard.outcome(Secret::text(versioned, Default::default()).versioned());
    let encoded = format!(r#"{{"type":"simple","value":"{}!","encoding":"base64"}}"#, marks.mark());
    heard.outcome(Secret::text(encoded, Default::default()).simple());
    let broken = Secret::text(format!("{{\"a\": {}", marks.mark()), Default::default());
    heard.outcome(broken.json().map(drop));
    heard.outcome(broken.parse::<String>());
    heard.outcome(SecretValue::json_text(marks.mark()));
    heard.show(&SecretValue::text(marks.mark()));

    let (get, update) =
        (client.get("memory", "p/a").default(marks.mark()), client.update("memory", "p/a", marks.mark()));
    heard.show(&get);
    heard.show(&update);
    heard.outcome(update.if_version("7").await);
    heard.outcome(client.update("memory", "p/b", marks.mark()).key("k").await);
    heard.outcome(client.get_by_path("memory", "p").await);
    memory.fail_next(MemoryFault::panic());
    heard.outcome(client.get("memory", "p/a").cached(false).await);
    heard.show(&memory);
    heard.show(&client);
    heard.show(&Cached::new(Arc::new(memory), CachePolicy::default()));
    assert_silence(&heard, &marks);
}
