//! JSON formatter: writes exactly what Python's `json.dump(indent=2, sort_keys=True)` writes.

use zeroize::Zeroizing;

use crate::secret::{
    Json, JsonKind,
    json::{self, Key},
};

/// The text that the fetcher would write: keys sorted at every level, ASCII only, no newline at the
/// end. Numbers keep the text that they have.
///
/// `None` if it is longer than `limit` bytes: indentation makes deep values much longer than they
/// were.
pub(super) fn python(value: Json<'_>, limit: u64) -> Option<Zeroizing<String>> {
    let mut length = Length(0);
    write(value, &mut length);
    if length.0 > limit {
        return None;
    }
    // Sized up front: a buffer that grew would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length.0).ok()?));
    write(value, &mut *text);
    Some(text)
}

/// Of each level.
const INDENTATION: &str = "  ";

trait Sink {
    fn raw(&mut self, text: &str);
    fn string(&mut self, text: &str);
    /// A string that is no text, in UTF-16.
    fn units(&mut self, units: &[u16]);
    /// The end of a line, and the indentation of the next one.
    fn line_break(&mut self, depth: usize);
}

struct Length(u64);

impl Length {
    fn add(&mut self, bytes: usize) {
        self.0 = self.0.saturating_add(bytes as u64);
    }
}

impl Sink for Length {
    fn raw(&mut self, text: &str) {
        self.add(text.len());
    }

    fn string(&mut self, text: &str) {
        self.add(json::ascii_string_len(text));
    }

    fn units(&mut self, units: &[u16]) {
        self.add(json::ascii_units_len(units.iter().copied()));
    }

    fn line_break(&mut self, depth: usize) {
        self.add(1 + INDENTATION.len() * depth);
    }
}

impl Sink for String {
    fn raw(&mut self, text: &str) {
        self.push_str(text);
    }

    fn string(&mut self, text: &str) {
        json::write_ascii_string(self, text);
    }

    fn units(&mut self, units: &[u16]) {
        json::write_ascii_units(self, units.iter().copied());
    }

    fn line_break(&mut self, depth: usize) {
        self.push('\n');
        (0..depth).for_each(|_| self.push_str(INDENTATION));
    }
}

/// An array or object whose end was not written yet.
struct Open<'a> {
    /// The children that were not written yet, each with its key in an object.
    children: std::vec::IntoIter<(Option<&'a Key>, Json<'a>)>,
    /// Whether no child was written so far.
    is_empty: bool,
    end: &'static str,
}

/// The members of an object in Python's order, by code point.
fn sorted(object: Json<'_>) -> Vec<(Option<&Key>, Json<'_>)> {
    let mut members: Vec<_> = object.keyed_members().collect();
    // Texts are in that order already.
    if members.iter().any(|(key, _)| key.units().is_some()) {
        members.sort_by(|(key, _), (other, _)| key.code_points().cmp(other.code_points()));
    }
    members.into_iter().map(|(key, member)| (Some(key), member)).collect()
}

/// Writes without recursion: values may be nested to any depth.
fn write<'a>(value: Json<'a>, out: &mut impl Sink) {
    let mut open: Vec<Open<'a>> = begin(value, out).into_iter().collect();
    while let Some(innermost) = open.last_mut() {
        let (next, is_first) = (innermost.children.next(), innermost.is_empty);
        innermost.is_empty = false;
        match next {
            Some((key, child)) => {
                if !is_first {
                    out.raw(",");
                }
                out.line_break(open.len());
                if let Some(key) = key {
                    write_key(key, out);
                }
                open.extend(begin(child, out));
            }
            None => {
                let end = innermost.end;
                open.pop();
                if !is_first {
                    out.line_break(open.len());
                }
                out.raw(end);
            }
        }
    }
}

/// Writes a value, or the start of an array or object, which is returned.
fn begin<'a>(value: Json<'a>, out: &mut impl Sink) -> Option<Open<'a>> {
    let (children, [start, end]): (Vec<_>, _) = match value.kind() {
        JsonKind::Object => (sorted(value), ["{", "}"]),
        JsonKind::Array => (value.elements().map(|element| (None, element)).collect(), ["[", "]"]),
        _ => {
            match (value.as_str(), value.half_pair()) {
                (Some(text), _) => out.string(text),
                (None, Some(units)) => out.units(&units),
                (None, None) => out.raw(value.raw()),
            }
            return None;
        }
    };
    out.raw(start);
    Some(Open { children: children.into_iter(), is_empty: true, end })
}

fn write_key(key: &Key, out: &mut impl Sink) {
    match key.units() {
        Some(units) => out.units(units),
        None => out.string(key.name()),
    }
    out.raw(": ");
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
        let out = super::python(Json::new(text, &tree, ROOT), u64::MAX).expect("no limit");
        assert_eq!(out.len(), out.capacity(), "the buffer never moved");
        out.to_string()
    }

    /// One document a line in, one JSON string with the dump a line out.
    fn python_dumps(documents: &[String]) -> Vec<String> {
        let script = "import json,sys\n\
                      for line in sys.stdin.buffer.read().decode('utf-8').split('\\n'):\n\
                      \x20   print(json.dumps(json.dumps(json.loads(line), indent=2, sort_keys=True)))";
        let output = python(script, documents);
        output.lines().map(|line| serde_json::from_str(line).expect("a string")).collect()
    }

    /// What a script prints that is given these lines.
    fn python(script: &str, lines: &[String]) -> String {
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is on the path");
        let mut stdin = child.stdin.take().expect("piped");
        let input = lines.join("\n");
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).expect("python3 reads"));
        let output = child.wait_with_output().expect("python3 ends");
        writer.join().expect("written");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("ASCII")
    }

    /// Whether Python's json module reads each of these texts.
    fn python_reads(texts: &[String]) -> Vec<bool> {
        let script = "import json,sys\n\
                      for line in sys.stdin.buffer.read().decode('utf-8').split('\\n'):\n\
                      \x20   try: json.loads(json.loads(line)); print(1)\n\
                      \x20   except ValueError: print(0)";
        let lines: Vec<_> = texts.iter().map(|text| serde_json::to_string(text).expect("a string")).collect();
        python(script, &lines).lines().map(|line| line == "1").collect()
    }

    #[test]
    fn what_python_reads_is_read_and_nothing_else() {
        let mut runner = TestRunner::deterministic();
        let noise = r#"[\[\]{}:,"0-9eE+.\-tfnulrasyNIi \\\n]{0,10}"#;
        let mut texts: Vec<String> =
            ["NaN", "-NaN", "Infinity", "-Infinity", "+Infinity", "nan", "", "\u{a0}1"].map(str::to_owned).to_vec();
        texts.extend([r#""\ud800""#, r#"{"\udfff":"\uD800\uDC00"}"#, r#""\ud8""#, "\"\t\""].map(str::to_owned));
        texts.extend((0..2000).map(|_| noise.new_tree(&mut runner).expect("a text").current()));
        for seed in 0..1000_usize {
            // A document with one character replaced by its neighbour's copy, or left out.
            let mut characters: Vec<_> =
                json().new_tree(&mut runner).expect("a document").current().to_string().chars().collect();
            let at = seed * 7919 % characters.len();
            match seed % 2 {
                0 => drop(characters.remove(at)),
                _ => characters[at] = characters[(at + 1) % characters.len()],
            }
            texts.push(characters.into_iter().collect());
        }
        let theirs = python_reads(&texts);
        assert!(theirs.iter().filter(|read| **read).count() > 200, "texts of both kinds are compared");
        for (text, theirs) in texts.iter().zip(theirs) {
            assert_eq!(Tree::parse(text).is_ok(), theirs, "{text:?}");
        }
    }

    #[test]
    fn values_nested_to_any_depth_are_written_without_a_stack_overflow() {
        let depth = 2_000;
        let text = "[".repeat(depth) + "{\"a\":[]}" + &"]".repeat(depth);
        let written = formatted(&text);
        assert_eq!(written.split_whitespace().collect::<String>(), text);
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
            r#"{"secrets":{"a":{"load":NaN,"high":Infinity,"low":-Infinity}}}"#,
            r#"["\ud800","\udfff\"x\n","\ud83d\ude00\udc00","\uD800é"]"#,
            r#"{"😀":1,"\ud83d":2,"\udfff":3,"\uffff":4,"\ud7ff":5,"\\ud83d":6,"a":7}"#,
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
