//! How many requests AWS gets for many reads: bills and rate limits depend on it.

use std::{sync::Arc, time::Duration};

use s1crets::{CachePolicy, Cached, ErrorKind, GetOptions, ListOptions, Provider};
use s1crets_testbed::{Fault, unique};
use tokio::task::JoinSet;

use crate::support::{Aws, STORES, fails, get_together, text, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_concurrent_cold_reads_of_one_name_are_one_call() {
    for (store, operation, prefix) in STORES {
        let aws = Aws::start().await;
        let (client, name) = (aws.client().await, unique(prefix));
        aws.plant(store, &name, "hunter2");

        let hold = aws.proxy.hold();
        let mut gets = JoinSet::new();
        for _ in 0..1000 {
            let (client, name) = (client.clone(), name.clone());
            gets.spawn(async move { text(client.get(store, &name).await) });
        }
        aws.proxy.wait_for_held(1).await;
        hold.release();
        let texts = within(gets.join_all()).await;
        assert!(texts.len() == 1000 && texts.iter().all(|text| text == "hunter2"));
        assert_eq!((aws.proxy.count(operation), aws.proxy.total()), (1, 1), "{store}");
    }
}

#[tokio::test]
async fn sixty_secrets_below_a_path_are_three_calls() {
    let aws = Aws::start().await;
    let root = unique("it/sixty-");
    for index in 0..60 {
        aws.seed.create_secret(&format!("{root}/{index:02}"), &index.to_string());
    }
    let listing = aws.secrets_manager().await.get_by_path(&root, &ListOptions::default()).await.unwrap();
    assert_eq!(listing.len(), 60);
    assert_eq!(listing.get(&format!("{root}/59")).unwrap().expose_str().unwrap(), "59");
    assert_eq!((aws.proxy.count("BatchGetSecretValue"), aws.proxy.total()), (3, 3));
}

#[tokio::test]
async fn twenty_five_parameters_below_a_path_are_three_calls() {
    let aws = Aws::start().await;
    let root = unique("/it/twenty-five-");
    for index in 0..25 {
        aws.seed.put_parameter(&format!("{root}/{index:02}"), &index.to_string(), "String");
    }
    let listing = aws.parameter_store().await.get_by_path(&root, &ListOptions::default()).await.unwrap();
    assert_eq!(listing.len(), 25);
    assert_eq!(listing.get(&format!("{root}/24")).unwrap().expose_str().unwrap(), "24");
    assert_eq!((aws.proxy.count("GetParametersByPath"), aws.proxy.total()), (3, 3));
}

#[tokio::test]
async fn a_hundred_names_are_five_batches_of_secrets_and_ten_of_parameters() {
    for (store, operation, calls, prefix) in
        [("aws.sm", "BatchGetSecretValue", 5, "it/hundred-"), ("aws.ps", "GetParameters", 10, "/it/hundred-")]
    {
        let aws = Aws::start().await;
        let root = unique(prefix);
        let names: Vec<_> = (0..100).map(|index| format!("{root}/{index}")).collect();
        for (index, name) in names.iter().enumerate() {
            aws.plant(store, name, &index.to_string());
        }
        let client = aws.client().await;
        let answers = get_together(&client, store, &names).await;
        for (index, answer) in answers.into_iter().enumerate() {
            assert_eq!(text(answer), index.to_string());
        }
        assert_eq!((aws.proxy.count(operation), aws.proxy.total()), (calls, calls), "{store}");

        // What was read together is held singly.
        assert_eq!(text(client.get(store, &names[7]).await), "7");
        assert_eq!(aws.proxy.total(), calls, "{store}");
    }
}

const BATCHES: [(&str, &str, usize, &str); 2] =
    [("aws.sm", "BatchGetSecretValue", 20, "it/singly-"), ("aws.ps", "GetParameters", 10, "/it/singly-")];

#[tokio::test]
async fn a_hundred_cold_names_asked_for_one_by_one_are_five_batches_and_ten() {
    for (store, operation, size, prefix) in BATCHES {
        let aws = Aws::start().await;
        let (client, root) = (aws.client().await, unique(prefix));
        let mut gets = JoinSet::new();
        for index in 0..100 {
            let (client, name) = (client.clone(), format!("{root}/{index}"));
            aws.plant(store, &name, &name);
            gets.spawn(async move { (text(client.get(store, &name).await), name) });
        }
        for (text, name) in within(gets.join_all()).await {
            assert_eq!(text, name);
        }
        assert_eq!((aws.proxy.count(operation), aws.proxy.total()), (100 / size, 100 / size), "{store}");
    }
}

#[tokio::test]
async fn a_thousand_names_due_together_are_fifty_batches_and_a_hundred() {
    for (store, operation, size, prefix) in BATCHES {
        let aws = Aws::start().await;
        let root = unique(prefix);
        let names: Vec<_> = (0..1000).map(|index| format!("{root}/{index}")).collect();
        names.iter().for_each(|name| aws.plant(store, name, "x"));
        // All are due after half of the time at the latest.
        const TTL: Duration = Duration::from_secs(3600);
        let policy = CachePolicy::default().with_ttl(TTL).with_refresh_ahead(0.0).with_entries(10_000);
        let provider: Arc<dyn Provider> = match store {
            "aws.sm" => Arc::new(aws.secrets_manager().await),
            _ => Arc::new(aws.parameter_store().await),
        };
        let cached = Cached::new(provider, policy);
        cached.get_many(&names, &GetOptions::default()).await.into_iter().for_each(|answer| drop(text(answer)));
        let first = aws.proxy.total();
        tokio::time::pause();
        tokio::time::advance(TTL / 2).await;
        tokio::time::resume();
        for name in &names {
            text(cached.get(name, &GetOptions::default()).await);
        }
        within(async {
            while cached.stats().loaded < 2000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert_eq!(aws.proxy.total() - first, 1000 / size, "{store}: {:?}", aws.proxy.counts());
        assert_eq!(aws.proxy.count(operation), aws.proxy.total(), "{store}");
    }
}

#[tokio::test]
async fn one_denied_name_in_a_batch_leaves_the_others_answered() {
    let aws = Aws::start().await;
    let (secrets, parameters) = (aws.secrets_manager().await, aws.parameter_store().await);
    for (store, batch, single, prefix, provider) in [
        ("aws.ps", "GetParameters", "GetParameter", "/it/denied-", &parameters as &dyn Provider),
        ("aws.sm", "BatchGetSecretValue", "GetSecretValue", "it/denied-", &secrets),
    ] {
        let root = unique(prefix);
        let names: Vec<_> = (0..13).map(|index| format!("{root}/{index:02}")).collect();
        for name in &names {
            aws.plant(store, name, name);
        }
        // AWS refuses the whole GetParameters, and each call with that name in it.
        let denied = format!("\"{}\"", names[3]);
        aws.proxy.fault_if(move |request| request.text().contains(&denied), Fault::access_denied()).always();
        let answers = provider.get_many(&names, &GetOptions::default()).await;
        for (index, (name, answer)) in names.iter().zip(answers).enumerate() {
            match index {
                3 => drop(fails(answer, ErrorKind::AccessDenied)),
                _ => assert_eq!(&text(answer), name),
            }
        }
        assert!(aws.proxy.count(batch) <= 2 && aws.proxy.count(single) <= 13, "{:?}", aws.proxy.counts());
    }
}
