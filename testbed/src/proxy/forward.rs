//! Asking the server behind the proxy.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::authority,
    http::{Request, Response, malformed, parse_response},
};

/// The upstream's answer, or a 502 that names the reason: what a real gateway would say.
pub(super) async fn forward(upstream: &str, request: &Request) -> Response {
    match exchange(upstream, request).await {
        Ok(response) => response,
        Err(error) => Response::new(502, "text/plain", format!("{upstream}: {error}")),
    }
}

/// A connection for each request: simple, and cheap enough on the loopback interface.
///
/// The request keeps its `Host`, for that is signed.
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
