//! `get_refs`: how many requests many references need, and the result of each.

use s1crets::{
    Client, ErrorKind,
    providers::{
        aws::{ParameterStore, SecretsManager},
        vault_kv::{KvMounts, KvVersion, VaultKv},
    },
    vault::{Vault, VaultConfig},
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, unique};
use serde_json::json;

use crate::support::{Aws, fails, text, within};

/// A client of three backends, whose calls are counted separately.
struct Three {
    aws_ps: Aws,
    aws_sm: Aws,
    vault: FaultProxy,
    client: Client,
    root: String,
}

impl Three {
    async fn start() -> Self {
        let (aws_ps, aws_sm, bao) = (Aws::start().await, Aws::start().await, OpenBao::shared());
        let vault = FaultProxy::start(bao.plain_address()).await;
        let config = VaultConfig::new(vault.endpoint()).with_token(bao.root_token());
        let mounts = KvMounts::default().with_mount("secret", KvVersion::V2);
        let client = Client::builder()
            .with_provider("aws.ps", ParameterStore::open(aws_ps.config()).await.unwrap())
            .with_provider("aws.sm", SecretsManager::open(aws_sm.config()).await.unwrap())
            .with_provider("vault.kv", VaultKv::new(Vault::new(config).unwrap()).with_mounts(mounts))
            .build()
            .unwrap();
        Self { aws_ps, aws_sm, vault, client, root: unique("it/many-") }
    }

    /// Fifty references with their texts: to 20 parameters, 10 secrets of AWS and 5 of Vault.
    fn plant(&self) -> Vec<(String, String)> {
        let root = &self.root;
        let mut planted = Vec::new();
        for index in 0..20 {
            self.aws_ps.plant("aws.ps", &format!("/{root}/{index}"), &format!("parameter {index}"));
            planted.push((format!("aws.ps:///{root}/{index}"), format!("parameter {index}")));
        }
        let data = |index: usize| json!({ "user": format!("user {index}"), "password": format!("password {index}") });
        for index in 0..10 {
            self.aws_sm.plant("aws.sm", &format!("{root}/{index}"), &data(index).to_string());
            planted.push((format!("aws.sm://{root}/{index}#user"), format!("user {index}")));
            planted.push((format!("aws.sm://{root}/{index}#/password"), format!("password {index}")));
        }
        for index in 0..5 {
            let (path, body) = (format!("secret/data/{root}/{index}"), json!({ "data": data(index) }));
            OpenBao::shared().must("POST", &path, &body);
            planted.push((format!("vault.kv://secret/{root}/{index}#user"), format!("user {index}")));
            planted.push((format!("vault.kv://secret/{root}/{index}#password"), format!("password {index}")));
        }
        // In a mixed order, not by provider.
        (0..planted.len()).map(|index| planted[index * 7 % planted.len()].clone()).collect()
    }

    fn totals(&self) -> (usize, usize, usize) {
        (self.aws_ps.proxy.total(), self.aws_sm.proxy.total(), self.vault.total())
    }
}

#[tokio::test]
async fn fifty_references_over_three_providers_take_the_fewest_calls() {
    let three = Three::start().await;
    let planted = three.plant();
    assert_eq!(planted.len(), 50);
    let answers = three.client.get_refs(planted.iter().map(|(reference, _)| reference)).await;
    assert_eq!(answers.len(), 50);
    for ((reference, expected), answer) in planted.iter().zip(answers) {
        assert_eq!(&text(answer), expected, "{reference}");
    }
    // Ten names to a GetParameters, twenty to a BatchGetSecretValue; Vault reads one at a time.
    assert_eq!((three.aws_ps.proxy.count("GetParameters"), three.aws_sm.proxy.count("BatchGetSecretValue")), (2, 1));
    assert_eq!(three.totals(), (2, 1, 5));

    // Cached ones take no call, unless the cache may not answer.
    let again = || three.client.get_refs(planted.iter().map(|(reference, _)| reference));
    assert!(again().await.iter().all(Result::is_ok));
    assert_eq!(three.totals(), (2, 1, 5));
    assert!(again().cached(false).await.iter().all(Result::is_ok));
    assert_eq!(three.totals(), (4, 2, 10));
}

#[tokio::test]
async fn no_provider_waits_for_another() {
    let three = Three::start().await;
    let planted = three.plant();
    let holds = [three.aws_ps.proxy.hold(), three.aws_sm.proxy.hold(), three.vault.hold()];
    let client = three.client.clone();
    let references: Vec<_> = planted.into_iter().map(|(reference, _)| reference).collect();
    let answers = tokio::spawn(async move { client.get_refs(references).await });
    within(three.aws_ps.proxy.wait_for_held(2)).await;
    within(three.aws_sm.proxy.wait_for_held(1)).await;
    within(three.vault.wait_for_held(1)).await;
    holds.into_iter().for_each(s1crets_testbed::Hold::release);
    assert!(within(answers).await.unwrap().iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_failure_names_its_reference_and_leaves_the_others_answered() {
    let three = Three::start().await;
    let root = &three.root;
    let planted = three.plant();
    let refused = Fault::Respond {
        status: 403,
        content_type: "application/json".to_owned(),
        body: br#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#.to_vec(),
    };
    three.vault.fault_if(|request| request.path.contains("/data/"), refused).always();
    let sound = planted.iter().find(|(reference, _)| reference.starts_with("aws.sm")).unwrap();
    let odd = [
        (format!("aws.sm://{root}/nope#user"), ErrorKind::NotFound),
        (format!("aws.sm://{root}/0#nope"), ErrorKind::KeyNotFound),
        (format!("aws.ps:///{root}/0#user"), ErrorKind::KeyNotFound),
        (format!("vault.kv://secret/{root}/0#user"), ErrorKind::AccessDenied),
        ("prod/db".to_owned(), ErrorKind::InvalidInput),
        ("nope://prod/db".to_owned(), ErrorKind::InvalidInput),
    ];
    let all = odd.iter().map(|(reference, _)| reference.as_str()).chain([sound.0.as_str()]);
    let mut answers = three.client.get_refs(all).await;
    assert_eq!(text(answers.pop().unwrap()), sound.1);
    for ((reference, kind), answer) in odd.iter().zip(answers) {
        let message = fails(answer, *kind).to_string();
        assert!(message.contains(reference.as_str()), "{message}");
    }
}

#[tokio::test]
async fn no_references_take_no_call() {
    let three = Three::start().await;
    assert!(three.client.get_refs::<[&str; 0]>([]).await.is_empty());
    assert_eq!(three.totals(), (0, 0, 0));
}
