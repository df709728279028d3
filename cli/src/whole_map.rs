//! Secrets that are maps of named values, where one value is wanted: a whole map is passed on as its
//! JSON text, like a JSON secret.

use s1crets::{Error, Secret};

/// The secret itself, or the JSON text of a whole map.
///
/// # Errors
/// `InvalidInput` for a map whose values are not all text, because JSON has no bytes.
pub(crate) fn as_one_value(secret: Secret) -> Result<Secret, Error> {
    match secret.is_map() {
        true => Ok(Secret::text(secret.json()?.raw(), secret.metadata().clone())),
        false => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use s1crets::{ErrorKind, Metadata, SecretValue};

    use super::*;

    #[test]
    fn a_map_of_texts_becomes_its_json_and_one_with_bytes_names_a_way_out() {
        let metadata = Metadata::default().with_version("7");
        let texts = Secret::map([("b", "\""), ("a", "1")], metadata).expect("a map");
        let one = as_one_value(texts).expect("all text");
        assert_eq!((one.expose_str().expect("text"), one.version()), (r#"{"a":"1","b":"\""}"#, Some("7")));

        let entries = [("a", SecretValue::binary([0xff])), ("b", "text".into())];
        let error = as_one_value(Secret::map(entries, Metadata::default()).expect("a map")).expect_err("bytes");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("2 named values") && error.message().contains("#KEY"), "{error}");

        let single = Secret::binary([0xff], Metadata::default());
        assert!(as_one_value(single).expect("one value").is_binary());
    }
}
