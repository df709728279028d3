//! What the encodings cover, what they leave out, and how much memory they take.

use super::*;
use proptest::prelude::*;

fn encodings(value: &str) -> Encodings {
    let mut encodings = Encodings::default();
    assert_eq!(encodings.add(&Secret::text(value, Metadata::default())), Added::Complete);
    encodings
}

fn covers(encodings: &Encodings, printed: &str) -> bool {
    encodings.iter().any(|encoding| printed.as_bytes().windows(encoding.len()).any(|part| part == encoding))
}

#[test]
fn output_of_common_tools_is_covered() {
    // Taken from the output of jq, Python's json, urllib and html, JavaScript's encodeURI, bash's
    // printf %q and set -x, and xxd.
    let value = "pä ss/\"w'o\\rd\"&<x>";
    let encodings = encodings(value);
    let all: Vec<_> = encodings.iter().map(|encoding| String::from_utf8_lossy(encoding).into_owned()).collect();
    for written in [
        value,
        r#"pä ss/\"w'o\\rd\"&<x>"#,
        r#"p\u00e4 ss/\"w'o\\rd\"&<x>"#,
        "p%C3%A4%20ss%2F%22w%27o%5Crd%22%26%3Cx%3E",
        "p%c3%a4%20ss%2f%22w%27o%5crd%22%26%3cx%3e",
        "p%C3%A4+ss%2F%22w%27o%5Crd%22%26%3Cx%3E",
        r#"pä\ ss/\"w\'o\\rd\"\&\<x\>"#,
        r#"pä ss/"w'\''o\rd"&<x>"#,
        "70c3a42073732f2277276f5c726422263c783e",
        "p%C3%A4%20ss/%22w'o%5Crd%22&%3Cx%3E",
        "pä ss/&quot;w&#x27;o\\rd&quot;&amp;&lt;x&gt;",
        "pä ss/&quot;w&#39;o\\rd&quot;&amp;&lt;x&gt;",
    ] {
        assert!(all.iter().any(|encoding| encoding.starts_with(written)), "{written}");
    }
}

#[test]
fn lines_and_strings_in_json_are_covered() {
    let encodings = encodings("-----BEGIN KEY-----\r\n  line-one\nx\n");
    assert!(covers(&encodings, "see: line-one!") && covers(&encodings, "-----BEGIN KEY-----"));
    let encodings = self::encodings(r#"{"user":"app","nested":[{"password":"hun\u0074er2\n"}],"port":54320}"#);
    assert!(covers(&encodings, "hunter2") && !covers(&encodings, "54320") && !covers(&encodings, "app"));
}

/// Taken from the output of Node's `URL` and `URLSearchParams`, Ruby's `URI`, Go's
/// `url.UserPassword`, `xxd -p`, bash's `set -x` and `printf %q` in two locales, Jinja, XML,
/// PowerShell, jq and TeamCity.
#[test]
fn output_of_further_tools_is_covered() {
    for (value, written) in [
        ("pa$sw!rd&x@7", "pa$sw!rd&x%407"),
        ("ab~cd*ef!gh", "ab%7Ecd*ef%21gh"),
        ("p@ss;w=rd/x", "p%40ss;w=rd%2Fx"),
        ("p\u{e4}ssw\u{f6}rt-\u{fc}", "p\\303\\244ssw\\303\\266rt-\\303\\274"),
        ("abc\u{7f}def\u{1}ghi", "abc\\177def\\001ghi"),
        ("pa$s#wo,rd~x", "pa\\$s#wo\\,rd~x"),
        ("#pa$s", "\\#pa\\$s"),
        ("line1\tsec\"ond's", "line1\\tsec\"ond\\'s"),
        ("\u{1b}[31mred-secret", "\\E[31mred-secret"),
        ("a\"b'c-correct", "a&#34;b&#39;c-correct"),
        ("a\"b'c-correct", "a&quot;b&apos;c-correct"),
        ("a\"b'c-correct", "a&quot;b'c-correct"),
        ("a\"b'c-correct", "a\"b''c-correct"),
        ("abc\u{7f}def\u{1}ghi", "abc\\u007fdef\\u0001ghi"),
        ("key\u{feff}\"x-secret", "key\\ufeff\\\"x-secret"),
        ("ab+cd/ef==gh", "ab+cd/ef\\=\\=gh"),
        ("pass=~word:~x,y{z}#q", "pass=\\~word:\\~x\\,y\\{z\\}#q"),
        ("p@ss w^rd|x", "p@ss%20w^rd|x"),
        ("a/b=c?d e", "a%2Fb=c%3Fd%20e"),
        ("it's|[x]\u{e4}", "it|'s|||[x|]|0x00E4"),
    ] {
        assert!(encodings(value).iter().any(|encoding| encoding == written.as_bytes()), "{value:?}: {written}");
    }
    let long: String = ('a'..='z').cycle().take(100).collect();
    let hexed: String = long.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encodings = encodings(&long);
    assert!(
        hexed.as_bytes().chunks(60).all(|line| encodings.iter().any(|encoding| encoding == line)),
        "xxd -p wraps lines"
    );
}

/// Written after the documentation of each encoder; Rust's and Python's after their output.
#[test]
fn output_of_json_encoders_is_covered() {
    let value = "a+b\"c'd&e<f>g\\h/i=j`k\u{e9}\u{1f600}\u{1f}\u{7f}l";
    let encodings = encodings(value);
    for (encoder, written) in [
        (".NET", r"a\u002Bb\u0022c\u0027d\u0026e\u003Cf\u003Eg\\h/i=j\u0060k\u00E9\uD83D\uDE00\u001F\u007Fl"),
        (".NET, relaxed", "a+b\\\"c'd&e<f>g\\\\h/i=j`k\u{e9}\\uD83D\\uDE00\\u001F\\u007Fl"),
        (
            ".NET, all ranges",
            "a\\u002Bb\\u0022c\\u0027d\\u0026e\\u003Cf\\u003Eg\\\\h/i=j\\u0060k\u{e9}\\uD83D\\uDE00\\u001F\\u007Fl",
        ),
        (
            "Newtonsoft's EscapeHtml",
            "a+b\\u0022c\\u0027d\\u0026e\\u003cf\\u003eg\\\\h/i=j`k\u{e9}\u{1f600}\\u001f\u{7f}l",
        ),
        ("Gson", "a+b\\\"c\\u0027d\\u0026e\\u003cf\\u003eg\\\\h/i\\u003dj`k\u{e9}\u{1f600}\\u001f\u{7f}l"),
        ("Jackson", "a+b\\\"c'd&e<f>g\\\\h/i=j`k\u{e9}\u{1f600}\\u001F\u{7f}l"),
        ("Jackson, in ASCII", "a+b\\\"c'd&e<f>g\\\\h/i=j`k\\u00E9\\uD83D\\uDE00\\u001F\u{7f}l"),
        ("Jackson, slashes too", "a+b\\\"c'd&e<f>g\\\\h\\/i=j`k\\u00E9\\uD83D\\uDE00\\u001F\u{7f}l"),
        ("Go", "a+b\\\"c'd\\u0026e\\u003cf\\u003eg\\\\h/i=j`k\u{e9}\u{1f600}\\u001f\u{7f}l"),
        ("Python", r#"a+b\"c'd&e<f>g\\h/i=j`k\u00e9\ud83d\ude00\u001f\u007fl"#),
        ("Jinja", r#"a+b\"c\u0027d\u0026e\u003cf\u003eg\\h/i=j`k\u00e9\ud83d\ude00\u001f\u007fl"#),
        ("Django's json_script", r#"a+b\"c'd\u0026e\u003Cf\u003Eg\\h/i=j`k\u00e9\ud83d\ude00\u001f\u007fl"#),
        ("PHP", "a+b\\\"c'd&e<f>g\\\\h\\/i=j`k\\u00e9\\ud83d\\ude00\\u001f\u{7f}l"),
        (
            "PHP's JSON_HEX_*",
            "a+b\\u0022c\\u0027d\\u0026e\\u003Cf\\u003Eg\\\\h\\/i=j`k\\u00e9\\ud83d\\ude00\\u001f\u{7f}l",
        ),
        ("serialize-javascript", "a+b\\\"c'd&e\\u003Cf\\u003Eg\\\\h\\u002Fi=j`k\u{e9}\u{1f600}\\u001f\u{7f}l"),
        ("jq", "a+b\\\"c'd&e<f>g\\\\h/i=j`k\u{e9}\u{1f600}\\u001f\\u007fl"),
    ] {
        assert!(encodings.iter().any(|encoding| encoding == written.as_bytes()), "{encoder}: {written}");
    }
    let written = "a\\u002bb\\u0022c\\u0027d\\u0026e\\u003cf\\u003eg\\\\h\\/i=j\\u0060k\u{e9}\u{2028}";
    let encodings = self::encodings("a+b\"c'd&e<f>g\\h/i=j`k\u{e9}");
    assert!(covers(&encodings, written), "Go's html/template in a script");
    let encodings = self::encodings("p;a-s=s'w\"o\\r<d");
    assert!(covers(&encodings, r"p\u003Ba\u002Ds\u003Ds\u0027w\u0022o\u005Cr\u003Cd"), "Django's escapejs");
    assert!(covers(&encodings, r#"p;a-s\u003Ds\'w\"o\\r\u003Cd"#), "Go's JSEscapeString");
}

#[test]
fn string_literals_of_programming_languages_are_covered() {
    let value = "a+b\"c'd\\h#i#{j}\u{e9}\u{1f600}\u{1f}\u{7f}\u{200b}\tl";
    let encodings = encodings(value);
    for (printer, written) in [
        ("Python's repr", "a+b\"c\\'d\\\\h#i#{j}\u{e9}\u{1f600}\\x1f\\x7f\\u200b\\tl"),
        ("Python's ascii", r#"a+b"c\'d\\h#i#{j}\xe9\U0001f600\x1f\x7f\u200b\tl"#),
        ("Python's repr of bytes", r#"a+b"c\'d\\h#i#{j}\xc3\xa9\xf0\x9f\x98\x80\x1f\x7f\xe2\x80\x8b\tl"#),
        ("Rust's Debug", format!("{value:?}").trim_matches('"')),
        ("Rust's escape_debug", &value.escape_debug().to_string()),
        ("Rust's escape_default", &value.escape_default().to_string()),
        ("Rust's escape_ascii", &value.as_bytes().escape_ascii().to_string()),
        ("Go's %q", "a+b\\\"c'd\\\\h#i#{j}\u{e9}\u{1f600}\\x1f\\x7f\\u200b\\tl"),
        ("Go's %+q", r#"a+b\"c'd\\h#i#{j}\u00e9\U0001f600\x1f\x7f\u200b\tl"#),
        ("Ruby's inspect", "a+b\\\"c'd\\\\h#i\\#{j}\u{e9}\u{1f600}\\u001F\\x7F\\u200B\\tl"),
        ("Ruby's dump", r#"a+b\"c'd\\h#i\#{j}\u00E9\u{1F600}\x1F\x7F\u200B\tl"#),
        ("Ruby's inspect of bytes", r#"a+b\"c'd\\h#i\#{j}\xC3\xA9\xF0\x9F\x98\x80\x1F\x7F\xE2\x80\x8B\tl"#),
        ("Node", "a+b\"c\\'d\\\\h#i#{j}\u{e9}\u{1f600}\\x1F\\x7F\u{200b}\\tl"),
        ("nginx", r#"a+b\x22c'd\x5Ch#i#{j}\xC3\xA9\xF0\x9F\x98\x80\x1F\x7F\xE2\x80\x8B\x09l"#),
        ("Git", r#"a+b\"c'd\\h#i#{j}\303\251\360\237\230\200\037\177\342\200\213\tl"#),
        ("Protobuf", r#"a+b\"c\'d\\h#i#{j}\303\251\360\237\230\200\037\177\342\200\213\tl"#),
        ("PyYAML", r#"a+b\"c'd\\h#i#{j}\xE9\U0001F600\x1F\x7F\u200B\tl"#),
    ] {
        assert!(encodings.iter().any(|encoding| encoding == written.as_bytes()), "{printer}: {written}");
    }
    let bytes = Secret::binary(b"\x00key'\xff\\\n\"x", Metadata::default());
    let mut encodings = Encodings::default();
    assert_eq!(encodings.add(&bytes), Added::Complete);
    for written in [r#"\x00key\'\xff\\\n"x"#, r#"\x00key'\xFF\\\n\"x"#] {
        assert!(encodings.iter().any(|encoding| encoding == written.as_bytes()), "{written}");
    }
}

#[test]
fn output_of_html_and_xml_encoders_is_covered() {
    let encodings = encodings("a+b\"c'd&e<f>g/h=i`j\u{e9}\u{1f600}\tk");
    for (encoder, written) in [
        ("Go's html/template", "a&#43;b&#34;c&#39;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
        ("the same without quotes", "a&#43;b&#34;c&#39;d&amp;e&lt;f&gt;g/h&#61;i&#96;j\u{e9}\u{1f600}&#9;k"),
        ("Handlebars", "a+b&quot;c&#x27;d&amp;e&lt;f&gt;g/h&#x3D;i&#x60;j\u{e9}\u{1f600}\tk"),
        ("mustache.js", "a+b&quot;c&#39;d&amp;e&lt;f&gt;g&#x2F;h&#x3D;i&#x60;j\u{e9}\u{1f600}\tk"),
        ("Underscore", "a+b&quot;c&#x27;d&amp;e&lt;f&gt;g/h=i&#x60;j\u{e9}\u{1f600}\tk"),
        (".NET's HtmlEncoder", "a&#x2B;b&quot;c&#x27;d&amp;e&lt;f&gt;g/h=i&#x60;j&#xE9;&#x1F600;&#x9;k"),
        (".NET's WebUtility", "a+b&quot;c&#39;d&amp;e&lt;f&gt;g/h=i`j&#233;&#128512;\tk"),
        ("Python's html.escape", "a+b&quot;c&#x27;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
        ("MarkupSafe", "a+b&#34;c&#39;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
        ("PHP", "a+b&quot;c&#039;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
        ("PHP's ENT_HTML5", "a+b&quot;c&apos;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
        ("lxml", "a+b\"c'd&amp;e&lt;f&gt;g/h=i`j&#233;&#128512;\tk"),
        ("Go's encoding/xml", "a+b&#34;c&#39;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}&#x9;k"),
        ("canonical XML", "a+b&quot;c'd&amp;e&lt;f>g/h=i`j\u{e9}\u{1f600}&#x9;k"),
        ("OWASP's Java encoder", "a+b&#34;c&#39;d&amp;e&lt;f&gt;g/h=i`j\u{e9}\u{1f600}\tk"),
    ] {
        assert!(encodings.iter().any(|encoding| encoding == written.as_bytes()), "{encoder}: {written}");
    }
}

/// The case of the digits must not be a way past a mask, whatever the encoder escapes.
#[test]
fn json_escapes_are_covered_in_either_case() {
    for character in "+<>=&'\"/`\u{e9}\u{1f600}\u{1b}\u{2028}".chars() {
        let encodings = encodings(&format!("begin{character}end"));
        let units: Vec<u16> = character.encode_utf16(&mut [0; 2]).to_vec();
        let lower: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let upper: String = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
        for escape in [lower, upper] {
            let written = format!("begin{escape}end");
            assert!(encodings.iter().any(|encoding| encoding == written.as_bytes()), "{written}");
        }
    }
}

/// More encoders must not add masks for values that they leave as they are, nor slow the search.
#[test]
fn a_value_of_letters_and_digits_has_no_escaped_encodings() {
    let few = |value: &str| encodings(value).iter().count();
    assert_eq!(few("correcthorsebatterystaple42"), 6);
    assert!(few("correct-horse-battery-staple") <= 16, "{}", few("correct-horse-battery-staple"));
}

/// A last line of a few digits would match in every digest.
#[test]
fn a_short_last_line_of_a_wrapped_encoding_is_left_out() {
    let encodings = encodings(&"x".repeat(61));
    assert!(
        encodings.iter().all(|encoding| encoding.len() >= 6),
        "{:?}",
        encodings.iter().find(|encoding| encoding.len() < 6)
    );
}

#[test]
fn strings_in_nested_json_are_covered() {
    let account = r#"{"email":"robot@x.iam","key":"-----BEGIN-----\nkeyline-one\nkeyline-two\n"}"#;
    let whole = serde_json::json!({ "sa": account, "n": [serde_json::json!(account).to_string()] }).to_string();
    for value in [account.to_owned(), whole, serde_json::json!(account).to_string()] {
        let encodings = encodings(&value);
        assert!(covers(&encodings, "it prints keyline-two alone") && covers(&encodings, "robot@x.iam"), "{value}");
    }
    let mut deep = account.to_owned();
    for _ in 0..40 {
        deep = serde_json::json!([deep]).to_string();
        if deep.len() > 100_000 {
            break;
        }
    }
    assert!(encodings(&deep).iter().count() > 0, "it ends");
}

#[test]
fn strings_in_a_json_document_stored_under_a_key_are_covered() {
    let secret = Secret::text(r#"{"sa": "{\"key\": \"keyline-one\"}"}"#, Metadata::default());
    let mut encodings = Encodings::default();
    assert_eq!(encodings.add(&secret.key("sa").expect("there")), Added::Complete);
    assert!(encodings.iter().any(|encoding| encoding == b"keyline-one"));
}

/// Otherwise the redactor would hold back the end of every line.
#[test]
fn no_encoding_begins_or_ends_with_whitespace() {
    let encodings = encodings("\n leading-and-trailing \n");
    assert!(
        encodings
            .iter()
            .all(|encoding| !encoding[0].is_ascii_whitespace() && !encoding[encoding.len() - 1].is_ascii_whitespace())
    );
    assert!(
        covers(&encodings, "leading-and-trailing")
            && covers(&encodings, &STANDARD.encode("\n leading-and-trailing \n"))
    );
}

/// Otherwise the closing lines of a pretty-printed document would redact `7d2c` in every digest.
#[test]
fn encodings_of_short_lines_are_left_out() {
    let encodings = encodings("{\n \"a\": \"bcde\"\n },\n' }\n&\n");
    for part in ["7d2c", "&#39;", "&amp;", "'\\''", "fSw="] {
        assert!(!encodings.iter().any(|encoding| encoding == part.as_bytes()), "{part}");
    }
}

#[test]
fn short_values_have_no_encodings() {
    for value in ["", "abc", " ab \n"] {
        let mut encodings = Encodings::default();
        assert_eq!(encodings.add(&Secret::text(value, Metadata::default())), Added::TooShort, "{value:?}");
        assert_eq!(encodings.iter().count(), 0, "{value:?}");
    }
}

/// The hazard: gigabytes of masks, printed to a log or held while a command runs.
#[test]
fn values_whose_encodings_exceed_the_memory_limit_are_refused() {
    let of = |size: usize| Secret::text("a".repeat(size), Metadata::default());
    for size in [33, 64] {
        assert_eq!(Encodings::default().add(&of(size << 20)), Added::TooLarge, "{size} MiB");
    }
    let limited = || Encodings { all: BTreeSet::new(), size: 0, limit: 1 << 20 };
    // Many values together reach the limit too, and then no more is added.
    let mut encodings = limited();
    let added: Vec<_> = (0..40).map(|index| encodings.add(&of(4096 + index))).collect();
    let large = added.iter().position(|added| *added == Added::TooLarge).expect("some are too large");
    assert!(large > 5 && added[large..].iter().all(|added| *added == Added::TooLarge), "{added:?}");
    let bytes: usize = encodings.iter().map(<[u8]>::len).sum();
    assert!(bytes < encodings.limit + 4096 * 12, "{bytes}");
    // So do many lines, and many strings of JSON: each has encodings of its own.
    let lines: String = (0..1000).map(|index| format!("+{index:06}/\n")).collect();
    let texts = serde_json::json!(lines.lines().collect::<Vec<_>>()).to_string();
    for value in [lines, texts] {
        assert_eq!(limited().add(&Secret::text(value, Metadata::default())), Added::TooLarge);
    }
}

/// Each is a line in a job's log.
#[test]
fn ordinary_values_have_few_encodings() {
    for (value, most) in [("p@ss/w<rd+\"x'#\u{e9}", 150), (&"MIIEvQIBADANBgkqhkiG9w0B+QEFAASC/Kcw=".repeat(2), 60)] {
        let count = encodings(value).iter().count();
        assert!(count <= most, "{value}: {count} encodings");
    }
}

proptest! {
    /// Wherever the value begins in the encoded text, one encoding matches.
    #[test]
    fn base64_of_a_longer_text_contains_an_encoding_of_the_value(before in "\\PC{0,9}", value in "\\PC{6,40}", after in "\\PC{0,9}") {
        prop_assume!(value.trim().len() >= 6);
        let encodings = encodings(&value);
        for engine in [STANDARD, URL_SAFE, URL_SAFE_NO_PAD] {
            let text = format!("{before}{value}{after}");
            prop_assert!(covers(&encodings, &engine.encode(text)));
        }
    }
}

#[test]
fn each_value_of_a_map_is_covered() {
    use s1crets::SecretValue;

    let entries = [
        ("password", SecretValue::text("correct-horse")),
        ("keystore", SecretValue::binary([0xff; 9])),
        ("config", SecretValue::text(r#"{"token":"battery-staple"}"#)),
        ("pin", SecretValue::text("12")),
    ];
    let map = Secret::map(entries, Metadata::default()).expect("a map");
    let mut encodings = Encodings::default();
    assert_eq!(encodings.add(&map), Added::Complete);
    for printed in ["correct-horse", "Y29ycmVjdC1ob3JzZQ==", "////////////", "battery-staple"] {
        assert!(covers(&encodings, printed), "{printed}");
    }
    assert!(!encodings.iter().any(|encoding| encoding == b"12"));
    let mut full = Encodings { all: BTreeSet::new(), size: 0, limit: 16 };
    assert_eq!(full.add(&map), Added::TooLarge);
}
