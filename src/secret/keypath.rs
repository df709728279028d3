//! Keypaths: steps into a map or a JSON value, such as `.key("password")` or `#/json/pointer`.

use std::{fmt, ops::Range};

use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Result},
    secret::{Json, JsonKind, json::NodeId},
};

/// Steps into a secret, applied from left to right. Without steps it is the whole secret.
///
/// - Into a map of named values, the step is exactly a name. The next step leads into the JSON of
///   that value.
/// - Into a list (a StringList of Parameter Store), the step is the index of an item, from 0. The
///   next step leads into the JSON of that item.
/// - Into a JSON object, the step is a key.
/// - Into a JSON array, the step is an index, from 0. A step that is not a number is applied to
///   each element, and the result is the array of what it leads to. A keypath from a JSON pointer
///   does not do that.
///
/// A step that leads nowhere, if only for one element of an array, is [`ErrorKind::KeyNotFound`].
/// `null`, `false`, `0` and empty values are found like any other value. A secret that begins like
/// a JSON object or array and is not JSON is [`ErrorKind::Corrupt`], and so is a string that is no
/// text ([`Json`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyPath {
    steps: Vec<String>,
    pointer: bool,
}

/// What a keypath leads to: one place in the document, or an array of copies from several places.
pub(crate) enum Found {
    Place(NodeId),
    Collected(Zeroizing<String>),
}

impl KeyPath {
    /// A keypath of names, keys and indices.
    pub fn new<I>(steps: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self { steps: steps.into_iter().map(Into::into).collect(), pointer: false }
    }

    /// Parses an [RFC 6901](https://www.rfc-editor.org/rfc/rfc6901) JSON pointer such as `/a/0/b~1c`.
    /// The empty pointer is the whole secret, like [`KeyPath::default`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is neither empty nor begins with `/`, or has a `~` that is
    /// not part of `~0` or `~1`.
    pub fn from_pointer(pointer: &str) -> Result<Self> {
        let Some(tokens) = pointer.strip_prefix('/') else {
            return match pointer {
                "" => Ok(Self::default()),
                _ => Err(Error::invalid_input("a JSON pointer begins with '/'")),
            };
        };
        let steps = tokens.split('/').map(unescape_token).collect::<Result<_>>()?;
        Ok(Self { steps, pointer: true })
    }

    /// The steps, in order and decoded.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether there are no steps, so that this is the whole secret.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether this is from a JSON pointer with steps.
    pub fn is_pointer(&self) -> bool {
        self.pointer
    }

    pub(crate) fn push(&mut self, step: String) {
        self.steps.push(step);
    }

    /// The steps as a JSON pointer, with `~` and `/` escaped.
    pub(crate) fn to_pointer(&self) -> String {
        self.steps.iter().flat_map(|step| ["/".into(), step.replace('~', "~0").replace('/', "~1")]).collect()
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for KeyPath {
    fn from(steps: [S; N]) -> Self {
        Self::new(steps)
    }
}

impl<S: Into<String>> From<Vec<S>> for KeyPath {
    fn from(steps: Vec<S>) -> Self {
        Self::new(steps)
    }
}

impl<S: AsRef<str>> From<&[S]> for KeyPath {
    fn from(steps: &[S]) -> Self {
        Self::new(steps.iter().map(|step| step.as_ref().to_owned()))
    }
}

/// The steps, separated by ` > `, to be read by people. [`Reference`](crate::Reference) has a form
/// that can be parsed.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.steps.join(" > "))
    }
}

/// Follows `steps` from `json`. With `pointer`, no step is applied to each element of an array.
pub(crate) fn resolve<S: AsRef<str>>(
    mut json: Json<'_>,
    mut steps: impl Iterator<Item = S>,
    pointer: bool,
) -> Result<Found> {
    while let Some(step) = steps.next() {
        if let Some(child) = descend(json, step.as_ref(), pointer) {
            json = json.at_node(child);
        } else if !pointer && is_for_each(json, step.as_ref()) {
            let steps: Vec<S> = std::iter::once(step).chain(steps).collect();
            return collect(json, &steps).map(Found::Collected);
        } else {
            return Err(missing(json, step.as_ref()));
        }
    }
    match json.is_half_pair() {
        true => Err(no_text()),
        false => Ok(Found::Place(json.node())),
    }
}

/// The whole document with the value at `path`, from `root` on, replaced by `value`, which is JSON,
/// and every other byte as it was. If an object lacks the last step, it is added behind the last
/// member.
pub(crate) fn replace(text: &str, root: Json<'_>, path: &KeyPath, value: &str) -> Result<Zeroizing<String>> {
    let Some((last, parents)) = path.steps.split_last() else {
        return Ok(splice(text, root.span(), &["", value, ""]));
    };
    let mut parent = root;
    for step in parents {
        let child = descend(parent, step, true).ok_or_else(|| missing(parent, step))?;
        parent = parent.at_node(child);
    }
    if let Some(old) = descend(parent, last, true) {
        return Ok(splice(text, parent.at_node(old).span(), &["", value, ""]));
    }
    if parent.kind() != JsonKind::Object {
        return Err(missing(parent, last));
    }
    let key = serde_json::Value::from(last.as_str()).to_string();
    let behind = parent.members().map(|(_, member)| member.span().end).max();
    let (at, comma) = behind.map_or((parent.span().start + 1, ""), |end| (end, ", "));
    Ok(splice(text, at..at, &[comma, &format!("{key}: "), value]))
}

fn splice(text: &str, place: Range<usize>, new: &[&str; 3]) -> Zeroizing<String> {
    let length = text.len() - place.len() + new.iter().map(|part| part.len()).sum::<usize>();
    let mut spliced = Zeroizing::new(String::with_capacity(length));
    spliced.push_str(&text[..place.start]);
    for part in new {
        spliced.push_str(part);
    }
    spliced.push_str(&text[place.end..]);
    spliced
}

/// The value one step down. With `pointer`, an index has no leading zeros, as in RFC 6901.
#[inline]
fn descend(json: Json<'_>, step: &str, pointer: bool) -> Option<NodeId> {
    match json.kind() {
        JsonKind::Object => json.member(step),
        JsonKind::Array if is_number(step) && !(pointer && step.len() > 1 && step.starts_with('0')) => {
            json.element(step.parse().ok()?)
        }
        _ => None,
    }
}

/// Whether a step is applied to each element: a name, in an array.
fn is_for_each(json: Json<'_>, step: &str) -> bool {
    json.kind() == JsonKind::Array && !is_number(step)
}

/// The array of what the steps lead to in each element of `array`. Works without recursion, as
/// arrays may lie in arrays to any depth.
fn collect<S: AsRef<str>>(array: Json<'_>, steps: &[S]) -> Result<Zeroizing<String>> {
    enum Part<'a> {
        Punctuation(char),
        /// What the steps from this one on lead to in a value.
        Value(Json<'a>, usize),
    }
    // The parts come from the text of the array, so the buffer doesn't have to grow.
    let mut text = Zeroizing::new(String::with_capacity(array.raw().len()));
    // The parts still to be written, the next one last.
    let mut parts = vec![Part::Value(array, 0)];
    while let Some(part) = parts.pop() {
        let (mut json, first) = match part {
            Part::Punctuation(mark) => {
                text.push(mark);
                continue;
            }
            Part::Value(json, first) => (json, first),
        };
        let mut array = None;
        for (index, step) in steps.iter().enumerate().skip(first) {
            if let Some(child) = descend(json, step.as_ref(), false) {
                json = json.at_node(child);
            } else if is_for_each(json, step.as_ref()) {
                array = Some(index);
                break;
            } else {
                return Err(missing(json, step.as_ref()));
            }
        }
        let Some(step) = array else {
            text.push_str(json.raw());
            continue;
        };
        text.push('[');
        parts.push(Part::Punctuation(']'));
        let start = parts.len();
        for (index, element) in json.elements().enumerate() {
            if index > 0 {
                parts.push(Part::Punctuation(','));
            }
            parts.push(Part::Value(element, step));
        }
        parts[start..].reverse();
    }
    Ok(text)
}

/// The error for a string that can't be returned as a text.
fn no_text() -> Error {
    Error::corrupt("the value there is no text: it holds half of a surrogate pair, such as \\ud800")
        .with_hint("read the object or array around it, which is returned as it is written")
}

fn missing(json: Json<'_>, step: &str) -> Error {
    let message = match json.kind() {
        JsonKind::Object => format!("no key {step:?} in the JSON object"),
        JsonKind::Array if is_number(step) => format!("no index {step} in the JSON array"),
        JsonKind::Array => format!("no index {step:?} in the JSON array"),
        other => format!("no key {step:?}: the value there is {}, not an object", other.name()),
    };
    Error::new(ErrorKind::KeyNotFound, message)
}

/// The index that a step is in a list of text. `None` if it is no number.
pub(crate) fn index_in_list(step: &str) -> Option<usize> {
    // One that is larger than any list is missing in it.
    is_number(step).then(|| step.parse().unwrap_or(usize::MAX))
}

fn is_number(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}

fn unescape_token(token: &str) -> Result<String> {
    let bad = token.split('~').skip(1).any(|part| !part.starts_with(['0', '1']));
    if bad {
        return Err(Error::invalid_input("in a JSON pointer '~' is written '~0' and '/' is written '~1'"));
    }
    Ok(token.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::json::{ROOT, Tree};

    fn find(text: &str, steps: &[&str]) -> Option<String> {
        let tree = Tree::parse(text).expect("JSON");
        match resolve(Json::new(text, &tree, ROOT), steps.iter(), false) {
            Ok(Found::Place(node)) => Some(Json::new(text, &tree, node).raw().to_owned()),
            Ok(Found::Collected(text)) => Some(text.to_string()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::KeyNotFound);
                None
            }
        }
    }

    fn set(text: &str, steps: &[&str], value: &str) -> Result<String> {
        let tree = Tree::parse(text).expect("JSON");
        let path = KeyPath::from(steps);
        replace(text, Json::new(text, &tree, ROOT), &path, value).map(|text| text.to_string())
    }

    #[test]
    fn a_step_into_a_falsy_value_does_not_restart_at_the_root() {
        for falsy in ["{}", "0", "\"\"", "[]", "null", "false"] {
            let text = format!(r#"{{"e":{falsy},"top":1}}"#);
            let expected = (falsy == "[]").then(|| "[]".to_owned());
            assert_eq!(find(&text, &["e", "top"]), expected, "{text}");
        }
    }

    #[test]
    fn arrays_take_indices_and_apply_names_to_each_element() {
        let text = r#"{"a":[{"b":1.10},{"b":[{"c":2},{"c":3}]}],"0":"zero"}"#;
        assert_eq!(find(text, &["a", "0", "b"]).as_deref(), Some("1.10"));
        assert_eq!(find(text, &["a", "b"]).as_deref(), Some(r#"[1.10,[{"c":2},{"c":3}]]"#));
        assert_eq!(find(text, &["a", "1", "b", "c"]).as_deref(), Some("[2,3]"));
        assert_eq!(find(text, &["0"]).as_deref(), Some(r#""zero""#));
        assert_eq!(find(text, &["a", "2"]), None);
        assert_eq!(find(text, &["a", "b", "c"]), None, "one element has no such key");
    }

    #[test]
    fn arrays_in_arrays_are_followed_to_any_depth() {
        assert_eq!(find(r#"[[],[[{"a":1}],{"a":2}]]"#, &["a"]).as_deref(), Some("[[],[[1],2]]"));
        assert_eq!(find(r#"[{"a":[[{"b":[3]}]]}]"#, &["a", "b", "0"]).as_deref(), Some("[[[3]]]"));
        let depth = 100_000;
        let nested = |inner: &str| "[".repeat(depth) + inner + &"]".repeat(depth);
        assert_eq!(find(&nested(r#"{"a":1}"#), &["a"]), Some(nested("1")));
        assert_eq!(find(&nested("1"), &["a"]), None);
    }

    #[test]
    fn a_string_that_is_no_text_is_corrupt_and_its_neighbours_are_found() {
        let text = r#"{"half":"\ud800","n":NaN,"a":[{"x":"\udc00"},{"x":"y"}]}"#;
        assert_eq!(find(text, &["n"]).as_deref(), Some("NaN"));
        assert_eq!(find(text, &["a", "1", "x"]).as_deref(), Some("\"y\""));
        assert_eq!(find(text, &["a", "x"]).as_deref(), Some(r#"["\udc00","y"]"#));
        assert_eq!(set(text, &["half"], "1").expect("set"), text.replacen(r#""\ud800""#, "1", 1));
        let tree = Tree::parse(text).expect("JSON");
        for steps in [&["half"][..], &["a", "0", "x"]] {
            let error = resolve(Json::new(text, &tree, ROOT), steps.iter(), false).err().expect("no text");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.hint().is_some() && !error.message().contains("udc00"));
        }
    }

    #[test]
    fn scalars_and_strings_have_no_keys() {
        for text in ["1", "true", "null", "\"top\"", "[1,2]"] {
            assert_eq!(find(text, &["top"]), None, "{text}");
        }
    }

    #[test]
    fn a_pointer_is_not_applied_to_each_element_and_has_no_leading_zeros() {
        let text = r#"[{"b":1},{"b":2}]"#;
        let tree = Tree::parse(text).expect("JSON");
        for (pointer, found) in [("/b", false), ("/0/b", true), ("/00/b", false), ("/-", false), ("", true)] {
            let path = KeyPath::from_pointer(pointer).expect("a pointer");
            let result = resolve(Json::new(text, &tree, ROOT), path.steps().iter(), true);
            assert_eq!(result.is_ok(), found, "{pointer}");
        }
    }

    #[test]
    fn replacing_a_key_leaves_every_other_byte() {
        let text = "\n { \"a\" : 1.10,\n\t\"b\":{\"c\" : [1, 2 ]},\"é\":null }\n";
        assert_eq!(set(text, &["b", "c", "1"], "\"x\"").expect("set"), text.replace("2 ]", "\"x\" ]"));
        assert_eq!(set(text, &["a"], "2").expect("set"), text.replace("1.10", "2"));
        assert_eq!(set(text, &["new"], "2").expect("set"), text.replace("null }", "null, \"new\": 2 }"));
        assert_eq!(set("{ }", &["new"], "2").expect("set"), "{\"new\": 2 }");
        for steps in [&["x", "y"][..], &["a", "y"], &["b", "c", "2"], &["b", "c", "name"]] {
            let error = set(text, steps, "1").expect_err("no such place");
            assert_eq!(error.kind(), ErrorKind::KeyNotFound, "{steps:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pointer_is_parsed_as_it_was_written_and_any_text_is_parsed_or_refused(steps in proptest::collection::vec(".*", 1..5), noise in ".*") {
            let path = KeyPath { steps, pointer: true };
            prop_assert_eq!(KeyPath::from_pointer(&path.to_pointer()).expect("own text"), path);
            let _ = KeyPath::from_pointer(&noise);
        }

        #[test]
        fn a_replaced_value_is_found_and_the_others_stay(key in ".*", value in ".*") {
            let value = serde_json::to_string(&value).expect("a string");
            let text = set(r#"{"a":{"b":1},"z":2}"#, &["a", &key], &value).expect("set");
            prop_assert_eq!(find(&text, &["a", &key]), Some(value));
            prop_assert_eq!(find(&text, &["z"]), Some("2".to_owned()));
        }
    }
}
