//! Each fault of the proxy, as a client sees it.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use s1crets_testbed::{Answer, Fault, FaultProxy, Stub, Tunnel};
use tokio::time::timeout;

use crate::support::{Client, bounded, echo, operation, post, send, status};

/// Sends a `GetParameter` request through a proxy with this fault.
async fn send_through(fault: Fault) -> std::io::Result<String> {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault("GetParameter", fault).always();
    bounded(send(proxy.endpoint(), &operation("GetParameter", r#"{"Name":"a"}"#))).await
}

#[tokio::test]
async fn without_a_fault_a_request_is_forwarded() {
    let answer = send_through(Fault::Pass).await.expect("a response");
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("X-Upstream: echo"), "{answer}");
    assert!(answer.ends_with(r#"{"Name":"a"}"#), "{answer}");
}

#[tokio::test]
async fn a_status_fault_has_no_body() {
    let answer = send_through(Fault::Status(429)).await.expect("a response");
    assert_eq!(answer, "HTTP/1.1 429 \r\ncontent-length: 0\r\n\r\n");
}

#[tokio::test]
async fn a_json_error_has_its_code_in_the_header_and_the_body() {
    let answer = send_through(Fault::aws_json("ParameterNotFound", "no")).await.expect("a response");
    assert_eq!(status(&answer), "400");
    assert!(answer.contains("x-amzn-ErrorType: ParameterNotFound"), "{answer}");
    assert!(answer.ends_with(r#"{"__type":"ParameterNotFound","message":"no"}"#), "{answer}");
}

#[tokio::test]
async fn usual_errors_have_the_form_of_the_service() {
    let parameter_store = operation("GetParameter", "{}");
    let secrets_manager = post("X-Amz-Target: secretsmanager.GetSecretValue\r\n", "{}");
    let sts = post("", "Action=AssumeRole");
    let cases = [
        (Fault::throttled(), &parameter_store, "400", r#""ThrottlingException","message""#),
        (Fault::throttled(), &secrets_manager, "400", r#""ThrottlingException","message""#),
        (Fault::throttled(), &sts, "400", "<Code>Throttling</Code>"),
        (Fault::server_error(), &parameter_store, "500", r#""InternalServerError","message""#),
        (Fault::server_error(), &secrets_manager, "500", r#""Message":"#),
        (Fault::server_error(), &secrets_manager, "500", r#""InternalServiceError""#),
        (Fault::server_error(), &sts, "500", "<Code>InternalFailure</Code>"),
        (Fault::unavailable(), &parameter_store, "503", r#""ServiceUnavailable""#),
        (Fault::access_denied(), &parameter_store, "400", r#""Message":"User: arn"#),
        (Fault::access_denied(), &sts, "403", "<Code>AccessDenied</Code>"),
        (Fault::expired_token(), &secrets_manager, "400", r#""ExpiredTokenException","message""#),
        (Fault::expired_token(), &sts, "403", "<Code>ExpiredToken</Code>"),
    ];
    let proxy = FaultProxy::start(&echo().await).await;
    for (fault, request, code, expected) in cases {
        proxy.fault_any(fault).once();
        let answer = bounded(send(proxy.endpoint(), request)).await.expect("a response");
        assert_eq!(status(&answer), code, "{answer}");
        assert!(answer.contains(expected), "{expected} is not in {answer}");
    }
}

#[tokio::test]
async fn a_query_error_is_well_formed() {
    let fault = Fault::AwsQuery { status: 403, code: "AccessDenied".to_owned(), message: "a <b> & c".to_owned() };
    let answer = send_through(fault).await.expect("a response");
    assert_eq!(status(&answer), "403");
    let error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; c</Message></Error>";
    assert!(answer.contains(error), "{answer}");
}

#[tokio::test]
async fn a_hang_neither_responds_nor_closes() {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault_any(Fault::Hang).always();
    let mut client = Client::connect(proxy.endpoint()).await;
    let request = operation("GetParameter", "{}");
    let waited = timeout(Duration::from_millis(300), client.send_until_closed(&request)).await;
    assert!(waited.is_err(), "it responded or closed: {waited:?}");
}

#[tokio::test]
async fn a_delay_postpones_the_response() {
    let begun = Instant::now();
    let answer = send_through(Fault::Delay(Duration::from_millis(200))).await.expect("a response");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(status(&answer), "200");
}

#[tokio::test]
async fn a_reset_resets_the_tcp_connection() {
    let error = send_through(Fault::Reset).await.expect_err("no response");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_close_ends_the_connection_without_a_response() {
    let error = send_through(Fault::Close).await.expect_err("no response");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_truncated_response_announces_more_than_it_sends() {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault_any(Fault::Truncate(3)).always();
    let mut client = Client::connect(proxy.endpoint()).await;
    let request = operation("GetParameter", "0123456789");
    let arrived = bounded(client.send_until_closed(&request)).await.expect("a proper close");
    assert!(arrived.contains("content-length: 10\r\n"), "{arrived}");
    assert!(arrived.ends_with("\r\n\r\n012"), "{arrived}");
}

#[tokio::test]
async fn garbage_has_status_200_and_does_not_parse() {
    let answer = send_through(Fault::Garbage).await.expect("a response");
    assert_eq!(status(&answer), "200");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
}

#[tokio::test]
async fn a_given_response_is_sent_verbatim() {
    let fault = Fault::Respond { status: 418, content_type: "text/x-tea".to_owned(), body: b"short".to_vec() };
    let answer = send_through(fault).await.expect("a response");
    assert_eq!(status(&answer), "418");
    assert!(answer.contains("content-type: text/x-tea\r\n") && answer.ends_with("\r\n\r\nshort"), "{answer}");
}

#[tokio::test]
async fn a_rewritten_response_has_the_new_length() {
    let answer = send_through(Fault::Rewrite("Name".to_owned(), "Longer name".to_owned())).await;
    let answer = answer.expect("a response");
    assert!(answer.contains("content-length: 19\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"Longer name":"a"}"#), "{answer}");
}

#[tokio::test]
async fn an_added_header_reaches_only_the_upstream() {
    let upstream = Stub::start(|_| Answer::new(200, "{}")).await;
    let proxy = FaultProxy::start(upstream.endpoint()).await;
    proxy.fault_any(Fault::WithHeader("x-added".to_owned(), "yes".to_owned())).once();
    for _ in 0..2 {
        bounded(send(proxy.endpoint(), &operation("GetParameter", "{}"))).await.expect("a response");
    }
    let seen: Vec<_> = upstream.requests().iter().map(|it| it.header("x-added").map(str::to_owned)).collect();
    assert_eq!(seen, [Some("yes".to_owned()), None]);
    assert_eq!(proxy.requests("GetParameter")[0].header("x-added"), None);
}

#[tokio::test]
async fn a_dripping_response_arrives_byte_by_byte() {
    let stub = Stub::start(|_| Answer::new(200, "abc").dripping(Duration::from_millis(50))).await;
    let began = Instant::now();
    let mut client = Client::connect(stub.endpoint()).await;
    let answer = bounded(client.send_until_closed(&post("", ""))).await.expect("a response");
    assert!(answer.contains("content-length: 3\r\n") && answer.ends_with("\r\n\r\nabc"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_tunnel_forwards_bytes_and_records_its_target() {
    let (tunnel, upstream) = (Tunnel::start().await, echo().await);
    let target = upstream.strip_prefix("http://").expect("plain HTTP");
    let connect = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let mut client = Client::connect(tunnel.endpoint()).await;
    assert_eq!(status(&bounded(client.send(&connect)).await.expect("a tunnel")), "200");
    let answer = bounded(client.send(&post("", "hello"))).await.expect("a response");
    assert!(answer.contains("X-Upstream: echo"), "{answer}");
    assert_eq!(tunnel.opened(), [target]);
    let answer = bounded(send(tunnel.endpoint(), &post("", ""))).await.expect("a response");
    assert_eq!((status(&answer), tunnel.opened().len()), ("405", 1));
}

#[tokio::test]
async fn an_unreachable_upstream_is_a_bad_gateway() {
    let gone = FaultProxy::start("http://127.0.0.1:1").await;
    let answer = bounded(send(gone.endpoint(), &operation("GetParameter", "{}"))).await;
    assert_eq!(status(&answer.expect("a response")), "502");
}

#[tokio::test]
async fn faults_apply_in_the_order_in_which_they_were_scripted() {
    let proxy = FaultProxy::start(&echo().await).await;
    proxy.fault("GetParameter", Fault::Pass).once();
    proxy.fault("GetParameter", Fault::Status(500)).times(2);
    proxy.fault_if(|request| request.json()["Name"] == "b", Fault::Status(418)).always();
    let mut client = Client::connect(proxy.endpoint()).await;
    let mut seen = Vec::new();
    for (name, body) in [
        ("GetParameter", r#"{"Name":"b"}"#),
        ("PutParameter", "{}"),
        ("GetParameter", "{}"),
        ("GetParameter", "{}"),
        ("GetParameter", "{}"),
        ("GetParameter", r#"{"Name":"b"}"#),
    ] {
        let answer = bounded(client.send(&operation(name, body))).await.expect("the connection stays");
        seen.push(status(&answer).to_owned());
    }
    assert_eq!(seen, ["200", "200", "500", "500", "200", "418"]);

    proxy.clear();
    let answer = bounded(client.send(&operation("GetParameter", r#"{"Name":"b"}"#))).await;
    assert_eq!(status(&answer.expect("a response")), "200");
}
