//! Retry policy: which failures are retried, how often, with which timeout, and what the error says.

use std::{num::NonZeroU32, time::Duration};

use futures::future::join_all;
use s1crets::{Client, ErrorKind};
use s1crets_testbed::{Fault, unique};

use crate::support::{Aws, STORES, attempts, fails, text, within};

const SHORT: Duration = Duration::from_millis(100);

/// A secret in each store of a region, whose retries no other test spends.
async fn each(region: &str, look: impl AsyncFn(&Aws, &Client, &str, &str, &str)) {
    in_each(region, &[()], async |aws, client, store, operation, name, ()| {
        look(aws, client, store, operation, name).await;
    })
    .await;
}

/// The same for several cases. All at once: mostly they wait between attempts.
async fn in_each<T: Clone>(region: &str, cases: &[T], look: impl AsyncFn(&Aws, &Client, &str, &str, &str, T)) {
    let all = cases.iter().flat_map(|case| STORES.map(|store| (case.clone(), store)));
    let looks = all.map(async |(case, (store, operation, prefix))| {
        let aws = Aws::start_in(region).await;
        let (client, name) = (aws.client().await, unique(prefix));
        aws.plant(store, &name, "hunter2");
        look(&aws, &client, store, operation, &name, case).await;
    });
    within(join_all(looks)).await;
}

#[tokio::test]
async fn three_attempts_are_three_calls() {
    let faults =
        [Fault::server_error(), Fault::unavailable(), Fault::Status(500), Fault::Status(502), Fault::Status(504)];
    in_each("ca-central-1", &faults, async |aws, client, store, operation, name, fault| {
        aws.proxy.fault(operation, fault.clone()).times(3);
        let error = fails(client.get(store, name).await, ErrorKind::Unavailable);
        assert!(error.is_retryable());
        assert_eq!((aws.proxy.count(operation), aws.proxy.total()), (3, 3), "{store} {fault:?}");
    })
    .await;
}

#[tokio::test]
async fn the_last_attempt_may_succeed() {
    each("ap-east-1", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::server_error()).times(2);
        assert_eq!(text(client.get(store, name).await), "hunter2");
        assert_eq!(aws.proxy.total(), 3, "{store}");
    })
    .await;
}

#[tokio::test]
async fn retry_is_the_number_of_all_attempts() {
    in_each("ca-west-1", &[(1, 1), (2, 2), (0, 1)], async |aws, client, store, operation, name, case| {
        let (retry, calls) = case;
        aws.proxy.fault(operation, Fault::server_error()).always();
        fails(client.get(store, name).retry(retry).await, ErrorKind::Unavailable);
        assert_eq!(aws.proxy.count(operation), calls, "{store} {retry}");

        // The same as a setting of the provider.
        if let Some(retry) = NonZeroU32::new(retry) {
            let set = aws.client_by(aws.config().with_retry(retry)).await;
            aws.proxy.reset_counts();
            fails(set.get(store, name).await, ErrorKind::Unavailable);
            assert_eq!(aws.proxy.count(operation), calls, "{store} {retry}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_definite_answer_is_not_retried() {
    each("eu-central-1", async |aws, client, store, operation, name| {
        for (fault, kind) in [
            (Fault::access_denied(), ErrorKind::AccessDenied),
            (Fault::Status(403), ErrorKind::AccessDenied),
            (Fault::aws_json("ValidationException", "no"), ErrorKind::InvalidInput),
            (Fault::aws_json("InvalidKeyId", "no"), ErrorKind::InvalidInput),
            (Fault::aws_json("IncompleteSignature", "no"), ErrorKind::Unauthenticated),
            (Fault::aws_json("SomethingNew", "no"), ErrorKind::Unexpected),
            (Fault::Garbage, ErrorKind::Unavailable),
        ] {
            aws.proxy.reset_counts();
            aws.proxy.fault(operation, fault.clone()).once();
            let error = fails(client.get(store, name).await, kind);
            assert_eq!(aws.proxy.total(), 1, "{store} {fault:?}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn throttling_is_retried_and_then_reported() {
    each("eu-central-2", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::throttled()).times(2);
        assert_eq!(text(client.get(store, name).await), "hunter2");
        assert_eq!(aws.proxy.total(), 3, "{store}");

        aws.proxy.reset_counts();
        aws.proxy.fault(operation, Fault::throttled()).times(3);
        let error = fails(client.get(store, name).cached(false).await, ErrorKind::Throttled);
        assert!(error.is_retryable() && error.to_string().contains("Rate exceeded"), "{error}");
        assert_eq!(aws.proxy.total(), 3, "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_load_balancers_bare_429_is_throttling() {
    each("eu-south-1", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::Status(429)).once();
        assert_eq!(text(client.get(store, name).await), "hunter2");
        assert_eq!(aws.proxy.total(), 2, "{store}");

        aws.proxy.reset_counts();
        aws.proxy.fault(operation, Fault::Status(429)).always();
        fails(client.get(store, name).retry(2).cached(false).await, ErrorKind::Throttled);
        assert_eq!(aws.proxy.total(), 2, "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout_that_says_so() {
    each("eu-south-2", async |aws, _, store, operation, name| {
        let client = aws.client_by(aws.config().with_timeout(Duration::from_secs(1))).await;
        aws.proxy.fault(operation, Fault::Hang).always();
        let error = fails(client.get(store, name).await, ErrorKind::Timeout);
        assert!(error.to_string().ends_with("no answer in up to 3 attempts of 1s each"), "{error}");
        assert!(error.is_retryable());
        assert_eq!(aws.proxy.count(operation), 3, "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_request_can_set_its_own_retry_policy() {
    each("eu-west-3", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::Hang).always();
        let error = fails(client.get(store, name).retry(2).timeout(SHORT).await, ErrorKind::Timeout);
        assert!(error.to_string().contains("up to 2 attempts of 100ms each"), "{error}");
        let error = fails(client.get(store, name).retry(1).timeout(SHORT).await, ErrorKind::Timeout);
        assert!(error.to_string().contains("one attempt of 100ms each"), "{error}");
        assert_eq!(aws.proxy.count(operation), 3, "{store}");
    })
    .await;
}

#[tokio::test]
async fn listings_and_updates_follow_the_retry_policy_too() {
    each("eu-north-1", async |aws, client, store, _, name| {
        aws.proxy.fault_any(Fault::Hang).always();
        fails(client.get_by_path(store, "/it/x").retry(1).timeout(SHORT).await, ErrorKind::Timeout);
        fails(client.update(store, name, "x").retry(2).timeout(SHORT).await, ErrorKind::Timeout);
        fails(client.update(store, name, "x").key("k").retry(1).timeout(SHORT).await, ErrorKind::Timeout);
        assert_eq!(aws.proxy.total(), 4, "{store} {:?}", aws.proxy.counts());
    })
    .await;
}

/// A whole attempt may take longer, for a long answer; the first word of it may not.
#[tokio::test]
async fn a_response_that_begins_after_the_timeout_is_a_timeout() {
    each("ap-southeast-2", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::Delay(SHORT * 3 / 2)).always();
        fails(client.get(store, name).timeout(SHORT).retry(1).await, ErrorKind::Timeout);
        let hasty = aws.client_by(aws.config().with_timeout(SHORT).with_retry(attempts(1))).await;
        fails(hasty.get(store, name).await, ErrorKind::Timeout);
    })
    .await;
}

#[tokio::test]
async fn a_slow_response_within_the_timeout_is_returned() {
    each("il-central-1", async |aws, client, store, operation, name| {
        aws.proxy.fault(operation, Fault::Delay(SHORT)).once();
        assert_eq!(text(client.get(store, name).timeout(Duration::from_secs(10)).retry(1).await), "hunter2", "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_retried() {
    let faults = [Fault::Reset, Fault::Close, Fault::Truncate(5)];
    in_each("me-central-1", &faults, async |aws, client, store, operation, name, fault| {
        aws.proxy.fault(operation, fault.clone()).once();
        assert_eq!(text(client.get(store, name).await), "hunter2", "{store} {fault:?}");
        assert_eq!(aws.proxy.total(), 2, "{store} {fault:?}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_every_time_is_unavailable() {
    let faults = [Fault::Reset, Fault::Close, Fault::Truncate(5)];
    in_each("me-south-1", &faults, async |aws, client, store, operation, name, fault| {
        aws.proxy.fault(operation, fault.clone()).always();
        let error = fails(client.get(store, name).await, ErrorKind::Unavailable);
        assert!(error.is_retryable());
        assert_eq!(aws.proxy.total(), 3, "{store} {fault:?}: {error}");
    })
    .await;
}

#[tokio::test]
async fn nobody_listening_is_unavailable_with_its_cause() {
    let aws = Aws::start_in("af-south-1").await;
    let config = aws.config().with_endpoint_url("http://127.0.0.1:9").with_retry(attempts(2));
    let client = aws.client_by(config).await;
    for (store, ..) in STORES {
        let error = fails(client.get(store, "/x").await, ErrorKind::Unavailable);
        assert!(error.to_string().contains("can't be reached"), "{error}");
        assert!(std::error::Error::source(&error).is_some(), "why is in the chain");
    }
}

#[tokio::test]
async fn an_endless_timeout_does_not_panic() {
    each("mx-central-1", async |aws, client, store, _, name| {
        assert_eq!(text(client.get(store, name).timeout(Duration::MAX).await), "hunter2", "{store}");
        let patient = aws.client_by(aws.config().with_timeout(Duration::MAX).with_retry(attempts(u32::MAX))).await;
        assert_eq!(text(patient.get(store, name).await), "hunter2", "{store}");
        let hasty = aws.client_by(aws.config().with_timeout(Duration::ZERO)).await;
        fails(hasty.get(store, name).await, ErrorKind::Timeout);
    })
    .await;
}

/// A service that sets the timeout by what is left of a deadline has another one at each read.
#[tokio::test]
async fn reads_with_two_hundred_timeouts_share_the_connections() {
    for (store, _, prefix) in STORES {
        let (aws, name) = (Aws::start().await, unique(prefix));
        aws.plant(store, &name, "hunter2");
        let client = aws.client().await;
        for extra in 0..200 {
            let timeout = Duration::from_secs(10) + Duration::from_millis(extra);
            assert_eq!(text(client.get(store, &name).cached(false).timeout(timeout).await), "hunter2");
        }
        assert_eq!(aws.proxy.total(), 200);
        assert!(aws.proxy.connections() <= 4, "{store}: {} connections", aws.proxy.connections());
    }
}
