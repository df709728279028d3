//! Typed reads: secrets in the format of baseplate's `secrets.json`, from any provider.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    error::{Error, Result},
    secret::{Json, JsonKind, Secret},
};

/// The values of a secret that is being rotated: the current one, and those before and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Versioned {
    /// The value to sign or log in with.
    pub current: Secret,
    /// The value before the current one, which others may still use; `None` if there is none.
    pub previous: Option<Secret>,
    /// The value after the current one, which others may already use; `None` if there is none.
    pub next: Option<Secret>,
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credential {
    /// The user name, a text.
    pub username: Secret,
    /// The password, a text.
    pub password: Secret,
}

impl Versioned {
    /// All values that a verifier should accept, in the order to try them: current, previous, next.
    pub fn all_versions(&self) -> impl Iterator<Item = &Secret> {
        [Some(&self.current), self.previous.as_ref(), self.next.as_ref()].into_iter().flatten()
    }
}

/// Typed reads, in the format of the `secrets.json` of
/// [baseplate](https://baseplate.readthedocs.io/en/stable/api/baseplate/lib/secrets.html). They read
/// any JSON secret of that shape, whatever its provider. Of a whole response of Vault's KV version
/// 2, they read the inner `data`.
impl Secret {
    /// The `value` of a secret with `"type": "simple"`. Its `encoding` says how it is decoded:
    /// `identity` (the default) or `base64`.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is not of that shape.
    pub fn simple(&self) -> Result<Self> {
        let entry = Entry::of_type(self, "simple")?;
        entry.decoded("value")?.ok_or_else(|| Error::corrupt("secret does not have value"))
    }

    /// The values of a secret with `"type": "versioned"`, decoded as by [`simple`](Self::simple).
    /// A `previous` or `next` that is empty or `null` counts as absent.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is not of that shape.
    pub fn versioned(&self) -> Result<Versioned> {
        let entry = Entry::of_type(self, "versioned")?;
        let is_empty = |secret: &Self| secret.expose_bytes().is_ok_and(<[u8]>::is_empty);
        let neighbour = |key| match entry.is_null(key)? {
            true => Ok(None),
            false => Ok::<_, Error>(entry.decoded(key)?.filter(|secret| !is_empty(secret))),
        };
        Ok(Versioned {
            previous: neighbour("previous")?,
            current: entry.decoded("current")?.ok_or_else(|| Error::corrupt("secret does not have 'current' value"))?,
            next: neighbour("next")?,
        })
    }

    /// The `username` and `password` of a secret with `"type": "credential"`, which are not
    /// encoded.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is not of that shape.
    pub fn credential(&self) -> Result<Credential> {
        let entry = Entry::of_type(self, "credential")?;
        if entry.encoding()? != Encoding::Identity {
            return Err(Error::corrupt("secret has encoding=base64 rather than encoding=identity"));
        }
        let text = |key| match entry.decoded(key)? {
            Some(secret) => Ok(secret),
            None => Err(Error::corrupt(format!("secret does not have key '{key}'"))),
        };
        Ok(Credential { username: text("username")?, password: text("password")? })
    }
}

/// A JSON object of the expected `type`.
struct Entry {
    object: Secret,
}

#[derive(PartialEq)]
enum Encoding {
    Identity,
    Base64,
}

impl Entry {
    fn of_type(secret: &Secret, kind: &str) -> Result<Self> {
        let object = if is_kv2(secret.json()?) { secret.key("data")? } else { secret.clone() };
        let json = object.json()?;
        if json.kind() != JsonKind::Object {
            return Err(Error::corrupt(format!("the secret is {}, not an object", json.kind().name())));
        }
        if json.get("type").and_then(Json::as_str) != Some(kind) {
            return Err(Error::corrupt(format!("secret does not have type={kind}")));
        }
        Ok(Self { object })
    }

    fn encoding(&self) -> Result<Encoding> {
        let Some(encoding) = self.object.json()?.get("encoding") else {
            return Ok(Encoding::Identity);
        };
        match encoding.as_str() {
            Some("identity") => Ok(Encoding::Identity),
            Some("base64") => Ok(Encoding::Base64),
            // What stands there may be a secret under the wrong key.
            _ => Err(Error::corrupt("the encoding is neither identity nor base64")),
        }
    }

    fn is_null(&self, key: &str) -> Result<bool> {
        Ok(self.object.json()?.get(key).is_some_and(Json::is_null))
    }

    /// The decoded value under `key`; `None` if it is missing.
    fn decoded(&self, key: &str) -> Result<Option<Secret>> {
        let Some(value) = self.object.json()?.get(key) else {
            return Ok(None);
        };
        if value.kind() != JsonKind::String {
            return Err(Error::corrupt(format!("secret value '{key}' is not a string")));
        }
        let text = self.object.key(key)?;
        if self.encoding()? == Encoding::Identity {
            return Ok(Some(text));
        }
        // The error of the decoder would quote a symbol of the secret.
        let bytes = STANDARD.decode(text.expose_bytes()?);
        let bytes = bytes.map_err(|_| Error::corrupt(format!("unable to decode base64 of '{key}'")))?;
        Ok(Some(Secret::binary(bytes, self.object.metadata().clone())))
    }
}

/// Whether this is the `data` of a response of KV version 2, by the rule of
/// [baseplate.go](https://github.com/reddit/baseplate.go/blob/main/secrets/secrets.go).
fn is_kv2(json: Json<'_>) -> bool {
    let inner = json.get("data").is_some_and(|data| data.kind() == JsonKind::Object);
    let metadata = |key| json.get("metadata").and_then(|metadata| metadata.get(key));
    let version = metadata("version").is_some_and(|version| version.kind() == JsonKind::Number);
    let created = metadata("created_time").and_then(Json::as_str).is_some_and(|time| !time.is_empty());
    inner && version && created
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ErrorKind, secret::Metadata};

    const UNKNOWN_ENCODING: &str = "the encoding is neither identity nor base64";

    fn secret(text: &str) -> Secret {
        Secret::text(text, Metadata::default())
    }

    fn text(secret: &Secret) -> &str {
        secret.expose_str().expect("text")
    }

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        let error = result.expect_err("corrupt");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        error.message().to_owned()
    }

    #[test]
    fn simple_reads_text_and_base64() {
        let value = secret(r#"{"type":"simple","value":"h\u00e9llo"}"#).simple().expect("simple");
        assert_eq!(value.expose_str().expect("text"), "héllo");
        let value = secret(r#"{"type":"simple","value":"AAH/","encoding":"base64"}"#).simple().expect("simple");
        assert_eq!(value.expose_bytes().expect("bytes"), [0, 1, 255]);
    }

    #[test]
    fn the_error_of_a_malformed_secret_says_why() {
        for (entry, why) in [
            (r#"{"type":"versioned","value":"x"}"#, "secret does not have type=simple"),
            (r#"{"value":"x"}"#, "secret does not have type=simple"),
            (r#"{"type":"simple"}"#, "secret does not have value"),
            (r#"{"type":"simple","value":"x","encoding":"mystery"}"#, UNKNOWN_ENCODING),
            (r#"{"type":"simple","value":"x","encoding":""}"#, UNKNOWN_ENCODING),
            (r#"{"type":"simple","value":"x","encoding":null}"#, UNKNOWN_ENCODING),
            (r#"{"type":"simple","value":"aGVsbG8","encoding":"base64"}"#, "unable to decode base64 of 'value'"),
            (r#"{"type":"simple","value":"aGVs bG8=!!","encoding":"base64"}"#, "unable to decode base64 of 'value'"),
            (r#"{"type":"simple","value":"é","encoding":"base64"}"#, "unable to decode base64 of 'value'"),
            (r#"{"type":"simple","value":7}"#, "secret value 'value' is not a string"),
            (r#"["type"]"#, "the secret is an array, not an object"),
        ] {
            assert_eq!(message(secret(entry).simple()), why, "{entry}");
        }
        assert!(message(secret("plain").simple()).starts_with("the secret is not JSON"));
    }

    /// A password may be stored under the wrong key by mistake.
    #[test]
    fn no_error_quotes_a_part_of_the_secret() {
        const MARK: &str = "hunter2";
        for wrong in [
            r#""hunter2""#,
            r#""\u0068unter2""#,
            r#""base64 hunter2""#,
            r#"["hunter2"]"#,
            r#"{"hunter2":"hunter2"}"#,
            "7482",
            r#""aHVudGVyMg==""#,
        ] {
            for entry in [
                format!(r#"{{"type":"simple","value":"x","encoding":{wrong}}}"#),
                format!(r#"{{"type":"versioned","current":"x","encoding":{wrong}}}"#),
                format!(r#"{{"type":"credential","username":"u","password":"x","encoding":{wrong}}}"#),
                format!(r#"{{"type":{wrong},"value":"x"}}"#),
                format!(r#"{{"type":"simple","value":[{wrong}]}}"#),
                format!(r#"{{"type":"versioned","current":{{"x":{wrong}}}}}"#),
                format!(r#"{{"type":"credential","username":[{wrong}],"password":{{"x":{wrong}}}}}"#),
                format!(r#"{{"type":"simple","value":"hunter2!","encoding":"base64","x":{wrong}}}"#),
                format!(r#"[{wrong}]"#),
                format!(r#"{{"type":"simple","value":{wrong}"#),
            ] {
                let kv2 = format!(r#"{{"data":{entry},"metadata":{{"version":1,"created_time":"x"}}}}"#);
                for secret in [secret(&entry), secret(&kv2), Secret::binary(entry.clone(), Metadata::default())] {
                    let errors = [secret.simple().err(), secret.versioned().err(), secret.credential().err()];
                    let shown = format!("{errors:?}");
                    for mark in [MARK, "u0068", "7482", "aHVudGVyMg"] {
                        assert!(!shown.contains(mark), "{entry}: {shown}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_current_value_comes_first_and_empty_ones_are_absent() {
        let entry = r#"{"type":"versioned","current":"c","previous":"p","next":"n"}"#;
        let versioned = secret(entry).versioned().expect("versioned");
        let all: Vec<_> = versioned.all_versions().map(text).collect();
        assert_eq!(all, ["c", "p", "n"]);

        let entry = r#"{"type":"versioned","current":"","previous":"","next":""}"#;
        let versioned = secret(entry).versioned().expect("versioned");
        assert_eq!((text(&versioned.current), &versioned.previous, &versioned.next), ("", &None, &None));

        for encoding in ["identity", "base64"] {
            let entry = format!(
                r#"{{"type":"versioned","current":"eA==","previous":null,"next":null,"encoding":"{encoding}"}}"#
            );
            let versioned = secret(&entry).versioned().expect("null is absent, as for baseplate");
            assert_eq!((&versioned.previous, &versioned.next), (&None, &None));
        }
        let why = message(secret(r#"{"type":"versioned","current":null}"#).versioned());
        assert_eq!(why, "secret value 'current' is not a string");

        let why = message(secret(r#"{"type":"versioned","previous":"p"}"#).versioned());
        assert_eq!(why, "secret does not have 'current' value");
    }

    #[test]
    fn credentials_have_no_encoding() {
        let entry = r#"{"type":"credential","username":"u","password":"p","encoding":"identity"}"#;
        let credential = secret(entry).credential().expect("credential");
        assert_eq!(credential.username.expose_str().expect("text"), "u");
        assert_eq!(credential.password.expose_str().expect("text"), "p");
        for (entry, why) in [
            (r#"{"type":"simple"}"#, "secret does not have type=credential"),
            (
                r#"{"type":"credential","encoding":"base64"}"#,
                "secret has encoding=base64 rather than encoding=identity",
            ),
            (r#"{"type":"credential","username":"u","password":1}"#, "secret value 'password' is not a string"),
            (r#"{"type":"credential","password":"p"}"#, "secret does not have key 'username'"),
        ] {
            assert_eq!(message(secret(entry).credential()), why, "{entry}");
        }
    }

    /// The cases of baseplate.go's own test of the rule.
    #[test]
    fn the_inner_data_of_a_kv2_response_is_read() {
        let inner = r#"{"type":"simple","value":"x"}"#;
        for (metadata, taken) in [
            (r#"{"version":1,"created_time":"2020-01-01T00:00:00Z"}"#, true),
            (r#"{"version":0,"created_time":"x"}"#, true),
            (r#"{"version":"1","created_time":"x"}"#, false),
            (r#"{"version":null,"created_time":"x"}"#, false),
            (r#"{"created_time":"x"}"#, false),
            (r#"{"version":1}"#, false),
            (r#"{"version":1,"created_time":""}"#, false),
            (r#"{"version":1,"created_time":7}"#, false),
            (r#"{"version":1,"created_time":null}"#, false),
            ("{}", false),
            ("[]", false),
            ("null", false),
            (r#""x""#, false),
        ] {
            let entry = format!(r#"{{"data":{inner},"metadata":{metadata}}}"#);
            assert_eq!(secret(&entry).simple().is_ok(), taken, "{entry}");
        }
        let entry = r#"{"data":"x","metadata":{"version":1,"created_time":"x"},"type":"simple","value":"outer"}"#;
        assert_eq!(text(&secret(entry).simple().expect("v1")), "outer");
    }

    #[test]
    fn maps_are_read_like_json_objects() {
        let map = |entries: [(&str, &str); 3]| Secret::map(entries, Metadata::default()).expect("a map");
        let simple = map([("type", "simple"), ("value", "eA=="), ("encoding", "base64")]).simple();
        assert_eq!(text(&simple.expect("simple")), "x");
        let credential = map([("type", "credential"), ("username", "u"), ("password", "\"")]).credential();
        assert_eq!(text(&credential.expect("a credential").password), "\"");
    }
}
