use proptest::prelude::*;

use super::*;

fn view<'a>(text: &'a str, tree: &'a Tree) -> Json<'a> {
    Json::new(text, tree, ROOT)
}

#[test]
fn numbers_keep_their_text() {
    for number in ["1.10", "12345678901234567890123", "-0", "1e999", "1E+5", "0.0e-0"] {
        let tree = Tree::parse(number).expect("a number");
        assert_eq!(view(number, &tree).raw(), number);
        assert_eq!(view(number, &tree).kind(), JsonKind::Number);
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (text, line, column) in [
        ("", 1, 1),
        (" \n ", 2, 2),
        ("plain", 1, 1),
        ("tru", 1, 1),
        ("nan", 1, 1),
        ("0123", 1, 2),
        ("1.", 1, 3),
        ("-", 1, 2),
        ("1e+", 1, 4),
        ("+Infinity", 1, 1),
        ("- Infinity", 1, 2),
        ("{\"a\":1} x", 1, 9),
        ("'a'", 1, 1),
        ("[1,]", 1, 4),
        ("[1 2]", 1, 4),
        ("[}", 1, 2),
        ("{\"a\":1,}", 1, 8),
        ("{a:1}", 1, 2),
        ("{\"a\" 1}", 1, 6),
        ("{\"h\u{e9}\":\n  \"x\u{1}", 2, 5),
        ("[\"h\u{e9}\" x", 1, 7),
        (r#""\x""#, 1, 2),
        (r#""\u12g4""#, 1, 2),
        (r#""\u123"#, 1, 2),
        (r#""\u+123""#, 1, 2),
        ("\"open", 1, 6),
        ("\u{feff}x", 1, 1),
        ("\u{feff}\u{feff}1", 1, 1),
    ] {
        assert_eq!(Tree::parse(text).err(), Some(NotJson::Syntax { line, column }), "{text:?}");
        assert_eq!(Tree::parse_strict(text).err(), Some(NotJson::Syntax { line, column }), "{text:?}");
    }
}

#[test]
fn what_only_python_writes_is_read_and_refused_where_json_must_be_standard() {
    for text in ["NaN", "Infinity", "-Infinity", "[NaN]", r#"{"a":-Infinity}"#] {
        let tree = Tree::parse(text).expect("JSON to Python");
        assert_eq!(view(text, &tree).raw(), text);
        assert!(matches!(Tree::parse_strict(text), Err(NotJson::Syntax { .. })), "{text}");
    }
    let tree = Tree::parse("-Infinity").expect("a number");
    assert_eq!((view("-Infinity", &tree).kind(), view("-Infinity", &tree).as_i64()), (JsonKind::Number, None));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    for text in ["\u{feff}{\"a\":[1]}", "\u{feff} \n{\"a\":[1]} "] {
        for tree in [Tree::parse(text), Tree::parse_strict(text)] {
            let tree = tree.expect("an object");
            assert_eq!(view(text, &tree).get("a").map(Json::raw), Some("[1]"));
            assert_eq!(view(text, &tree).raw(), "{\"a\":[1]}");
        }
    }
}

#[test]
fn the_last_of_two_equal_keys_counts_however_it_is_escaped() {
    let text = r#"{"a":1,"\u0061":2}"#;
    let tree = Tree::parse(text).expect("an object");
    assert_eq!(view(text, &tree).get("a").map(Json::raw), Some("2"));
}

#[test]
fn members_are_found_and_listed_in_order_in_small_and_large_objects() {
    for count in [0, 1, 8, 9, 100] {
        let mut text = (0..count).rev().map(|key| format!("\"k{key:03}\":1{key}")).collect::<Vec<_>>();
        // The first member comes again at the end, and counts.
        text.extend(text.first().map(|first| format!("{}9", first)));
        let text = format!("{{{}}}", text.join(","));
        let tree = Tree::parse(&text).expect("an object");
        let object = view(&text, &tree);
        for key in 0..count {
            let value = if key == count - 1 { format!("1{key}9") } else { format!("1{key}") };
            assert_eq!(object.get(&format!("k{key:03}")).map(Json::raw), Some(&*value), "{text}");
        }
        assert_eq!(object.get("k").map(Json::raw), None);
        let keys: Vec<_> = object.members().map(|(key, _)| key.to_owned()).collect();
        assert_eq!(keys, (0..count).map(|key| format!("k{key:03}")).collect::<Vec<_>>());
    }
}

#[test]
fn a_string_with_half_of_a_surrogate_pair_is_no_text_and_its_neighbours_are() {
    for half in [r"\ud800", r"\ud800x", r"\udc00\ud800", r"\uD800\n", r"é😀\udfff\\"] {
        let text = format!(r#"{{"half":"{half}","whole":"\ud83d\ude00"}}"#);
        let tree = Tree::parse(&text).expect("an object");
        let half = view(&text, &tree).get("half").expect("a member");
        assert_eq!((half.kind(), half.as_str()), (JsonKind::String, None), "{text}");
        assert!(half.half_pair().is_some_and(|units| String::from_utf16(&units).is_err()));
        let whole = view(&text, &tree).get("whole").expect("a member");
        assert_eq!((whole.as_str(), whole.half_pair()), (Some("\u{1f600}"), None));
        assert_eq!(Tree::parse_strict(&text).err(), Some(NotJson::HalfPair), "{text}");
    }
}

#[test]
fn a_key_with_half_of_a_surrogate_pair_goes_by_its_escape() {
    let text = r#"{"b\uD800":1,"b\ud800":2,"a":3,"\udfff":4,"\\udfff":5}"#;
    let tree = Tree::parse(text).expect("an object");
    let object = view(text, &tree);
    let members: Vec<_> = object.members().map(|(key, value)| (key, value.raw())).collect();
    assert_eq!(members, [(r"\udfff", "5"), (r"\udfff", "4"), ("a", "3"), (r"b\ud800", "2")]);
    assert_eq!(object.get(r"b\ud800").map(Json::raw), Some("2"));
    assert_eq!(object.get(r"\udfff").map(Json::raw), Some("5"), "the text with that name comes first");
}

#[test]
fn any_depth_is_read_without_a_stack_overflow() {
    let depth = 200_000;
    for text in ["[".repeat(depth) + &"]".repeat(depth), "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)] {
        let tree = Tree::parse(&text).expect("nested values");
        assert_eq!(view(&text, &tree).raw(), text);
        assert!(Tree::parse_strict(&text).is_ok());
        assert!(Tree::parse(&text[1..]).is_err() && Tree::parse(&text[..text.len() - 1]).is_err());
    }
}

proptest! {
    #[test]
    fn strings_are_decoded_however_they_are_escaped(text in any::<String>()) {
        let mut ascii = String::new();
        write_ascii_string(&mut ascii, &text);
        prop_assert_eq!(ascii.len(), ascii_string_len(&text));
        for json in [ascii, serde_json::to_string(&text).expect("a string")] {
            let tree = Tree::parse(&json).expect("a string");
            prop_assert_eq!(view(&json, &tree).as_str(), Some(text.as_str()));
        }
    }

    #[test]
    fn what_serde_json_skips_is_standard_json(text in r#"[\[\]{}:,"0-9eE+.\-tfnulrasyN \\]{0,12}"#) {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let ours = Tree::parse_strict(&text);
        prop_assert_eq!(ours.is_ok() || ours.err() == Some(NotJson::HalfPair), theirs, "{}", text);
    }

    #[test]
    fn spans_agree_with_serde_json(a in any::<i64>(), b in ".*", c in any::<bool>()) {
        let text = serde_json::json!({ "a": [a, c, null], "b": { "c": b } }).to_string();
        let tree = Tree::parse(&text).expect("an object");
        let root = view(&text, &tree);
        prop_assert_eq!(root.get("a").and_then(|a| a.at(0)).and_then(Json::as_i64), Some(a));
        prop_assert_eq!(root.get("a").and_then(|a| a.at(1)).and_then(Json::as_bool), Some(c));
        prop_assert!(root.get("a").and_then(|a| a.at(2)).is_some_and(Json::is_null));
        let nested = root.get("b").and_then(|b| b.get("c"));
        prop_assert_eq!(nested.and_then(Json::as_str), Some(b.as_str()));
    }
}
