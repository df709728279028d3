//! JSON formatter: writes exactly what Python's `json.dump(indent=2, sort_keys=True)` writes.

use zeroize::Zeroizing;

use crate::secret::{Json, JsonKind, json};

/// The text that the fetcher would write: keys sorted at every level, ASCII only, no newline at the
/// end. Numbers keep the text that they have.
pub(super) fn python(value: Json<'_>) -> Zeroizing<String> {
    let mut length = Length(0);
    write(value, 0, &mut length);
    // Sized up front: a buffer that grew would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(length.0));
    write(value, 0, &mut *text);
    text
}

trait Sink {
    fn raw(&mut self, text: &str);
    fn string(&mut self, text: &str);
}

struct Length(usize);

impl Sink for Length {
    fn raw(&mut self, text: &str) {
        self.0 += text.len();
    }

    fn string(&mut self, text: &str) {
        self.0 += json::ascii_string_len(text);
    }
}

impl Sink for String {
    fn raw(&mut self, text: &str) {
        self.push_str(text);
    }

    fn string(&mut self, text: &str) {
        json::write_ascii_string(self, text);
    }
}

fn write(value: Json<'_>, depth: usize, out: &mut impl Sink) {
    match (value.kind(), value.as_str()) {
        (_, Some(text)) => out.string(text),
        (JsonKind::Object, _) => write_object(value, depth, out),
        (JsonKind::Array, _) => write_array(value, depth, out),
        _ => out.raw(value.raw()),
    }
}

fn write_object(object: Json<'_>, depth: usize, out: &mut impl Sink) {
    let mut empty = true;
    for (key, member) in object.members() {
        out.raw(if empty { "{" } else { "," });
        break_line(depth + 1, out);
        out.string(key);
        out.raw(": ");
        write(member, depth + 1, out);
        empty = false;
    }
    close(empty, ["{}", "}"], depth, out);
}

fn write_array(array: Json<'_>, depth: usize, out: &mut impl Sink) {
    let mut empty = true;
    for element in array.elements() {
        out.raw(if empty { "[" } else { "," });
        break_line(depth + 1, out);
        write(element, depth + 1, out);
        empty = false;
    }
    close(empty, ["[]", "]"], depth, out);
}

fn close(empty: bool, [whole, end]: [&str; 2], depth: usize, out: &mut impl Sink) {
    if empty {
        return out.raw(whole);
    }
    break_line(depth, out);
    out.raw(end);
}

fn break_line(depth: usize, out: &mut impl Sink) {
    out.raw("\n");
    for _ in 0..depth {
        out.raw("  ");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

    use super::*;
    use crate::secret::json::{ROOT, Tree};

    fn formatted(text: &str) -> String {
        let tree = Tree::parse(text).expect("JSON");
        let out = python(Json::new(text, &tree, ROOT));
        assert_eq!(out.len(), out.capacity(), "the buffer never moved");
        out.to_string()
    }

    /// One document a line in, one JSON string with the dump a line out.
    fn python_dumps(documents: &[String]) -> Vec<String> {
        let script = "import json,sys\n\
                      for line in sys.stdin.buffer.read().decode('utf-8').split('\\n'):\n\
                      \x20   print(json.dumps(json.dumps(json.loads(line), indent=2, sort_keys=True)))";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is on the path");
        let mut stdin = child.stdin.take().expect("piped");
        let input = documents.join("\n");
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).expect("python3 reads"));
        let output = child.wait_with_output().expect("python3 ends");
        writer.join().expect("written");
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).expect("ASCII");
        lines.lines().map(|line| serde_json::from_str(line).expect("a string")).collect()
    }

    #[test]
    fn python_formats_these_documents_the_same_way() {
        let documents = [
            r#"{"vault_token":"s.tok","vault":{"url":"http://127.0.0.1:18200/","token":"s.tok"},"secrets":{"secret/one":{"value":"héllo","type":"simple"}}}"#,
            r#"{}"#,
            r#"[]"#,
            r#"{"b":{},"a":[],"c":[[],{},[{}],[[[]]]]}"#,
            r#"[1,-1,0,1.5,-0.25,1e+16,1e-07,12345678901234567890123,1.7976931348623157e+308]"#,
            r#"[true,false,null,"",{"":""}]"#,
            r#"{"z":1,"Z":2,"é":3,"😀":4,"ａ":5,"\u0000":6,"~":7,"\u007f":8," ":9}"#,
            r#"["\"\\\/\b\f\n\r\t\u0001\u001f\u007f\u0080\u2028\uffff","😀\ud83d\ude00"]"#,
            r#"{"a":1,"b":2,"a":{"second":"counts"}}"#,
            r#""only a string""#,
            r#"7"#,
        ];
        let documents = documents.map(str::to_owned);
        for (document, python) in documents.iter().zip(python_dumps(&documents)) {
            assert_eq!(formatted(document), python, "{document}");
        }
    }

    /// Any JSON whose numbers are whole: of others Python rewrites the text.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn python_formats_any_document_the_same_way() {
        let mut runner = TestRunner::deterministic();
        let documents: Vec<String> =
            (0..300).map(|_| json().new_tree(&mut runner).expect("a document").current().to_string()).collect();
        for (document, python) in documents.iter().zip(python_dumps(&documents)) {
            assert_eq!(formatted(document), python, "{document}");
        }
    }

    proptest! {
        #[test]
        fn formatting_twice_changes_nothing(value in json()) {
            let once = formatted(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&once).expect("JSON"), value);
            prop_assert_eq!(formatted(&once), once);
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        assert_eq!(formatted("[1.10,1E5,-0]"), "[\n  1.10,\n  1E5,\n  -0\n]");
    }
}
