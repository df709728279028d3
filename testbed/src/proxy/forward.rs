//! Forwards a request to the proxy's upstream server.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::authority,
    http::{Request, Response, malformed, parse_response},
};

/// The upstream's response, or a 502 with the reason, like a real gateway.
pub(super) async fn forward(upstream: &str, request: &Request) -> Response {
    match exchange(upstream, request).await {
        Ok(response) => response,
        Err(error) => Response::new(502, "text/plain", format!("{upstream}: {error}")),
    }
}

/// Uses a connection for each request, which is cheap on the loopback interface. The `Host` header
/// stays unchanged, because it is signed.
async fn exchange(upstream: &str, request: &Request) -> io::Result<Response> {
    let mut stream = TcpStream::connect(authority(upstream)).await?;
    stream.write_all(&request.to_bytes()).await?;
    let mut arrived = Vec::new();
    loop {
        let ended = stream.read_buf(&mut arrived).await? == 0;
        if let Some(response) = parse_response(&arrived, ended)? {
            return Ok(response);
        }
        if ended {
            return Err(malformed("the response is cut short"));
        }
    }
}
