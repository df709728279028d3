//! Values and keypaths, the same on both AWS stores.

use s1crets::{Client, ErrorKind, JsonKind, SecretValue};
use s1crets_testbed::unique;

use crate::support::{Aws, STORES, fails, text};

/// One planted value, seen through each store in turn.
async fn in_both_stores(planted: &str, look: impl AsyncFn(&Client, &str, &str)) {
    let aws = Aws::start().await;
    let client = aws.client().await;
    for (store, _, prefix) in STORES {
        let name = unique(prefix);
        aws.plant(store, &name, planted);
        look(&client, store, &name).await;
    }
}

#[tokio::test]
async fn no_byte_of_a_text_is_lost_to_a_parser() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    for (store, _, prefix) in STORES {
        for planted in [
            "1.10",
            "12345678901234567890123",
            "1e999",
            "NaN",
            "Infinity",
            "0123",
            "true",
            "null",
            "\"q\"",
            " ",
            "plain",
            "{\"a\": 1.10 , \"a\" :2}\n",
            "[1,2]",
            "h\u{e9}\u{1f600}\\u00e9",
            "{\"half\":",
        ] {
            let name = unique(prefix);
            aws.plant(store, &name, planted);
            let secret = client.get(store, &name).await.unwrap();
            assert_eq!(secret.expose_str().unwrap(), planted, "{store}");
            assert!(!secret.is_binary());
        }
    }
}

#[tokio::test]
async fn numbers_beyond_a_float_print_as_they_stand() {
    let planted = r#"{"n":1.10,"big":12345678901234567890123,"e":1e999}"#;
    in_both_stores(planted, async |client, store, name| {
        for (key, expected) in [("n", "1.10"), ("big", "12345678901234567890123"), ("e", "1e999")] {
            assert_eq!(text(client.get(store, name).key(key).await), expected, "{store}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_equal_keys_the_last_one_counts() {
    in_both_stores(r#"{"a":1,"a":2}"#, async |client, store, name| {
        assert_eq!(text(client.get(store, name).key("a").await), "2", "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_keypath_is_followed_on_both_stores() {
    let planted = r#"{"level1":{"level2":3},"users":[{"name":"a","id":1},{"name":"b","id":2}],"list":[10,20]}"#;
    in_both_stores(planted, async |client, store, name| {
        for (steps, expected) in [
            (&["level1", "level2"][..], "3"),
            (&["level1"], r#"{"level2":3}"#),
            (&["users", "1", "name"], "b"),
            (&["users", "name"], r#"["a","b"]"#),
            (&["list", "0"], "10"),
            (&[], planted),
        ] {
            assert_eq!(text(client.get(store, name).keypath(steps).await), expected, "{store} {steps:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_falsy_value_on_the_way_does_not_lead_back_to_the_root() {
    let planted = r#"{"e":{},"z":0,"s":"","l":[],"n":null,"f":false,"top":1}"#;
    in_both_stores(planted, async |client, store, name| {
        for falsy in ["e", "z", "s", "n", "f"] {
            let error = fails(client.get(store, name).keypath([falsy, "top"]).await, ErrorKind::KeyNotFound);
            assert!(error.to_string().contains(name), "{error}");
        }
        // No element is without the key: an empty list maps to one.
        assert_eq!(text(client.get(store, name).keypath(["l", "top"]).await), "[]");
        // As a last step they are values like any other.
        for (falsy, raw) in [("e", "{}"), ("z", "0"), ("s", ""), ("l", "[]"), ("n", "null"), ("f", "false")] {
            assert_eq!(text(client.get(store, name).key(falsy).default("unused").await), raw, "{store} {falsy}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_step_that_leads_nowhere_is_key_not_found_whatever_is_there() {
    for planted in ["plain", "7", "null", "\"text\"", "[]", "[1,2]", "[{\"a\":1},{}]", "{}"] {
        in_both_stores(planted, async |client, store, name| match client.get(store, name).key("a").await {
            // Every element of an empty list has the key.
            Ok(secret) => assert_eq!((planted, secret.expose_str().unwrap()), ("[]", "[]"), "{store}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::KeyNotFound, "{store} {planted}: {error:?}");
                assert!(!client.path_exists(store, name).key("a").await.unwrap(), "{store} {planted}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_default_covers_a_missing_secret_and_a_missing_key() {
    in_both_stores(r#"{"there":"x"}"#, async |client, store, name| {
        let missing = format!("{name}-not");
        assert_eq!(text(client.get(store, &missing).default("spare").await), "spare", "{store}");
        assert_eq!(text(client.get(store, &missing).key("a").default("spare").await), "spare", "{store}");
        assert_eq!(text(client.get(store, name).key("a").default("spare").await), "spare", "{store}");
        assert_eq!(text(client.get(store, name).key("there").default("spare").await), "x", "{store}");

        let bytes = client.get(store, &missing).default(vec![0xff]).await.unwrap();
        assert!(bytes.is_binary() && bytes.expose_bytes().unwrap() == [0xff]);

        // Never kept for those who gave none.
        fails(client.get(store, &missing).await, ErrorKind::NotFound);
    })
    .await;
}

/// A default would hide that the secret is there, and broken.
#[tokio::test]
async fn a_default_does_not_stand_in_for_a_secret_whose_json_is_broken() {
    in_both_stores(r#"{"there": "x",}"#, async |client, store, name| {
        let error = fails(client.get(store, name).key("there").default("spare").await, ErrorKind::Corrupt);
        assert!(error.to_string().contains("not JSON (line 1, column 15)"), "{error}");
        fails(client.path_exists(store, name).key("there").await, ErrorKind::Corrupt);
        fails(client.update(store, name, "y").key("there").await, ErrorKind::Corrupt);
        let many = client.get_refs([format!("{store}://{name}#there")]).await.pop().unwrap();
        fails(many, ErrorKind::Corrupt);
        assert_eq!(text(client.get(store, name).await), r#"{"there": "x",}"#, "the whole text is read all the same");
    })
    .await;
}

#[tokio::test]
async fn what_python_writes_as_json_is_json_and_its_bytes_stay() {
    let planted = "\u{feff}{\"load\": NaN, \"max\": -Infinity, \"half\": \"\\ud800\", \"user\": \"app\"}";
    in_both_stores(planted, async |client, store, name| {
        assert_eq!(text(client.get(store, name).key("user").await), "app", "{store}");
        assert_eq!(text(client.get(store, name).key("max").await), "-Infinity", "{store}");
        fails(client.get(store, name).key("half").default("spare").await, ErrorKind::Corrupt);
        client.update(store, name, "x").key("user").await.unwrap();
        assert_eq!(text(client.get(store, name).await), planted.replace("app", "x"), "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_part_keeps_the_name_and_the_version_of_the_whole() {
    in_both_stores(r#"{"a":{"b":[1]}}"#, async |client, store, name| {
        let whole = client.get(store, name).await.unwrap();
        let part = client.get(store, name).keypath(["a", "b"]).await.unwrap();
        assert_eq!((part.name(), part.version()), (Some(name), whole.version()), "{store}");
        assert!(whole.version().is_some() && whole.created().is_some());
        assert_eq!(part.json().unwrap().kind(), JsonKind::Array);
        assert_eq!(part.parse::<Vec<u8>>().unwrap(), [1]);
    })
    .await;
}

#[tokio::test]
async fn a_changed_key_leaves_every_other_byte() {
    let planted = "{ \"n\" : 1.10,\n\t\"password\":\"old\", \"list\":[1, 2 ] }\n";
    in_both_stores(planted, async |client, store, name| {
        client.update(store, name, "n\"ew\u{e9}").key("password").await.unwrap();
        let expected = planted.replace("old", "n\\\"ew\u{e9}");
        assert_eq!(text(client.get(store, name).await), expected, "{store}");

        client.update(store, name, SecretValue::json(&[3]).unwrap()).keypath(["list", "1"]).await.unwrap();
        assert_eq!(text(client.get(store, name).await), expected.replace("2 ]", "[3] ]"), "{store}");

        fails(client.update(store, name, "x").keypath(["no", "such"]).await, ErrorKind::KeyNotFound);
        fails(client.update(store, name, vec![0xff]).key("password").await, ErrorKind::InvalidInput);
        assert_eq!(text(client.get(store, name).cached(false).await), expected.replace("2 ]", "[3] ]"), "{store}");
    })
    .await;
}

#[tokio::test]
async fn a_key_of_a_text_that_is_no_json_is_not_written() {
    in_both_stores("plain", async |client, store, name| {
        fails(client.update(store, name, "x").key("a").await, ErrorKind::KeyNotFound);
        assert_eq!(text(client.get(store, name).cached(false).await), "plain", "{store}");
    })
    .await;
}

#[tokio::test]
async fn typed_reads_serve_every_store() {
    in_both_stores(r#"{"type":"credential","username":"u","password":"p"}"#, async |client, store, name| {
        let credential = client.get(store, name).await.unwrap().credential().unwrap();
        let both = [&credential.username, &credential.password].map(|part| part.expose_bytes().unwrap());
        assert_eq!(both, [b"u", b"p"], "{store}");
    })
    .await;
}
