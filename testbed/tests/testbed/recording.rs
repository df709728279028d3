//! How the proxy counts, records and holds requests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets_testbed::{Fault, FaultProxy};
use tokio::{task::JoinSet, time::sleep};

use crate::support::{Client, bounded, echo, operation, post, send};

#[tokio::test]
async fn requests_are_counted_by_operation_and_recorded() {
    let proxy = FaultProxy::start(&echo().await).await;
    let mut client = Client::connect(proxy.endpoint()).await;
    proxy.fault("AssumeRole", Fault::throttled()).once();
    for request in [
        operation("GetParameter", r#"{"Name":"a"}"#),
        operation("GetParameter", r#"{"Name":"b"}"#),
        post("X-Test: yes\r\n", "Action=AssumeRole&RoleArn=arn%3Ax"),
        post("", "no form").replace("POST / ", "PUT /x?y "),
    ] {
        bounded(client.send(&request)).await.expect("a response");
    }
    let counts: Vec<_> = proxy.counts().into_iter().collect();
    let expected = [("AssumeRole", 1), ("GetParameter", 2), ("PUT /x", 1)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!((proxy.count("GetParameter"), proxy.count("Nothing"), proxy.total()), (2, 0, 4));

    let assumed = &proxy.requests("AssumeRole")[0];
    assert_eq!(assumed.header("x-test"), Some("yes"));
    assert_eq!(assumed.form("RoleArn").as_deref(), Some("arn:x"));
    assert_eq!(proxy.requests("GetParameter")[1].json()["Name"], "b");

    proxy.reset_counts();
    assert_eq!(proxy.total(), 0);
}

#[tokio::test]
async fn an_exchange_has_the_response_and_the_time_of_the_request() {
    let proxy = FaultProxy::start(&echo().await).await;
    let mut client = Client::connect(proxy.endpoint()).await;
    let before = Instant::now();
    bounded(client.send(&operation("GetParameter", r#"{"Name":"a"}"#))).await.expect("a response");
    proxy.fault("GetParameter", Fault::Status(503)).once();
    bounded(client.send(&operation("GetParameter", r#"{"Name":"b"}"#))).await.expect("a response");
    proxy.fault("GetParameter", Fault::Close).once();
    bounded(client.send(&operation("GetParameter", "{}"))).await.expect_err("no response");
    let exchanges = proxy.exchanges("GetParameter");
    assert_eq!(
        exchanges.iter().map(|it| it.status).collect::<Vec<_>>(),
        [200, 503],
        "a request without a response is no exchange"
    );
    assert_eq!((&exchanges[0].answer["Name"], exchanges[1].answer.is_null()), (&"a".into(), true));
    assert_eq!(exchanges[1].request.json()["Name"], "b");
    assert!(before <= exchanges[0].asked && exchanges[0].asked <= exchanges[1].asked);
}

#[tokio::test]
async fn held_requests_are_released_together() {
    let proxy = Arc::new(FaultProxy::start(&echo().await).await);
    let hold = proxy.hold();
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let proxy = Arc::clone(&proxy);
        clients.spawn(async move { send(proxy.endpoint(), &operation("GetParameter", "{}")).await });
    }
    bounded(proxy.wait_for_held(5)).await;
    assert_eq!((proxy.waiting(), proxy.count("GetParameter"), clients.len()), (5, 5, 5));
    assert!(clients.try_join_next().is_none(), "no request was answered");

    hold.release();
    for answer in bounded(clients.join_all()).await {
        assert!(answer.expect("a response").starts_with("HTTP/1.1 200"));
    }
    assert_eq!((proxy.waiting(), proxy.max_in_flight()), (0, 5));
}

#[tokio::test]
async fn a_second_hold_still_holds_after_the_first_is_released() {
    let proxy = FaultProxy::start(&echo().await).await;
    let (first, second) = (proxy.hold(), proxy.hold());
    let request = operation("GetParameter", "{}");
    let answer = send(proxy.endpoint(), &request);
    tokio::pin!(answer);
    drop(first);
    tokio::select! {
        _ = &mut answer => panic!("it was not held"),
        () = sleep(Duration::from_millis(200)) => {}
    }
    drop(second);
    bounded(answer).await.expect("a response");
}

#[tokio::test]
async fn a_hung_request_is_in_flight_until_its_client_disconnects() {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault_any(Fault::Hang).once();
    let mut client = Client::connect(proxy.endpoint()).await;
    let request = operation("GetParameter", "{}");
    let hung = tokio::time::timeout(Duration::from_millis(200), client.send(&request)).await;
    assert!(hung.is_err());
    drop(client);
    bounded(async {
        while proxy.max_in_flight() > 0 {
            proxy.reset_counts();
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_proxy_closes_its_connections() {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault_any(Fault::Hang).always();
    let mut client = Client::connect(proxy.endpoint()).await;
    let endpoint = proxy.endpoint().to_owned();
    let request = operation("GetParameter", "{}");
    let (ended, ()) = bounded(async {
        tokio::join!(client.send(&request), async {
            while proxy.total() == 0 {
                sleep(Duration::from_millis(10)).await;
            }
            drop(proxy);
        })
    })
    .await;
    ended.expect_err("the connection is closed");
    let authority = endpoint.strip_prefix("http://").expect("plain HTTP");
    tokio::net::TcpStream::connect(authority).await.expect_err("nothing listens");
}
