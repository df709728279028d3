//! A blocking HTTP client, to prepare and control servers from sync and async tests.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::http::{Request, Response, malformed, parse_response};

/// The servers respond in milliseconds. A request that times out usually waits for a server in the
/// thread that it blocks.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn post(endpoint: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
    exchange(endpoint, "POST", path, headers, body)
}

pub(crate) fn exchange(
    endpoint: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let authority = authority(endpoint);
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let host = ("host".to_owned(), authority.to_owned());
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: [host].into_iter().chain(headers.iter().map(owned)).collect(),
        body: body.to_vec(),
    };
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(&request.to_bytes())?;
    read_response(&mut stream)
}

/// The `host:port` of `http://host:port`.
pub(crate) fn authority(endpoint: &str) -> &str {
    let rest = endpoint.strip_prefix("http://").unwrap_or(endpoint);
    rest.trim_end_matches('/')
}

/// Reads until the response is whole. Not every server closes the connection, although the request
/// asks for it.
fn read_response(stream: &mut TcpStream) -> io::Result<Response> {
    let mut arrived = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut piece)?;
        arrived.extend_from_slice(&piece[..length]);
        if let Some(response) = parse_response(&arrived, length == 0)? {
            return Ok(response);
        }
        if length == 0 {
            return Err(malformed("the response is cut short"));
        }
    }
}
