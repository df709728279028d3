//! The cache in front of AWS: one secret under several names, variants, outages, runtimes.

use std::{slice, sync::Arc, time::Duration};

use s1crets::{CachePolicy, Cached, Client, ErrorKind, GetOptions, Provider, Version, providers::aws::SecretsManager};
use s1crets_testbed::{Fault, unique};
use serde_json::json;

use crate::support::{Aws, STORES, fails, get_together, text, within};

/// Reads that should be answered from memory, and how many of them were not.
async fn calls_of(aws: &Aws, read: impl AsyncFnOnce()) -> usize {
    let before = aws.proxy.total();
    read().await;
    aws.proxy.total() - before
}

#[tokio::test]
async fn an_update_drops_a_parameter_under_all_its_names() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("/it/drop-"));
    let (name, beside) = (format!("{root}/a"), format!("{root}/a2"));
    for name in [&name, &beside] {
        aws.seed.put_parameter(name, "old", "SecureString");
    }
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter{name}", crate::support::ACCOUNT);
    let get = |name| client.get("aws.ps", name);
    let variants = async || {
        let mut texts = Vec::new();
        for read in [get(&name), get(&name).decrypt(false), get(&arn), get(&beside)] {
            texts.push(text(read.await));
        }
        texts
    };
    variants().await;
    assert_eq!(calls_of(&aws, async || drop(variants().await)).await, 0);

    client.update("aws.ps", &name, "new").await.unwrap();
    let calls = calls_of(&aws, async || {
        let texts = variants().await;
        assert!(texts[1].contains("new") && texts[1] != "new");
        assert_eq!([&texts[0], &texts[2], &texts[3]], ["new", "new", "old"]);
    });
    assert_eq!(calls.await, 3, "only the name beside is still held");
}

#[tokio::test]
async fn an_update_drops_a_secret_under_all_its_names() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/drop-"));
    let arn = aws.seed.create_secret(&name, "0");
    let partial = arn.rsplit_once('-').unwrap().0.to_owned();
    let ids = [&name, &arn, &partial];
    let get = |id| client.get("aws.sm", id);
    // Written by each of its names, and read by all of them and by a stage.
    for (round, written) in ids.into_iter().enumerate() {
        for id in ids {
            text(get(id).await);
        }
        text(get(&name).version_stage("AWSCURRENT").await);
        let value = (round + 1).to_string();
        client.update("aws.sm", written, value.as_str()).await.unwrap();
        for id in ids {
            assert_eq!(text(get(id).await), value, "written by {written}, read by {id}");
        }
        assert_eq!(text(get(&name).version_stage("AWSCURRENT").await), value);
    }
}

#[tokio::test]
async fn an_update_drops_the_listings_that_cover_it_and_no_others() {
    for (store, _, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, root) = (aws.client().await, unique(prefix));
        for rest in ["a/x", "ab/x"] {
            aws.plant(store, &format!("{root}/{rest}"), "old");
        }
        let list = async |rest: &str| {
            let listing = client.get_by_path(store, &format!("{root}{rest}")).await.unwrap();
            listing.iter().map(|(_, secret)| secret.expose_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for rest in ["", "/a", "/ab"] {
            list(rest).await;
        }
        client.update(store, &format!("{root}/a/x"), "new").await.unwrap();
        assert_eq!(calls_of(&aws, async || drop(list("/ab").await)).await, 0, "{store}");
        assert_eq!((list("").await, list("/a").await), (vec!["new".into(), "old".into()], vec!["new".into()]));
    }
}

#[tokio::test]
async fn an_update_of_one_key_is_seen_at_once() {
    for (store, _, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (aws.client().await, unique(prefix));
        aws.plant(store, &name, r#"{"a":1}"#);
        assert_eq!(text(client.get(store, &name).key("a").await), "1");
        client.update(store, &name, "2").key("a").await.unwrap();
        assert_eq!(text(client.get(store, &name).key("a").await), "2", "{store}");
    }
}

#[tokio::test]
async fn a_keypath_is_no_reason_for_another_call() {
    for (store, _, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (aws.client().await, unique(prefix));
        aws.plant(store, &name, r#"{"a":1,"b":2}"#);
        assert_eq!(text(client.get(store, &name).key("a").await), "1");
        assert_eq!(text(client.get(store, &name).key("b").retry(7).default("x").await), "2");
        assert!(client.path_exists(store, &name).key("a").await.unwrap());
        fails(client.get(store, &name).key("c").await, ErrorKind::KeyNotFound);
        assert_eq!(aws.proxy.total(), 1, "{store}");
    }
}

#[tokio::test]
async fn an_old_answer_under_way_is_not_kept_after_an_invalidation() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/way-"));
    aws.plant("aws.sm", &name, "new");
    let old = json!({ "ARN": "a-b", "Name": name, "VersionId": "v", "SecretString": "old" });
    aws.proxy.fault("GetSecretValue", Fault::json(&old)).once();
    let hold = aws.proxy.hold();
    let (slow, path) = (client.clone(), name.clone());
    let slow = tokio::spawn(async move { text(slow.get("aws.sm", &path).await) });
    aws.proxy.wait_for_held(1).await;
    client.invalidate("aws.sm", &name).unwrap();
    hold.release();
    assert_eq!(within(slow).await.unwrap(), "old");
    assert_eq!(text(client.get("aws.sm", &name).await), "new");
    assert_eq!(aws.proxy.total(), 2);
}

/// What is under way was asked for by another name than the one that is written.
#[tokio::test]
async fn an_old_answer_under_way_by_arn_is_not_kept_after_an_update_by_name() {
    let aws = Aws::start().await;
    let (client, name, other) = (aws.client().await, unique("it/arn-"), unique("it/beside-"));
    let arns = [&name, &other].map(|name| aws.seed.create_secret(name, "old"));
    // moto answers with what is there when the call gets to it; this answer was made before.
    let old = json!({ "ARN": arns[0], "Name": name, "VersionId": "v", "SecretString": "old" });
    let first = arns[0].clone();
    aws.proxy.fault_if(move |request| request.text().contains(&first), Fault::json(&old)).once();
    let hold = aws.proxy.hold();
    let slow = arns.clone().map(|arn| {
        let client = client.clone();
        tokio::spawn(async move { text(client.get("aws.sm", &arn).version_stage("AWSCURRENT").await) })
    });
    aws.proxy.wait_for_held(2).await;
    client.invalidate("aws.sm", &name).unwrap();
    hold.release();
    for slow in slow {
        assert_eq!(within(slow).await.unwrap(), "old");
    }
    aws.plant_again("aws.sm", &name, "new");
    let read = async |arn| text(client.get("aws.sm", arn).version_stage("AWSCURRENT").await);
    assert_eq!(read(&arns[0]).await, "new");
    assert_eq!(calls_of(&aws, async || assert_eq!(read(&arns[1]).await, "old")).await, 0, "another secret is kept");
}

/// A secret may be made without a value, as by Terraform. Until its first one, reads find nothing.
#[tokio::test]
async fn the_first_value_ends_what_was_remembered_under_name_and_arn() {
    let aws = Aws::start().await;
    for by_arn in [true, false] {
        let (client, name) = (aws.client().await, unique("it/first-"));
        let made = aws.seed.call("secretsmanager.CreateSecret", &json!({ "Name": name })).unwrap();
        let arn = made["ARN"].as_str().unwrap();
        for id in [&name, arn] {
            fails(client.get("aws.sm", id).await, ErrorKind::NotFound);
        }
        let id = if by_arn { arn } else { &name };
        let updated = client.update("aws.sm", id, "first").await.unwrap();
        assert_eq!(updated.name.as_deref(), Some(name.as_str()));
        for id in [&name, arn] {
            assert_eq!(text(client.get("aws.sm", id).await), "first", "{id}");
        }
    }
}

#[tokio::test]
async fn who_has_written_by_name_does_not_join_an_older_load_by_arn() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/arn-"));
    let arn = aws.seed.create_secret(&name, "old");
    let old = json!({ "ARN": arn, "Name": name, "VersionId": "v", "SecretString": "old" });
    aws.proxy.fault("GetSecretValue", Fault::json(&old)).once();
    let hold = aws.proxy.hold();
    let (slow, path) = (client.clone(), arn.clone());
    let slow = tokio::spawn(async move { text(slow.get("aws.sm", &path).await) });
    aws.proxy.wait_for_held(1).await;
    aws.plant_again("aws.sm", &name, "new");
    client.invalidate("aws.sm", &name).unwrap();
    let (after, path) = (client.clone(), arn.clone());
    let after = tokio::spawn(async move { text(after.get("aws.sm", &path).await) });
    aws.proxy.wait_for_held(2).await;
    hold.release();
    // Either of the two may be given the old answer; the one that began after the drop is kept.
    within(slow).await.unwrap();
    let after = within(after).await.unwrap();
    assert_eq!(text(client.get("aws.sm", &arn).await), after);
}

#[tokio::test]
async fn an_unchanged_secret_is_not_read_again_and_a_changed_one_is() {
    let aws = Aws::start().await;
    let (cached, name) = (revalidating(&aws).await, unique("it/probe-"));
    aws.plant("aws.sm", &name, "one");
    let stage = GetOptions::default().with_version(Version::Stage("AWSCURRENT".into()));
    for (options, reads) in [(GetOptions::default(), 1), (stage, 3)] {
        let value = text(cached.get(&name, &options).await);
        assert_eq!(text(cached.get(&name, &options).await), value);
        assert_eq!(aws.proxy.count("GetSecretValue"), reads, "expired at once, but the version is the same");
        aws.plant_again("aws.sm", &name, "two");
        assert_eq!(text(cached.get(&name, &options).await), "two");
    }
    let stats = cached.stats();
    assert_eq!((stats.revalidated, stats.loaded, stats.revalidation_denied), (2, 4, 0));
    assert_eq!(aws.proxy.count("DescribeSecret"), 4);

    aws.seed.call("secretsmanager.DeleteSecret", &json!({ "SecretId": name })).unwrap();
    fails(cached.get(&name, &GetOptions::default()).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn without_the_right_to_describe_a_secret_it_is_read_as_ever() {
    let aws = Aws::start().await;
    let (cached, name) = (revalidating(&aws).await, unique("it/probe-"));
    aws.plant("aws.sm", &name, "one");
    aws.proxy.fault("DescribeSecret", Fault::access_denied()).always();
    for reads in 1..=3 {
        assert_eq!(text(cached.get(&name, &GetOptions::default()).await), "one");
        assert_eq!(aws.proxy.count("GetSecretValue"), reads);
    }
    assert_eq!(aws.proxy.count("DescribeSecret"), 1, "not asked again");
    assert_eq!(cached.stats().revalidation_denied, 1);
}

/// In front of Secrets Manager, with values that expire at once.
async fn revalidating(aws: &Aws) -> Cached<SecretsManager> {
    let policy = CachePolicy::default().with_ttl(Duration::from_nanos(1)).with_revalidate(true);
    Cached::new(Arc::new(aws.secrets_manager().await), policy)
}

#[tokio::test]
async fn what_is_held_is_served_while_aws_is_away() {
    for (store, _, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, root) = (aws.client().await, unique(prefix));
        let name = format!("{root}/x");
        aws.plant(store, &name, "x");
        text(client.get(store, &name).await);
        client.get_by_path(store, &root).await.unwrap();
        aws.proxy.fault_any(Fault::Hang).always();
        assert_eq!(text(client.get(store, &name).await), "x");
        assert_eq!(client.get_by_path(store, &root).await.unwrap().len(), 1);
        assert_eq!(text(get_together(&client, store, slice::from_ref(&name)).await.remove(0)), "x");
    }
}

#[tokio::test]
async fn a_secret_that_is_forbidden_by_now_is_dropped_when_asked_for_anew() {
    for (store, operation, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (aws.client().await, unique(prefix));
        aws.plant(store, &name, "x");
        text(client.get(store, &name).await);
        aws.proxy.fault(operation, Fault::access_denied()).times(2);
        fails(client.get(store, &name).cached(false).await, ErrorKind::AccessDenied);
        fails(client.get(store, &name).await, ErrorKind::AccessDenied);
        assert_eq!(text(client.get(store, &name).await), "x", "{store}");
    }
}

/// As in a program of `#[tokio::test]`s that share a process-wide client.
#[test]
fn a_client_outlives_the_runtime_that_connected_it() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let servers = runtime();
    let aws = servers.block_on(Aws::start());
    let (name, path) = (unique("it/outlives-"), unique("/it/outlives-"));
    aws.plant("aws.sm", &name, "x");
    aws.plant("aws.ps", &path, "x");
    let role = s1crets::providers::aws::Role::new("arn:aws:iam::123456789012:role/r");
    let client: Client = runtime().block_on(aws.client_by(aws.config().with_role(role)));
    for _ in 0..3 {
        // Each with its own connections, whose tasks end with it.
        runtime().block_on(within(async {
            assert_eq!(text(client.get("aws.sm", &name).cached(false).await), "x");
            assert_eq!(text(client.get("aws.ps", &path).cached(false).await), "x");
        }));
    }
    assert_eq!(aws.proxy.count("AssumeRole"), 2, "one for each store");
}
