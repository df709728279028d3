//! Expired AWS credentials, and those about to expire: renewed once for all callers.

use std::time::{Duration, SystemTime};

use futures::future::{join, join_all};
use s1crets::{Client, ErrorKind, providers::aws::Role};
use s1crets_testbed::{Fault, unique};

use crate::support::{Aws, STORES, attempts, fails, get_together, signed_by, text, within};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// What AWS answers to credentials that are no longer, or not yet, good.
const CODES: [&str; 5] =
    ["ExpiredTokenException", "ExpiredToken", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId"];

async fn by_role(aws: &Aws) -> Client {
    aws.client_by(aws.config().with_role(Role::new(ROLE))).await
}

/// One that makes a call for each read.
async fn by_role_one_by_one(aws: &Aws) -> Client {
    aws.ungathered(aws.config().with_role(Role::new(ROLE))).await
}

/// Fifty reads at once, the first of which meets a proxy that lets nothing through before.
async fn fifty(aws: &Aws, client: &Client, store: &str, name: &str) {
    let hold = aws.proxy.hold();
    let gets = join_all((0..50).map(async |_| text(client.get(store, name).cached(false).await)));
    let release = async {
        aws.proxy.wait_for_held(1).await;
        hold.release();
    };
    let (texts, ()) = within(join(gets, release)).await;
    assert!(texts.iter().all(|text| text == "x"));
}

#[tokio::test]
async fn fifty_callers_with_an_expired_token_assume_the_role_once_more() {
    for code in CODES {
        let aws = Aws::start().await;
        let (client, root) = (by_role_one_by_one(&aws).await, unique("it/expired-"));
        let names: Vec<_> = (0..50).map(|index| format!("{root}/{index}")).collect();
        names.iter().for_each(|name| aws.plant("aws.sm", name, "x"));
        fails(client.get("aws.sm", &root).await, ErrorKind::NotFound);
        let old = signed_by(&aws.proxy.requests("GetSecretValue")[0]).0;

        aws.proxy.reset_counts();
        let refused = move |request: &s1crets_testbed::Request| {
            request.operation() == "GetSecretValue" && signed_by(request).0 == old
        };
        aws.proxy.fault_if(refused, Fault::aws_json(code, "no longer")).always();
        let hold = aws.proxy.hold();
        let gets = join_all(names.iter().map(async |name| text(client.get("aws.sm", name).await)));
        let release = async {
            aws.proxy.wait_for_held(50).await;
            hold.release();
        };
        let (texts, ()) = within(join(gets, release)).await;
        assert!(texts.iter().all(|text| text == "x"));
        assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.count("GetSecretValue")), (1, 100), "{code}");
    }
}

#[tokio::test]
async fn an_expired_token_is_no_reason_for_more_than_one_renewal() {
    for (store, operation, _) in STORES {
        let aws = Aws::start().await;
        let client = by_role(&aws).await;
        aws.proxy.fault(operation, Fault::expired_token()).always();
        let error = fails(client.get(store, "/x").await, ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("ExpiredTokenException") && error.hint().is_some(), "{error:?}");
        assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.count(operation)), (2, 2), "{store}");
    }
}

#[tokio::test]
async fn every_kind_of_call_survives_an_expired_token() {
    let aws = Aws::start().await;
    let client = by_role(&aws).await;
    let (name, path) = (unique("it/survives-"), unique("/it/survives-"));
    aws.plant("aws.sm", &name, "x");
    aws.plant("aws.ps", &path, "x");
    let many = [name.clone(), format!("{name}-2")];
    for operation in [
        "GetSecretValue",
        "BatchGetSecretValue",
        "PutSecretValue",
        "GetParameter",
        "GetParametersByPath",
        "DescribeParameters",
        "PutParameter",
    ] {
        aws.proxy.fault(operation, Fault::expired_token()).once();
    }
    assert_eq!(text(client.get("aws.sm", &name).await), "x");
    assert_eq!(client.get_by_path("aws.sm", &name).await.unwrap().len(), 1);
    client.update("aws.sm", &name, "y").await.unwrap();
    assert_eq!(text(get_together(&client, "aws.sm", &many).await.swap_remove(0)), "y");
    assert_eq!(text(client.get("aws.ps", &path).await), "x");
    assert!(client.get_by_path("aws.ps", &path).await.unwrap().is_empty());
    assert!(client.path_exists("aws.ps", &path).await.unwrap());
    client.update("aws.ps", &path, "y").await.unwrap();
}

#[tokio::test]
async fn credentials_without_a_role_are_loaded_again_once() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/static-"));
    aws.plant("aws.sm", &name, "x");
    aws.proxy.fault("GetSecretValue", Fault::expired_token()).once();
    assert_eq!(text(client.get("aws.sm", &name).await), "x");
    aws.proxy.fault("GetSecretValue", Fault::expired_token()).always();
    fails(client.get("aws.sm", &name).cached(false).await, ErrorKind::Unauthenticated);
    assert_eq!(aws.proxy.total(), 4);
}

/// They are asked for again once. After that the same wrong key costs one request a call, not two
/// and a new session.
#[tokio::test]
async fn wrong_credentials_are_not_loaded_again_at_each_call() {
    for (store, operation, _) in STORES {
        let aws = Aws::start().await;
        let client = aws.ungathered(aws.config()).await;
        let refused = Fault::aws_json("UnrecognizedClientException", "The security token is invalid");
        aws.proxy.fault(operation, refused).always();
        for reads in 1..=4 {
            fails(client.get(store, "/x").cached(false).await, ErrorKind::Unauthenticated);
            assert_eq!(aws.proxy.count(operation), reads + 1, "{store}");
        }
        // No session is opened either, which would connect anew.
        assert_eq!(aws.proxy.connections(), 2, "{store}");
        // A role that can't be assumed with them: the same.
        let client = aws.ungathered(aws.config().with_role(Role::new(ROLE))).await;
        let (code, message) = ("InvalidClientTokenId".to_owned(), "The security token is invalid".to_owned());
        aws.proxy.fault("AssumeRole", Fault::AwsQuery { status: 403, code, message }).always();
        for reads in 1..=3 {
            fails(client.get(store, "/x").cached(false).await, ErrorKind::Unauthenticated);
            assert_eq!(aws.proxy.count("AssumeRole"), reads + 1, "{store}");
        }
    }
}

#[tokio::test]
async fn credentials_that_are_no_longer_refused_are_used_without_loading_them_again() {
    let aws = Aws::start().await;
    let (client, name) = (by_role_one_by_one(&aws).await, unique("it/changed-"));
    aws.plant("aws.sm", &name, "x");
    aws.proxy.fault("GetSecretValue", Fault::expired_token()).times(2);
    fails(client.get("aws.sm", &name).cached(false).await, ErrorKind::Unauthenticated);
    assert_eq!(text(client.get("aws.sm", &name).cached(false).await), "x");
    assert_eq!(aws.proxy.count("AssumeRole"), 2);
}

#[tokio::test]
async fn valid_credentials_are_not_renewed() {
    let aws = Aws::start().await;
    let (client, name) = (by_role(&aws).await, unique("it/hold-"));
    aws.plant("aws.sm", &name, "x");
    aws.proxy.fault("AssumeRole", Fault::expiration(SystemTime::now() + Duration::from_secs(600))).always();
    for _ in 0..3 {
        fifty(&aws, &client, "aws.sm", &name).await;
    }
    assert_eq!(aws.proxy.count("AssumeRole"), 1);
}

#[tokio::test]
async fn credentials_about_to_expire_are_renewed_once_for_all_callers() {
    for (store, operation, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (by_role(&aws).await, unique(prefix));
        aws.plant(store, &name, "x");
        aws.proxy.fault("AssumeRole", Fault::expiration(SystemTime::now() + Duration::from_secs(20))).once();
        assert_eq!(text(client.get(store, &name).await), "x");
        assert_eq!(aws.proxy.count("AssumeRole"), 1, "{store}");

        fifty(&aws, &client, store, &name).await;
        assert_eq!(aws.proxy.count("AssumeRole"), 2, "{store}");
        let signers: Vec<_> = aws.proxy.requests(operation).iter().map(|request| signed_by(request).0).collect();
        assert!(signers[1..].iter().all(|signer| *signer != signers[0]), "nobody signs with the old ones");
    }
}

#[tokio::test]
async fn each_role_of_a_chain_is_renewed_by_its_own_expiry() {
    let aws = Aws::start().await;
    let config = aws.config().with_role(Role::new(ROLE)).with_role(Role::new("arn:aws:iam::111111111111:role/next"));
    let client = aws.client_by(config).await;
    let is_last = |request: &s1crets_testbed::Request| request.text().contains("111111111111");
    aws.proxy.fault_if(is_last, Fault::expiration(SystemTime::now() + Duration::from_secs(20))).once();
    for _ in 0..3 {
        fails(client.get("aws.sm", &unique("it/none-")).await, ErrorKind::NotFound);
    }
    let assumed: Vec<_> = aws.proxy.requests("AssumeRole").iter().map(|hop| hop.form("RoleArn").unwrap()).collect();
    assert_eq!(assumed.iter().filter(|arn| *arn == ROLE).count(), 1, "{assumed:?}");
    assert_eq!(assumed.len(), 3, "{assumed:?}");
}

#[tokio::test]
async fn credentials_that_can_not_be_renewed_yet_serve_until_they_expire() {
    let aws = Aws::start().await;
    let client = aws.client_by(aws.config().with_role(Role::new(ROLE)).with_retry(attempts(1))).await;
    let name = unique("it/outage-");
    aws.plant("aws.sm", &name, "x");
    aws.proxy.fault("AssumeRole", Fault::expiration(SystemTime::now() + Duration::from_secs(50))).once();
    aws.proxy.fault("AssumeRole", Fault::unavailable()).always();
    for _ in 0..2 {
        assert_eq!(text(client.get("aws.sm", &name).cached(false).await), "x");
    }
    assert_eq!(aws.proxy.count("AssumeRole"), 2);
}

#[tokio::test]
async fn an_identity_that_expires_before_the_role_is_loaded_again_once() {
    let aws = Aws::start().await;
    let (client, name) = (by_role_one_by_one(&aws).await, unique("it/before-"));
    aws.plant("aws.sm", &name, "x");
    aws.proxy.fault("AssumeRole", Fault::expired_token()).once();
    fifty(&aws, &client, "aws.sm", &name).await;
    assert_eq!((aws.proxy.count("AssumeRole"), aws.proxy.count("GetSecretValue")), (2, 50));
}

#[tokio::test]
async fn an_identity_that_stays_expired_says_so() {
    let aws = Aws::start().await;
    let client = by_role(&aws).await;
    aws.proxy.fault("AssumeRole", Fault::expired_token()).always();
    let error = fails(client.get("aws.sm", "x").await, ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("can't assume the role: AWS says ExpiredToken"), "{error}");
    assert_eq!(aws.proxy.counts(), [("AssumeRole".to_owned(), 2)].into());
}
