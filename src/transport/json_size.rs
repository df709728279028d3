//! Counts the values of a JSON text without parsing it.
//!
//! The tree of a parsed text takes some fifty bytes a value. A text of the longest size that holds
//! nothing but tiny values has thirty million of them, so its tree would take gigabytes.

/// The most values of a body. A listing of a million names has a million and a few.
const MOST_VALUES: usize = 2_000_000;

/// Whether a body has more values than any that is expected, if it is JSON.
pub(super) fn has_too_many_values(body: &[u8]) -> bool {
    // Each value takes two bytes at least: itself, and what parts it from the next one.
    body.len() / 2 > MOST_VALUES && values(body) > MOST_VALUES
}

/// The number of values, at most one too many for each empty array or object.
fn values(body: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_texts_are_not_looked_into() {
        for (text, count) in [
            ("1", 1),
            ("[1,2,3]", 4),
            (r#"{"a":[1,{"b":null}],"c":"x,y[{"}"#, 6),
            (r#"["\",[{",",\\","]"]"#, 4),
            (r#"["\\",[1]]"#, 4),
            ("[]", 2),
        ] {
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_no_offence_and_a_crowd_of_values_is() {
        let long = format!("[\"{}\"]", "a,".repeat(3 * MOST_VALUES));
        assert!(!has_too_many_values(long.as_bytes()));
        let names = format!("[{}0]", "\"0123456789abcdef\",".repeat(1_000_000));
        assert!(!has_too_many_values(names.as_bytes()));
        assert!(has_too_many_values(format!("[{}0]", "0,".repeat(MOST_VALUES)).as_bytes()));
        assert!(has_too_many_values("[".repeat(3 * MOST_VALUES).as_bytes()));
    }
}
