//! Checks a signature as AWS does. Written from the specification of Signature Version 4, independent of any signer.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::collections::BTreeMap;

use aws_lc_rs::{digest, hmac};

/// A request as it was sent; names of headers in lower case.
pub(super) struct Sent<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: &'a str,
}

/// The contents of a valid signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: String,
    /// The names of the headers that nobody can have changed.
    pub(super) headers: Vec<String>,
}

impl Sent<'_> {
    /// What is signed, if the holder of `secret` has signed it.
    pub(super) fn signed_by(&self, secret: &str) -> Option<Signed> {
        let authorization = self.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field =
            |name: &str| authorization.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let (credential, names, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
        let (access_key, scope) = credential.split_once('/')?;
        let [day, region, service, "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        let date = self.header("x-amz-date");
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(&self.canonical(names)));
        let key = [day, region, service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| authenticated(&key, part));
        let headers: Vec<_> = names.split(';').map(str::to_owned).collect();
        // A host that is not signed could be another one, and a date of another day is one of another key.
        let whole = headers.iter().any(|name| name == "host") && date.starts_with(day);
        (whole && hex(&authenticated(&key, &to_sign)) == signature).then(|| Signed {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            headers,
        })
    }

    /// The canonical request. Paths and queries are taken as they are: those signed here need no encoding.
    fn canonical(&self, names: &str) -> String {
        let Self { method, path, body, .. } = self;
        let mut query: Vec<_> = self.query.split('&').collect();
        query.sort_unstable();
        let line = |name: &str| {
            let value = self.header(name).split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{name}:{value}\n")
        };
        let headers: String = names.split(';').map(line).collect();
        format!("{method}\n{path}\n{}\n{headers}\n{names}\n{}", query.join("&"), hash(body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

fn hash(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn authenticated(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Requests that AWS published with their signatures: from its test suite for Signature Version 4, and from its guide.
#[test]
fn published_signatures_are_valid_and_nothing_else_is() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
    let example = "example.amazonaws.com";
    let sent = |method, query, body, scope: &str, headers: &[(&str, &str)], signature: &str| {
        let mut headers: BTreeMap<_, _> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.insert("x-amz-date".to_owned(), "20150830T123600Z".to_owned());
        let names: Vec<_> = headers.keys().cloned().collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{scope}/aws4_request, SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        headers.insert("authorization".to_owned(), authorization);
        Sent { method, path: "/", query, headers, body }
    };
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let with_token = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    let list_users = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    let session = [("host", example), ("x-amz-security-token", TOKEN)];
    let iam = [("content-type", FORM), ("host", "iam.amazonaws.com")];
    let query = "Action=ListUsers&Version=2010-05-08";
    for request in [
        sent("GET", "", "", "service", &[("host", example)], vanilla),
        sent("POST", "", "", "service", &session, with_token),
        sent("GET", query, "", "iam", &iam, list_users),
    ] {
        let signed = request.signed_by(SECRET).expect("published");
        assert_eq!((signed.access_key.as_str(), signed.region.as_str()), ("AKIDEXAMPLE", "us-east-1"));
        assert_eq!(request.signed_by("another"), None);
    }
    let mut changed = sent("POST", "", "", "service", &session, with_token);
    changed.headers.insert("x-amz-security-token".to_owned(), "another".to_owned());
    for request in [
        changed,
        sent("GET", "", "a body", "service", &[("host", example)], vanilla),
        sent("POST", "", "", "service", &[("host", example)], vanilla),
        sent("GET", "", "", "sts", &[("host", example)], vanilla),
    ] {
        assert_eq!(request.signed_by(SECRET), None);
    }
}
