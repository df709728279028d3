//! Secrets of other regions: an ARN is asked in its own region, and "not found" says where AWS looked.

use s1crets::{Client, Error, ErrorKind, providers::aws::Role};
use s1crets_testbed::{Answer, AwsSeed, Moto, Stub, unique};

use crate::{
    subprocess::Child,
    support::{ACCOUNT, Aws, REGION, fails, get_together, signed_by, text},
};

const ELSEWHERE: &str = "us-west-1";

/// The same name in both stores, here and elsewhere, and the ARN of the one elsewhere.
struct Planted {
    aws: Aws,
    client: Client,
    name: String,
    secret: String,
    parameter: String,
}

impl Planted {
    async fn new() -> Self {
        let aws = Aws::start().await;
        let (client, name) = (aws.client().await, unique("it/region-"));
        let elsewhere = AwsSeed::new(Moto::shared().endpoint(), ELSEWHERE);
        let secret = elsewhere.create_secret(&name, "secret elsewhere");
        elsewhere.put_parameter(&format!("/{name}"), "parameter elsewhere", "SecureString");
        let parameter = format!("arn:aws:ssm:{ELSEWHERE}:{ACCOUNT}:parameter/{name}");
        aws.plant("aws.sm", &name, "secret here");
        aws.plant("aws.ps", &format!("/{name}"), "parameter here");
        Self { aws, client, name, secret, parameter }
    }

    /// The regions that calls of an operation were signed for.
    fn regions(&self, operation: &str) -> Vec<String> {
        let mut regions: Vec<_> =
            self.aws.proxy.requests(operation).iter().map(|request| signed_by(request).1).collect();
        regions.sort_unstable();
        regions
    }
}

#[tokio::test]
async fn an_arn_of_another_region_is_asked_in_that_region() {
    let planted = Planted::new().await;
    let Planted { client, name, secret, parameter, .. } = &planted;
    assert_eq!(text(client.get("aws.sm", secret).await), "secret elsewhere");
    assert_eq!(text(client.get("aws.ps", parameter).await), "parameter elsewhere");
    assert_eq!(text(client.get("aws.sm", name).await), "secret here");
    assert_eq!(text(client.get("aws.ps", &format!("/{name}")).await), "parameter here");
    for operation in ["GetSecretValue", "GetParameter"] {
        assert_eq!(planted.regions(operation), [REGION, ELSEWHERE], "{operation}");
    }
}

#[tokio::test]
async fn a_batch_is_split_by_region() {
    let planted = Planted::new().await;
    let Planted { client, name, secret, parameter, .. } = &planted;
    let secrets = get_together(client, "aws.sm", &[secret.clone(), name.clone()]).await;
    assert_eq!(secrets.into_iter().map(text).collect::<Vec<_>>(), ["secret elsewhere", "secret here"]);
    let parameters = get_together(client, "aws.ps", &[parameter.clone(), format!("/{name}")]).await;
    assert_eq!(parameters.into_iter().map(text).collect::<Vec<_>>(), ["parameter elsewhere", "parameter here"]);
    for operation in ["BatchGetSecretValue", "GetParameters"] {
        assert_eq!(planted.regions(operation), [REGION, ELSEWHERE], "{operation}");
    }
}

#[tokio::test]
async fn an_update_by_arn_changes_the_secret_of_that_region_alone() {
    let planted = Planted::new().await;
    let Planted { client, name, secret, .. } = &planted;
    client.update("aws.sm", secret, "new").await.unwrap();
    assert_eq!(text(client.get("aws.sm", secret).await), "new");
    assert_eq!(text(client.get("aws.sm", name).await), "secret here");
    assert_eq!(planted.regions("PutSecretValue"), [ELSEWHERE]);
    assert!(client.path_exists("aws.sm", secret).await.unwrap());
}

#[tokio::test]
async fn an_arn_of_no_region_is_asked_at_home_and_leads_to_no_other_host() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    for region in ["", "evil.example", "x/y", "-x"] {
        let arn = format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:x-AbCdEf");
        client.get("aws.sm", &arn).await.unwrap_err();
    }
    for request in aws.proxy.requests("GetSecretValue") {
        assert_eq!(signed_by(&request).1, REGION);
    }
}

#[tokio::test]
async fn not_found_says_which_region_and_account_were_asked() {
    let aws = Aws::start().await;
    let role = Role::new("arn:aws:iam::210987654321:role/reader");
    let assumed = aws.client_by(aws.config().with_role(role)).await;
    let bare = aws.client().await;
    for (store, name) in [("aws.sm", "it/none"), ("aws.ps", "/it/none")] {
        let hint = |error: Error| error.hint().unwrap_or_default().to_owned();
        let told = hint(fails(bare.get(store, name).await, ErrorKind::NotFound));
        assert!(told.contains("in region us-east-1; elsewhere"), "{store}: {told}");
        let told = hint(fails(assumed.get(store, name).await, ErrorKind::NotFound));
        assert!(told.contains("in region us-east-1 of account 210987654321"), "{store}: {told}");
        // Reads of many have the same words.
        for answer in get_together(&assumed, store, &[name.to_owned(), format!("{name}2")]).await {
            assert_eq!(hint(fails(answer, ErrorKind::NotFound)), told, "{store}");
        }
    }
    let arn = format!("arn:aws:secretsmanager:{ELSEWHERE}:{ACCOUNT}:secret:it/none-AbCdEf");
    let error = fails(bare.get("aws.sm", &arn).await, ErrorKind::NotFound);
    let told = error.hint().unwrap_or_default();
    assert!(told.contains(&format!("in region {ELSEWHERE} of account {ACCOUNT}")), "{told}");
}

#[tokio::test]
async fn a_slash_too_much_or_too_few_is_told_with_the_right_spelling() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/slash-"));
    aws.plant("aws.sm", &name, "x");
    aws.plant("aws.ps", &format!("/{name}"), "x");
    for (store, wrong, right) in [
        ("aws.sm", format!("/{name}"), format!("aws.sm://{name}")),
        ("aws.ps", name.clone(), format!("aws.ps:///{name}")),
    ] {
        let single = client.get(store, &wrong).await.unwrap_err();
        assert!(single.hint().unwrap_or_default().contains(&right), "{single:?} {:?}", single.hint());
        let paths = [wrong.clone(), format!("{wrong}-none")];
        let many = get_together(&client, store, &paths).await.remove(0).unwrap_err();
        assert_eq!(many.hint(), single.hint(), "{store}");
        let updated = client.update(store, &wrong, "y").await.unwrap_err();
        assert_eq!(updated.hint(), single.hint(), "{store}");
    }
    // Nothing is there without the slash either.
    let error = fails(client.get("aws.sm", "/it/none").await, ErrorKind::NotFound);
    assert!(error.hint().unwrap_or_default().starts_with("it was looked for in region"), "{error:?}");
}

/// The region decides the host where no endpoint is set.
#[tokio::test]
async fn the_host_of_a_foreign_arn_is_that_of_its_region() {
    let proxy = Stub::start(|_| Answer::new(403, "")).await;
    let child = Child::new()
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test")
        .with("AWS_REGION", REGION)
        .with("S1CRETS_RETRY", "1")
        .with("HTTPS_PROXY", proxy.endpoint());
    let arn = format!("arn:aws:secretsmanager:{ELSEWHERE}:{ACCOUNT}:secret:x-AbCdEf");
    child.get(&format!("aws.sm://{arn}")).await;
    assert_eq!(proxy.requests()[0].path, format!("secretsmanager.{ELSEWHERE}.amazonaws.com:443"));
}

#[tokio::test]
async fn clients_of_many_regions_share_the_credentials() {
    let aws = Aws::start().await;
    let role = Role::new("arn:aws:iam::210987654321:role/reader");
    let client = aws.client_by(aws.config().with_role(role)).await;
    for region in ["us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "sa-east-1"] {
        let arn = format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:x-AbCdEf");
        fails(client.get("aws.sm", &arn).await, ErrorKind::NotFound);
    }
    assert_eq!(aws.proxy.count("AssumeRole"), 1);
}
