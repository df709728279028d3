//! HTTP/1.1 messages: parsing and serialization.
//!
//! The parsers take the bytes received so far, so that the blocking client and the async servers
//! share them.

use std::io::{self, Error, ErrorKind};

use httparse::{EMPTY_HEADER, Status};
use percent_encoding::percent_decode_str;
use serde_json::Value;

const MAX_HEADERS: usize = 100;

pub(crate) type Headers = Vec<(String, String)>;

/// An HTTP request as it was received, with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path and query, as sent.
    pub path: String,
    /// The headers, in the order and case of the client.
    pub headers: Vec<(String, String)>,
    /// The body, without chunked encoding.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header with this name. The case is ignored.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text, with replacement characters for invalid UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or `Null` if it is not JSON. A missing member is `Null` too, so
    /// `request.json()["Name"]` never panics.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A decoded field of a form body: `request.form("RoleArn")` for a call to STS.
    pub fn form(&self, name: &str) -> Option<String> {
        let body = self.text();
        let mut fields = body.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = fields.find(|(field, _)| *field == name)?;
        let spaced = value.replace('+', " ");
        Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    }

    /// The AWS operation (`GetParameter`, `AssumeRole`), or else the method and the path without
    /// its query (`PUT /latest/api/token`).
    pub fn operation(&self) -> String {
        if let Some((_, operation)) = self.header("x-amz-target").and_then(|t| t.split_once('.')) {
            return operation.to_owned();
        }
        if let Some(action) = self.form("Action") {
            return action;
        }
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    /// Whether the client asks for the connection to be closed after this request.
    pub(crate) fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("close"))
    }

    /// The request as bytes. It asks for the connection to be closed, because no connection is
    /// reused.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in end_to_end(&self.headers) {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("connection: close\r\ncontent-length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), &self.body].concat()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: vec![], body }.with_header("content-type", content_type)
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status line and the headers, with the length of the whole body.
    pub(crate) fn head(&self) -> String {
        // An empty reason phrase is valid, and clients ignore it.
        let mut head = format!("HTTP/1.1 {} \r\n", self.status);
        for (name, value) in end_to_end(&self.headers) {
            head += &format!("{name}: {value}\r\n");
        }
        head + &format!("content-length: {}\r\n\r\n", self.body.len())
    }
}

/// The first request in `bytes` and its length, or `None` if it is incomplete.
pub(crate) fn parse_request(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut slots = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut slots);
    let Status::Complete(head_length) = head.parse(bytes).map_err(malformed)? else {
        return Ok(None);
    };
    let headers = owned(head.headers);
    // A request without a length has no body.
    let framing = framing(&headers)?.unwrap_or(Framing::Length(0));
    let Some((body, body_length)) = framing.body(&bytes[head_length..])? else {
        return Ok(None);
    };
    let method = head.method.unwrap_or_default().to_owned();
    let path = head.path.unwrap_or_default().to_owned();
    let request = Request { method, path, headers, body };
    Ok(Some((request, head_length + body_length)))
}

/// The response in `bytes`, or `None` if it is incomplete. `ended` says that the connection is
/// closed, which ends a body without a length.
pub(crate) fn parse_response(bytes: &[u8], ended: bool) -> io::Result<Option<Response>> {
    let mut slots = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut slots);
    let Status::Complete(head_length) = head.parse(bytes).map_err(malformed)? else {
        return Ok(None);
    };
    let headers = owned(head.headers);
    let rest = &bytes[head_length..];
    let body = match framing(&headers)? {
        Some(framing) => framing.body(rest)?.map(|(body, _)| body),
        None => ended.then(|| rest.to_vec()),
    };
    let status = head.code.unwrap_or_default();
    Ok(body.map(|body| Response { status, headers, body }))
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Framing {
    /// The body at the start of `bytes`, and its encoded length.
    fn body(&self, bytes: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
        match *self {
            Self::Length(length) => Ok(bytes.get(..length).map(|body| (body.to_vec(), length))),
            Self::Chunked => dechunk(bytes),
        }
    }
}

fn framing(headers: &[(String, String)]) -> io::Result<Option<Framing>> {
    if find(headers, "transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        return Ok(Some(Framing::Chunked));
    }
    let length = find(headers, "content-length").map(str::parse).transpose();
    Ok(length.map_err(malformed)?.map(Framing::Length))
}

fn dechunk(bytes: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let parsed = httparse::parse_chunk_size(&bytes[at..]);
        let Status::Complete((start, size)) = parsed.map_err(|_| malformed("chunk size"))? else {
            return Ok(None);
        };
        at += start;
        if size == 0 {
            return Ok(trailer_length(&bytes[at..]).map(|length| (body, at + length)));
        }
        let size = usize::try_from(size).map_err(malformed)?;
        // Each chunk ends in CR LF.
        let Some(chunk) = at.checked_add(size).and_then(|end| bytes.get(at..end)) else {
            return Ok(None);
        };
        if bytes.len() < at + size + 2 {
            return Ok(None);
        }
        body.extend_from_slice(chunk);
        at += size + 2;
    }
}

/// The length of the trailers and the empty line. Trailers are ignored: the tests need none.
fn trailer_length(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut named = headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.as_str())
}

/// The end-to-end headers, without those of the connection. The length is left out as well, because
/// it is written with the body.
fn end_to_end(headers: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    const PER_CONNECTION: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];
    headers.iter().filter(|(name, _)| !PER_CONNECTION.iter().any(|it| it.eq_ignore_ascii_case(name)))
}

fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    let text = |header: &httparse::Header<'_>| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_owned(), value)
    };
    headers.iter().map(text).collect()
}

pub(crate) fn malformed(cause: impl ToString) -> Error {
    Error::new(ErrorKind::InvalidData, format!("malformed HTTP: {}", cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"POST /x?y=1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
        4\r\nWiki\r\n5\r\npedia\r\n0\r\nExpires: never\r\n\r\nGET / ";

    #[test]
    fn a_chunked_request_is_assembled_however_it_is_split() {
        let end = CHUNKED.len() - "GET / ".len();
        for cut in 0..end {
            assert_eq!(parse_request(&CHUNKED[..cut]).expect("valid so far"), None);
        }
        let (request, length) = parse_request(CHUNKED).expect("valid").expect("whole");
        assert_eq!(length, end, "the next request is not consumed");
        assert_eq!(request.text(), "Wikipedia");
        assert_eq!(request.operation(), "POST /x");
    }

    #[test]
    fn a_response_without_a_length_ends_with_the_connection() {
        let bytes = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello";
        assert_eq!(parse_response(bytes, false).expect("valid"), None);
        let response = parse_response(bytes, true).expect("valid").expect("whole");
        assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    }

    #[test]
    fn an_invalid_length_and_a_huge_chunk_do_not_panic() {
        assert!(parse_request(b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n").is_err());
        let huge = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nx";
        assert!(parse_request(huge).is_ok_and(|it| it.is_none()));
    }

    #[test]
    fn operations_are_named_by_target_then_action_then_path() {
        let mut request = Request {
            method: "POST".to_owned(),
            path: "/?a=b".to_owned(),
            headers: vec![("X-Amz-Target".to_owned(), "AmazonSSM.GetParameter".to_owned())],
            body: b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam&Tag=a+b".to_vec(),
        };
        assert_eq!(request.operation(), "GetParameter");
        request.headers.clear();
        assert_eq!(request.operation(), "AssumeRole");
        assert_eq!(request.form("RoleArn").as_deref(), Some("arn:aws:iam"));
        assert_eq!(request.form("Tag").as_deref(), Some("a b"));
        request.body.clear();
        assert_eq!(request.operation(), "POST /");
    }
}
