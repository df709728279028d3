//! Listings of Secrets Manager, by the batch call and without it.

use s1crets::{ErrorKind, ListOptions, Listing, Provider};
use s1crets_testbed::{Fault, unique};
use serde_json::json;

use crate::support::{Aws, fails, get_together};

fn names(listing: &Listing) -> Vec<&str> {
    listing.names().collect()
}

#[tokio::test]
async fn a_listing_ends_at_a_slash_and_gives_full_names() {
    let aws = Aws::start().await;
    for prefix in ["it/sm/below-", "/it/sm/below-"] {
        let (client, root) = (aws.client().await, unique(prefix));
        for rest in ["data/a", "data/b/c", "database", "dat"] {
            aws.seed.create_secret(&format!("{root}/{rest}"), rest);
        }
        let full = |rests: &[&str]| rests.iter().map(|rest| format!("{root}/{rest}")).collect::<Vec<_>>();
        for path in [format!("{root}/data"), format!("{root}/data/")] {
            let all = client.get_by_path("aws.sm", &path).await.unwrap();
            assert_eq!(names(&all), full(&["data/a", "data/b/c"]));
            let first = client.get_by_path("aws.sm", &path).recursive(false).await.unwrap();
            assert_eq!(names(&first), full(&["data/a"]));
            assert_eq!(all.get(&format!("{root}/data/a")).unwrap().expose_str().unwrap(), "data/a");
        }
        assert!(client.get_by_path("aws.sm", &format!("{root}/none")).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_secret_named_like_the_path_is_listed_unless_the_path_ends_with_a_slash() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/very-"));
    aws.seed.create_secret(&root, "x");
    aws.seed.create_secret(&format!("{root}/below"), "x");
    let listing = client.get_by_path("aws.sm", &root).await.unwrap();
    assert_eq!(names(&listing), [root.clone(), format!("{root}/below")]);
    let listing = client.get_by_path("aws.sm", &format!("{root}/")).await.unwrap();
    assert_eq!(names(&listing), [format!("{root}/below")]);
}

#[tokio::test]
async fn the_root_lists_all() {
    // In a region where no other test plants.
    let aws = Aws::start_in("sa-east-1").await;
    let planted = ["bare-", "a/b-", "/slash/c-"].map(unique);
    planted.iter().for_each(|name| drop(aws.seed.create_secret(name, "x")));
    let store = aws.secrets_manager().await;
    for path in ["/", ""] {
        let listing = store.get_by_path(path, &ListOptions::default()).await.unwrap();
        assert!(planted.iter().all(|name| listing.get(name).is_some()), "{path:?} {listing:?}");
        let flat = store.get_by_path(path, &ListOptions::default().with_recursive(false)).await.unwrap();
        let first: Vec<_> = planted.iter().filter(|name| flat.get(name).is_some()).collect();
        assert_eq!(first, [&planted[0]], "{path:?}");
    }
}

#[tokio::test]
async fn an_exclamation_mark_does_not_negate_the_filter() {
    let aws = Aws::start().await;
    fails(aws.client().await.get_by_path("aws.sm", "!prod").await, ErrorKind::InvalidInput);
    assert_eq!(aws.proxy.total(), 0);
}

#[tokio::test]
async fn a_listing_holds_bytes_but_no_empty_or_deleted_secrets() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/mixed-"));
    aws.seed.create_secret(&format!("{root}/text"), "x");
    aws.seed.create_secret_binary(&format!("{root}/bytes"), &[0xff]);
    aws.seed.create_secret(&format!("{root}/deleted"), "x");
    aws.seed.call("secretsmanager.DeleteSecret", &json!({ "SecretId": format!("{root}/deleted") })).unwrap();
    aws.seed.call("secretsmanager.CreateSecret", &json!({ "Name": format!("{root}/empty") })).unwrap();
    let listing = client.get_by_path("aws.sm", &root).await.unwrap();
    assert_eq!(names(&listing), [format!("{root}/bytes"), format!("{root}/text")]);
    assert!(listing.get(&format!("{root}/bytes")).unwrap().is_binary());
}

#[tokio::test]
async fn without_the_right_to_batch_reads_secrets_are_listed_and_read_one_by_one() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/denied-"));
    for index in 0..5 {
        aws.seed.create_secret(&format!("{root}/{index}"), &index.to_string());
    }
    aws.seed.create_secret(&format!("{root}-beside"), "x");
    aws.proxy.fault("BatchGetSecretValue", Fault::access_denied()).always();
    let listing = client.get_by_path("aws.sm", &root).await.unwrap();
    assert_eq!(listing.len(), 5);
    assert_eq!(listing.get(&format!("{root}/4")).unwrap().expose_str().unwrap(), "4");
    let counts = [("BatchGetSecretValue", 1), ("GetSecretValue", 5), ("ListSecrets", 1)];
    assert_eq!(aws.proxy.counts(), counts.map(|(operation, count)| (operation.to_owned(), count)).into());
}

#[tokio::test]
async fn a_secret_deleted_between_listing_and_reading_is_left_out() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/raced-"));
    for rest in ["a", "b"] {
        aws.seed.create_secret(&format!("{root}/{rest}"), "x");
    }
    aws.proxy.fault("BatchGetSecretValue", Fault::access_denied()).always();
    let (seed, gone) = (aws.seed.clone(), format!("{root}/b"));
    let delete = json!({ "SecretId": gone, "ForceDeleteWithoutRecovery": true });
    aws.on_first("GetSecretValue", move || seed.call("secretsmanager.DeleteSecret", &delete).unwrap());
    let listing = client.get_by_path("aws.sm", &root).await.unwrap();
    assert_eq!(names(&listing), [format!("{root}/a")]);
}

/// A batch answer with one readable secret, and one refused.
fn half_refused(root: &str, code: &str) -> Fault {
    let arn = |rest: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{root}/{rest}-AbCdEf");
    Fault::json(&json!({
        "SecretValues": [{ "ARN": arn("open"), "Name": format!("{root}/open"), "VersionId": "v", "SecretString": "x" }],
        "Errors": [{ "SecretId": arn("shut"), "ErrorCode": code, "Message": "no-kms-for-you" }],
    }))
}

#[tokio::test]
async fn one_denied_secret_fails_the_listing_or_is_reported_in_it() {
    for (code, kind) in
        [("AccessDeniedException", ErrorKind::AccessDenied), ("DecryptionFailure", ErrorKind::AccessDenied)]
    {
        let aws = Aws::start().await;
        let (client, root) = (aws.client().await, unique("it/sm/half-"));
        aws.proxy.fault("BatchGetSecretValue", half_refused(&root, code)).always();
        let error = fails(client.get_by_path("aws.sm", &root).await, kind);
        assert!(error.to_string().contains("no-kms-for-you"), "{error}");

        let listing = client.get_by_path("aws.sm", &root).fail_on_error(false).await.unwrap();
        assert_eq!(names(&listing), [format!("{root}/open")]);
        let failures: Vec<_> = listing.failures().map(|(name, error)| (name.to_owned(), error.kind())).collect();
        assert_eq!(failures, [(format!("{root}/shut"), kind)]);
    }
}

#[tokio::test]
async fn a_listing_with_failures_is_not_cached() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/unheld-"));
    aws.seed.create_secret(&format!("{root}/open"), "x");
    aws.seed.create_secret(&format!("{root}/shut"), "x");
    aws.proxy.fault("BatchGetSecretValue", half_refused(&root, "AccessDeniedException")).once();
    let listing = client.get_by_path("aws.sm", &root).fail_on_error(false).await.unwrap();
    assert_eq!((listing.len(), listing.failures().len()), (1, 1));
    let listing = client.get_by_path("aws.sm", &root).fail_on_error(false).await.unwrap();
    assert_eq!((listing.len(), listing.failures().len()), (2, 0));
    assert_eq!(aws.proxy.count("BatchGetSecretValue"), 2);
}

#[tokio::test]
async fn a_refused_neighbour_does_not_fail_the_listing() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/neighbour-"));
    aws.proxy.fault("BatchGetSecretValue", half_refused(&format!("{root}-x"), "AccessDeniedException")).once();
    assert!(client.get_by_path("aws.sm", &root).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_in_the_middle_of_the_pages_fails_the_listing() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/middle-"));
    for index in 0..25 {
        aws.seed.create_secret(&format!("{root}/{index:02}"), "x");
    }
    aws.proxy.fault("BatchGetSecretValue", Fault::Pass).once();
    aws.proxy.fault("BatchGetSecretValue", Fault::aws_json("InternalServiceError", "oops")).always();
    fails(client.get_by_path("aws.sm", &root).retry(1).await, ErrorKind::Unavailable);
    aws.proxy.clear();
    assert_eq!(client.get_by_path("aws.sm", &root).await.unwrap().len(), 25);
}

#[tokio::test]
async fn a_name_that_is_refused_in_a_batch_is_read_alone() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/singly-"));
    for rest in ["open", "shut"] {
        aws.seed.create_secret(&format!("{root}/{rest}"), rest);
    }
    aws.proxy.fault("BatchGetSecretValue", half_refused(&root, "AccessDeniedException")).once();
    let paths = [format!("{root}/open"), format!("{root}/shut"), format!("{root}/none")];
    let mut answers = get_together(&client, "aws.sm", &paths).await.into_iter();
    assert_eq!(answers.next().unwrap().unwrap().expose_str().unwrap(), "x");
    assert_eq!(answers.next().unwrap().unwrap().expose_str().unwrap(), "shut");
    fails(answers.next().unwrap(), ErrorKind::NotFound);
    assert_eq!((aws.proxy.count("BatchGetSecretValue"), aws.proxy.count("GetSecretValue")), (1, 2));
}
