//! A raw HTTP client, which shows the bytes that arrive, and an upstream that echoes.

use std::{future::Future, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Fails a test that takes longer than 20 seconds.
pub(crate) async fn bounded<T>(test: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), test).await.expect("the test ends within 20 seconds")
}

/// Starts a server that echoes the body of each request, chunked, and closes. Returns its URL.
pub(crate) async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let request = message(&mut stream).await.expect("a request");
                let (_, body) = request.split_once("\r\n\r\n").expect("a head");
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Upstream: echo";
                let size = body.len();
                let response = format!("{head}\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
                stream.write_all(response.as_bytes()).await.expect("written");
            });
        }
    });
    endpoint
}

/// A POST request of `body` for the operation `name` of Parameter Store.
pub(crate) fn operation(name: &str, body: &str) -> String {
    post(&format!("X-Amz-Target: AmazonSSM.{name}\r\n"), body)
}

/// A POST request with these header lines.
pub(crate) fn post(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: aws\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// A client with one connection, which it reuses.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn connect(endpoint: &str) -> Self {
        let authority = endpoint.strip_prefix("http://").expect("plain HTTP");
        Self(TcpStream::connect(authority).await.expect("it listens"))
    }

    /// Sends a request and returns the whole response as text.
    pub(crate) async fn send(&mut self, request: &str) -> io::Result<String> {
        self.0.write_all(request.as_bytes()).await?;
        message(&mut self.0).await
    }

    /// Sends a request and returns what arrives until the server closes the connection.
    pub(crate) async fn send_until_closed(&mut self, request: &str) -> io::Result<String> {
        self.0.write_all(request.as_bytes()).await?;
        let mut arrived = Vec::new();
        self.0.read_to_end(&mut arrived).await?;
        Ok(String::from_utf8(arrived).expect("text"))
    }
}

/// Sends a request on a new connection.
pub(crate) async fn send(endpoint: &str, request: &str) -> io::Result<String> {
    Client::connect(endpoint).await.send(request).await
}

pub(crate) fn status(response: &str) -> &str {
    response.split(' ').nth(1).expect("a status line")
}

/// Reads a message: the head, and as much of a body as its `Content-Length` says.
async fn message(stream: &mut TcpStream) -> io::Result<String> {
    let mut arrived = Vec::new();
    loop {
        if stream.read_buf(&mut arrived).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&arrived).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lines = head.lines().map(str::to_ascii_lowercase);
        let mut lengths = lines.filter_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= lengths.next().unwrap_or(0) {
            return Ok(text);
        }
    }
}
