//! Assumed roles: single ones, chains of them, and an STS that fails.

use std::time::Duration;

use futures::future::join_all;
use s1crets::{ErrorKind, providers::aws::Role};
use s1crets_testbed::{AwsSeed, Fault, Moto, unique};

use crate::support::{Aws, STORES, attempts, fails, signed_by, text, within};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

#[tokio::test]
async fn a_role_is_assumed_once_by_the_defaults_of_the_python_s1crets() {
    for (store, operation, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (aws.client_by(aws.config().with_role(Role::new(ROLE))).await, unique(prefix));
        aws.plant(store, &name, "x");
        assert_eq!(aws.proxy.total(), 0, "opening makes no call");
        for _ in 0..3 {
            assert_eq!(text(client.get(store, &name).cached(false).await), "x");
        }
        assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.count(operation)), (1, 3), "{store}");

        let asked = &aws.proxy.requests("AssumeRole")[0];
        assert_eq!(asked.form("RoleArn").as_deref(), Some(ROLE));
        assert_eq!(asked.form("RoleSessionName").as_deref(), Some("s1crets"));
        assert_eq!(asked.form("DurationSeconds").as_deref(), Some("3600"));
        for absent in ["ExternalId", "Policy", "SerialNumber"] {
            assert_eq!(asked.form(absent), None, "{absent}");
        }
        assert_eq!(signed_by(asked).0, "test");
        let read = &aws.proxy.requests(operation)[0];
        assert!(signed_by(read).0.starts_with("ASIA") && read.header("x-amz-security-token").is_some());
    }
}

#[tokio::test]
async fn session_name_duration_and_external_id_are_sent() {
    let aws = Aws::start().await;
    let role = Role::new(ROLE)
        .with_session_name("nightly")
        .with_duration(Duration::from_secs(900))
        .with_external_id("third & party");
    let client = aws.client_by(aws.config().with_role(role)).await;
    fails(client.get("aws.sm", &unique("it/none-")).await, ErrorKind::NotFound);
    let asked = &aws.proxy.requests("AssumeRole")[0];
    assert_eq!(asked.form("RoleSessionName").as_deref(), Some("nightly"));
    assert_eq!(asked.form("DurationSeconds").as_deref(), Some("900"));
    assert_eq!(asked.form("ExternalId").as_deref(), Some("third & party"));
}

/// moto keeps a store for each account, as AWS does.
#[tokio::test]
async fn a_chain_of_roles_ends_in_the_last_ones_account() {
    let accounts = ["111111111111", "222222222222"];
    let roles = accounts.map(|account| format!("arn:aws:iam::{account}:role/hop"));
    for (store, operation, prefix) in STORES {
        let aws = Aws::start().await;
        let name = unique(prefix);
        aws.plant(store, &name, "at home");
        for account in accounts {
            let seed = AwsSeed::new(Moto::shared().endpoint(), "us-east-1").with_account(account);
            match store {
                "aws.ps" => drop(seed.put_parameter(&name, account, "String")),
                _ => drop(seed.create_secret(&name, account)),
            }
        }
        let config = aws.config().with_role(Role::new(&roles[0])).with_role(Role::new(&roles[1]));
        assert_eq!(text(aws.client_by(config).await.get(store, &name).await), "222222222222", "{store}");

        let hops = aws.proxy.requests("AssumeRole");
        let asked: Vec<_> = hops.iter().map(|hop| hop.form("RoleArn").unwrap()).collect();
        assert_eq!(asked, roles, "{store}");
        let read = &aws.proxy.requests(operation)[0];
        let [first, second, third] = [&hops[0], &hops[1], read].map(|request| signed_by(request).0);
        assert!(first == "test" && second.starts_with("ASIA") && third.starts_with("ASIA") && second != third);
    }
}

#[tokio::test]
async fn the_store_and_sts_are_asked_in_the_region_of_the_settings() {
    let aws = Aws::start_in("eu-central-1").await;
    let client = aws.client_by(aws.config().with_role(Role::new(ROLE))).await;
    fails(client.get("aws.ps", "/none").await, ErrorKind::NotFound);
    for operation in ["AssumeRole", "GetParameter"] {
        assert_eq!(signed_by(&aws.proxy.requests(operation)[0]).1, "eu-central-1", "{operation}");
    }
}

#[tokio::test]
async fn sts_and_the_store_can_have_endpoints_of_their_own() {
    let (general, service, sts) = (Aws::start().await, Aws::start().await, Aws::start().await);
    let mut config = general.config().with_role(Role::new(ROLE));
    config.service_endpoint_url = Some(service.proxy.endpoint().to_owned());
    config.sts_endpoint_url = Some(sts.proxy.endpoint().to_owned());
    let client = general.client_by(config).await;
    fails(client.get("aws.sm", &unique("it/none-")).await, ErrorKind::NotFound);
    assert_eq!((general.proxy.total(), service.proxy.total(), sts.proxy.total()), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_cold_callers_assume_the_role_once() {
    let aws = Aws::start().await;
    let client = aws.ungathered(aws.config().with_role(Role::new(ROLE))).await;
    let names: Vec<_> = (0..50).map(|_| unique("it/cold-")).collect();
    names.iter().for_each(|name| aws.plant("aws.sm", name, "x"));
    let hold = aws.proxy.hold();
    let gets = join_all(names.iter().map(async |name| text(client.get("aws.sm", name).await)));
    let release = async {
        aws.proxy.wait_for_held(1).await;
        hold.release();
    };
    let (texts, ()) = within(futures::future::join(gets, release)).await;
    assert!(texts.iter().all(|text| text == "x"));
    assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.count("GetSecretValue")), (1, 50));
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_access_denied_without_a_retry() {
    let aws = Aws::start().await;
    let client = aws.client_by(aws.config().with_role(Role::new(ROLE))).await;
    aws.proxy.fault("AssumeRole", Fault::access_denied()).always();
    let error = fails(client.get("aws.sm", "x").await, ErrorKind::AccessDenied);
    assert!(error.to_string().starts_with("get aws.sm://x: can't assume the role: AWS says AccessDenied"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("trust policy")), "{error:?}");
    assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.total()), (1, 1));
    // It may be allowed a moment later.
    aws.proxy.clear();
    fails(client.get("aws.sm", &unique("it/none-")).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn sts_is_retried_as_often_as_the_store() {
    let faults = [
        (Fault::server_error(), ErrorKind::Unavailable),
        (Fault::Status(503), ErrorKind::Unavailable),
        (Fault::throttled(), ErrorKind::Throttled),
        (Fault::Reset, ErrorKind::Unavailable),
    ];
    within(join_all(faults.map(async |(fault, kind)| {
        let aws = Aws::start_in("us-west-1").await;
        let client = aws.client_by(aws.config().with_role(Role::new(ROLE))).await;
        aws.proxy.fault("AssumeRole", fault.clone()).always();
        let error = fails(client.get("aws.sm", "x").await, kind);
        assert_eq!(aws.proxy.counts(), [("AssumeRole".to_owned(), 3)].into(), "{fault:?}: {error}");
        aws.proxy.clear();
        aws.proxy.reset_counts();
        aws.proxy.fault("AssumeRole", fault.clone()).times(2);
        fails(client.get("aws.sm", &unique("it/none-")).await, ErrorKind::NotFound);
        assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.total()), (3, 4), "{fault:?}");
    })))
    .await;
}

#[tokio::test]
async fn a_hanging_sts_times_out_by_the_same_retry_policy() {
    for retry in [1, 3] {
        let aws = Aws::start_in("us-west-2").await;
        let config = aws.config().with_role(Role::new(ROLE)).with_retry(attempts(retry));
        let client = aws.client_by(config.with_timeout(Duration::from_millis(200))).await;
        aws.proxy.fault("AssumeRole", Fault::Hang).always();
        let error = within(async { fails(client.get("aws.sm", "x").await, ErrorKind::Timeout) }).await;
        assert!(error.to_string().contains("of 200ms each"), "{error}");
        assert_eq!(aws.proxy.counts(), [("AssumeRole".to_owned(), retry as usize)].into(), "{error}");
    }
}

#[tokio::test]
async fn fifty_callers_share_the_attempts_of_a_failing_sts() {
    let aws = Aws::start_in("us-gov-west-1").await;
    let client = aws.client_by(aws.config().with_role(Role::new(ROLE)).with_retry(attempts(2))).await;
    aws.proxy.fault("AssumeRole", Fault::server_error()).always();
    let hold = aws.proxy.hold();
    let names: Vec<_> = (0..50).map(|index| format!("it/{index}")).collect();
    let gets =
        join_all(names.iter().map(async |name| drop(fails(client.get("aws.sm", name).await, ErrorKind::Unavailable))));
    let release = async {
        aws.proxy.wait_for_held(1).await;
        hold.release();
    };
    within(futures::future::join(gets, release)).await;
    assert_eq!(aws.proxy.counts(), [("AssumeRole".to_owned(), 2)].into());
}
