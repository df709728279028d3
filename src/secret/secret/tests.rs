use super::*;

fn secret(text: &str) -> Secret {
    Secret::text(text, Metadata::default().with_version("7"))
}

#[test]
fn debug_shows_no_value() {
    let secret = secret(r#"{"password":"hunter2"}"#);
    let part = secret.key("password").expect("a key");
    for shown in [format!("{secret:?}"), format!("{part:?}"), format!("{:?}", secret.json().expect("JSON"))] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_part_keeps_the_metadata_of_the_whole() {
    let part = secret(r#"{"a":{"b":"x\ny"}}"#).keypath(["a", "b"]).expect("a key");
    assert_eq!(part.expose_str().expect("text"), "x\ny");
    assert_eq!(part.version(), Some("7"));
    assert_eq!(part.parse::<String>().expect("a string"), "x\ny");
}

#[test]
fn json_parts_keep_their_text() {
    let secret = secret(r#"{"n":1.10, "o": { "x" : [1 , 2] }}"#);
    assert_eq!(secret.key("n").expect("n").expose_str().expect("text"), "1.10");
    assert_eq!(secret.key("o").expect("o").expose_str().expect("text"), r#"{ "x" : [1 , 2] }"#);
    assert_eq!(secret.keypath(["o", "x", "1"]).expect("x").parse::<u8>().expect("a number"), 2);
}

#[test]
fn a_collected_array_has_indices() {
    let ports = secret(r#"[{"p":1},{"p":2}]"#).key("p").expect("ports");
    assert_eq!(ports.key("1").expect("an index").expose_str().expect("text"), "2");
}

#[test]
fn text_that_is_not_json_has_no_keys() {
    for value in ["plain", "", "\"open", "nul", "-----BEGIN"] {
        fails(secret(value).key("a"), ErrorKind::KeyNotFound);
        fails(secret(value).with_replaced(&["a"].into(), &"x".into()), ErrorKind::KeyNotFound);
        fails(secret(value).json(), ErrorKind::Corrupt);
    }
    let binary = Secret::binary([0xff, 0xfe], Metadata::default());
    assert_eq!(binary.key("a").expect_err("no keys").kind(), ErrorKind::KeyNotFound);
    assert_eq!(binary.expose_str().expect_err("no text").kind(), ErrorKind::Corrupt);
}

/// Broken JSON was meant to have keys: that one is missing can't be told.
#[test]
fn a_key_of_broken_json_is_corrupt_and_never_missing() {
    for value in ["{\"a\":", "[1,]", " \n{a: hunter2}", "\u{feff}{\"a\" hunter2}", "{\"a\":1,}", "[section]\na=1"] {
        for secret in [secret(value), Secret::binary(value, Metadata::default())] {
            let errors = [
                fails(secret.key("a"), ErrorKind::Corrupt),
                fails(secret.with_replaced(&["a"].into(), &"x".into()), ErrorKind::Corrupt),
            ];
            assert!(errors.iter().all(|error| error.message().contains("not JSON (line ")), "{errors:?}");
            assert!(!format!("{errors:?}").contains("hunter2"));
        }
    }
    let map = Secret::map([("config", "{broken"), ("plain", "text")], Metadata::default()).expect("a map");
    fails(map.keypath(["config", "a"]), ErrorKind::Corrupt);
    fails(map.keypath(["plain", "a"]), ErrorKind::KeyNotFound);
}

#[test]
fn what_python_writes_as_json_has_keys() {
    let python = secret("\u{feff}{\"load\": NaN, \"half\": \"\\ud800\", \"user\": \"app\"}");
    assert_eq!(python.key("user").expect("a key").expose_str().expect("text"), "app");
    assert_eq!(python.key("load").expect("a key").expose_str().expect("text"), "NaN");
    assert!(fails(python.key("half"), ErrorKind::Corrupt).hint().is_some());
    let changed = python.with_replaced(&["user"].into(), &"x".into()).expect("replaced");
    assert_eq!(changed.expose_text(), Some("\u{feff}{\"load\": NaN, \"half\": \"\\ud800\", \"user\": \"x\"}"));
    let error = fails(python.parse::<serde_json::Value>(), ErrorKind::Corrupt);
    assert!(error.message().contains("such as NaN"), "{error}");
    let marked = secret("\u{feff}[1]");
    assert_eq!((marked.parse::<[u8; 1]>().expect("a list"), marked.expose_str().expect("text")), ([1], "\u{feff}[1]"));
}

#[test]
fn a_part_is_replaced_where_it_stands() {
    let whole = secret(r#"{"a": {"b": [1, 2]}, "z": 1.10}"#);
    let json = |text: &str| SecretValue::json_text(text).expect("JSON");
    let empty = KeyPath::default();
    let replaced = |part: &Secret, path: &KeyPath| {
        let value = part.with_replaced(path, &json("9")).expect("replaced");
        value.expose_text().expect("text").to_owned()
    };
    let part = |steps: &[&str]| whole.keypath(steps).expect("a part");
    assert_eq!(replaced(&part(&["a", "b", "0"]), &empty), r#"{"a": {"b": [9, 2]}, "z": 1.10}"#);
    assert_eq!(replaced(&part(&["a"]), &empty), r#"{"a": 9, "z": 1.10}"#);
    assert_eq!(replaced(&part(&["a"]), &["b", "1"].into()), r#"{"a": {"b": [1, 9]}, "z": 1.10}"#);
    // The whole value is the new one, as it is: JSON or not.
    for (old, new) in [("plain", "text"), (r#"{"a":1}"#, "text"), ("x", r#"{"a":1}"#)] {
        let value = secret(old).with_replaced(&empty, &new.into()).expect("replaced");
        assert_eq!(value.expose_text(), Some(new));
    }
    let map = Secret::map([("config", r#"{"db":{"port":1}}"#), ("b", "x")], Metadata::default()).expect("a map");
    let port = map.keypath(["config", "db", "port"]).expect("a part");
    let changed = Secret::new(port.with_replaced(&empty, &json("2")).expect("replaced"), Metadata::default());
    assert_eq!(changed.key("config").expect("a name"), secret(r#"{"db":{"port":2}}"#));
    let collected = secret(r#"[{"p":1},{"p":2}]"#).key("p").expect("collected");
    fails(collected.with_replaced(&["0"].into(), &json("9")), ErrorKind::InvalidInput);
    fails(collected.with_replaced(&empty, &json("9")), ErrorKind::InvalidInput);
}

#[test]
fn secrets_are_equal_if_their_bytes_are() {
    assert_eq!(secret("a"), Secret::binary("a", Metadata::default()));
    assert_ne!(secret("a"), secret("b"));
    assert_eq!(secret(r#"{"a":"x"}"#).key("a").expect("a"), secret("x"));
}

#[test]
fn the_error_of_a_wrong_shape_does_not_contain_the_value() {
    let error = secret(r#"{"password":"hunter2"}"#).parse::<Vec<u8>>().expect_err("no list");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("hunter2"));
}

fn map() -> Secret {
    let entries = [
        ("tls.crt", SecretValue::text("PEM")),
        ("config", SecretValue::binary(*br#"{"db":[{"port":1.10},{"port":2}]}"#)),
        ("keystore", SecretValue::binary([0xff])),
    ];
    Secret::map(entries, Metadata::default().with_version("7")).expect("a map")
}

fn texts() -> Secret {
    Secret::map([("b", "\"\u{e9}\n"), ("a", "1")], Metadata::default()).expect("a map")
}

#[track_caller]
fn fails<T: fmt::Debug>(result: Result<T>, kind: ErrorKind) -> Error {
    let error = result.expect_err("an error");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[test]
fn the_first_step_into_a_map_is_exactly_a_name_and_further_ones_lead_into_its_json() {
    let map = map();
    assert_eq!(map.key("tls.crt").expect("a name").expose_str().expect("text"), "PEM");
    assert_eq!(map.keypath(["config", "db", "0", "port"]).expect("a number").expose_str().expect("text"), "1.10");
    assert_eq!(map.keypath(["config", "db", "port"]).expect("all").expose_str().expect("text"), "[1.10,2]");
    let pointer = KeyPath::from_pointer("/config/db/1/port").expect("a pointer");
    assert_eq!(map.at(&pointer).expect("a number").expose_bytes().expect("text"), b"2");
    let part = map.key("config").and_then(|config| config.key("db")).and_then(|db| db.key("1")).expect("an object");
    assert_eq!((part.expose_str().expect("text"), part.version()), (r#"{"port":2}"#, Some("7")));
    for steps in [&["tls"][..], &["tls", "crt"], &["TLS.CRT"], &[""], &["0"], &["tls.crt", "x"], &["keystore", "x"]] {
        fails(map.keypath(steps), ErrorKind::KeyNotFound);
    }
    assert_eq!(
        fails(map.key("x"), ErrorKind::KeyNotFound).message(),
        r#"no key "x" in the secret, which has 3 named values"#
    );
}

#[test]
fn a_whole_map_is_not_one_value() {
    for (map, message) in [
        (map(), "the secret has 3 named values; pick one with #KEY"),
        (
            Secret::map([("a", "x")], Metadata::default()).expect("a map"),
            "the secret has 1 named value; pick one with #KEY",
        ),
    ] {
        assert!(map.is_map() && !map.is_binary());
        assert_eq!(fails(map.expose_str(), ErrorKind::InvalidInput).message(), message);
        assert_eq!(fails(map.expose_bytes(), ErrorKind::InvalidInput).message(), message);
        assert!(!map.key(map.names().next().expect("a name")).expect("a value").is_map());
    }
}

#[test]
fn a_map_of_texts_is_a_json_object_and_one_with_bytes_is_not() {
    let texts = texts();
    assert_eq!(texts.json().expect("an object").raw(), "{\"a\":\"1\",\"b\":\"\\\"\u{e9}\\n\"}");
    let parsed: std::collections::BTreeMap<String, String> = texts.parse().expect("an object of strings");
    assert_eq!(parsed["b"], "\"\u{e9}\n");
    assert_eq!(texts.keypath(Vec::<String>::new()).expect("all of it"), texts);

    let message = "the secret is a map of 3 named values, not all of them text; pick one with #KEY";
    assert_eq!(fails(map().json(), ErrorKind::InvalidInput).message(), message);
    assert_eq!(fails(map().parse::<serde_json::Value>(), ErrorKind::InvalidInput).message(), message);
    let empty = Secret::new(SecretValue::map::<&str, &str>([]).expect("a map"), Metadata::default());
    assert_eq!((empty.json().expect("an object").raw(), empty.names().len()), ("{}", 0));
}

#[test]
fn names_and_entries_of_a_map_are_sorted_and_those_of_other_secrets_are_empty() {
    let map = map();
    assert!(map.names().eq(["config", "keystore", "tls.crt"]));
    assert!(map.entries().all(|(name, value)| map.key(name).expect("a name") == value && !value.is_map()));
    assert_eq!(map.entries().map(|(_, value)| value.is_binary()).collect::<Vec<_>>(), [true, true, false]);
    for single in [secret(r#"{"a":1}"#), map.key("tls.crt").expect("a name")] {
        assert_eq!((single.names().len(), single.entries().len(), single.is_map()), (0, 0, false));
    }
}

#[test]
fn maps_are_equal_if_their_names_and_bytes_are() {
    assert_eq!(map(), map());
    assert_ne!(map(), texts());
    assert_ne!(texts(), Secret::map([("b", "\"\u{e9}\n"), ("a", "2")], Metadata::default()).expect("a map"));
    assert_ne!(texts(), Secret::map([("c", "\"\u{e9}\n"), ("a", "1")], Metadata::default()).expect("a map"));
    assert_ne!(texts(), secret(texts().json().expect("an object").raw()), "a map is no JSON text");
    assert_eq!(texts().key("a").expect("a name"), secret("1"));
}

#[test]
fn debug_and_errors_of_a_map_show_no_value() {
    let entries = [("text", SecretValue::text("hunter2")), ("bytes", SecretValue::binary(*b"hunter2\xff"))];
    let map = Secret::map(entries, Metadata::default()).expect("a map");
    let errors = [map.expose_str().err(), map.json().err(), map.key("x").err(), map.keypath(["text", "x"]).err()];
    let shown = format!("{map:?} {:?} {errors:?} {:?}", map.key("text"), map.parse::<u8>());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn one_value_of_a_map_is_replaced_and_the_others_stay() {
    let replaced = |steps: &[&str], value: SecretValue| {
        map().with_replaced(&KeyPath::from(steps), &value).map(|value| Secret::new(value, Metadata::default()))
    };
    for (steps, value, name, result) in [
        (&["tls.crt"][..], SecretValue::text("new"), "tls.crt", &b"new"[..]),
        (&["tls.crt"], SecretValue::binary([0xfe]), "tls.crt", &[0xfe]),
        (&["added"], SecretValue::json_text("[1]").expect("JSON"), "added", b"[1]"),
        (&["config", "db", "0", "port"], "x".into(), "config", br#"{"db":[{"port":"x"},{"port":2}]}"#),
        (&["config", "more"], "x".into(), "config", br#"{"db":[{"port":1.10},{"port":2}], "more": "x"}"#),
    ] {
        let changed = replaced(steps, value).expect("replaced");
        assert_eq!(changed.key(name).expect("a name").expose_bytes().expect("a value"), result, "{steps:?}");
        for (other, before) in map().entries().filter(|(other, _)| *other != name) {
            let after = changed.key(other).expect("a name");
            assert_eq!((&after, after.is_binary()), (&before, before.is_binary()), "{other}");
        }
    }
    let whole = SecretValue::map([("only", "one")]).expect("a map");
    assert!(replaced(&[], whole.clone()).expect("replaced").names().eq(["only"]));
    for steps in [&["nope", "x"][..], &["config", "nope", "x"], &["tls.crt", "x"], &["keystore", "x"]] {
        fails(replaced(steps, "x".into()), ErrorKind::KeyNotFound);
    }
    for (steps, value) in
        [(&["tls.crt"][..], whole.clone()), (&["config", "db"], whole), (&["config", "db"], vec![0xff].into())]
    {
        fails(replaced(steps, value), ErrorKind::InvalidInput);
    }
    let config = map().key("config").expect("a name");
    let changed = config.with_replaced(&["db"].into(), &"x".into()).expect("replaced");
    assert_eq!(Secret::new(changed, Metadata::default()).keypath(["config", "db"]).expect("a key"), secret("x"));
}

#[test]
fn parts_are_the_same_version_as_their_whole_without_a_version_too() {
    let unversioned = || Secret::map([("a", r#"[{"x":1},{"x":2}]"#)], Metadata::default()).expect("a map");
    let [one, two] = [unversioned(), unversioned()];
    for part in [
        one.clone(),
        one.key("a").expect("a"),
        one.keypath(["a", "x"]).expect("x"),
        one.keypath(["a", "0"]).expect("0"),
    ] {
        assert!(part.is_same_version(&two) && two.is_same_version(&part));
        assert!(!part.is_same_version(&texts()));
    }
    let array = |text: &str| Secret::text(text, Metadata::default());
    let collected = array(r#"[{"p":1},{"p":2}]"#).key("p").expect("collected");
    assert!(collected.is_same_version(&array(r#"[{"p":1},{"p":2}]"#)));
    assert!(!collected.is_same_version(&array("[1,2]")));
}

#[test]
fn the_size_of_a_map_counts_names_and_values() {
    assert_eq!(texts().size(), "a1b\"\u{e9}\n".len());
    assert_eq!(Secret::text("abc", Metadata::default().with_version("7")).size(), 4);
}
