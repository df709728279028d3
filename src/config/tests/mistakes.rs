//! Mistakes in the settings: the error says what was meant. Paths and marks are read as written.

use std::{num::NonZeroU32, path::Path};

use super::{
    super::{config::Config, effective::Setting, load::Text, variables::env_vars},
    NO_VARIABLES, with_variables,
};

/// A larger number was meant in milliseconds, as other tools have them.
#[test]
fn an_implausible_number_without_a_unit_is_refused() {
    for (table, key, most) in [
        ("", "timeout", 300),
        ("[providers.\"aws.sm\"]", "timeout", 300),
        ("[providers.\"vault.kv\"]", "timeout", 300),
        ("[connections.vault]", "timeout", 300),
        ("[cache]", "ttl", 7 * 24 * 3600),
        ("[cache]", "max_stale", 31 * 24 * 3600),
        ("[cache]", "negative_ttl", 3600),
        ("[cache]", "reread_interval", 3600),
        ("[cache]", "batch_window", 1),
        ("[providers.file]", "wait", 600),
        ("[providers.file]", "backoff", 60),
        ("[profiles.p]", "timeout", 300),
    ] {
        let text = |value: &str| format!("{table}\n{key} = {value}");
        let too_much = most + 1;
        for value in
            [format!("{too_much}"), format!("{most}.5"), format!("\"{too_much}\""), format!("\" {too_much} \"")]
        {
            let error = Config::parse(&text(&value)).expect_err(&value);
            let expected =
                format!("expected a number of seconds up to {most}, or a time span such as \"500ms\" or \"10m\"");
            assert!(error.message().contains(&expected), "{key} = {value}: {error}");
        }
        for value in [format!("{most}"), format!("\"{most}\""), format!("\"{too_much}s\""), "\"30days\"".to_owned()] {
            Config::parse(&text(&value)).expect(&value);
        }
    }
    let error = Config::parse("[providers.x]\ntype = \"aws.sm\"\nroles = [{ arn = \"a\", duration = 900000 }]");
    assert!(error.expect_err("ms").message().contains("up to 43200"));
    let error = with_variables("", &[(env_vars::CACHE_TTL, "900000")]).expect_err("milliseconds");
    assert!(error.hint().unwrap_or_default().contains("such as \"500ms\" or \"10m\""), "{error:?}");
}

#[cfg(unix)]
#[test]
fn every_path_starts_from_the_folder_of_the_file_or_from_home() {
    let home = crate::fs::home::folder().expect("a home");
    let folder = Path::new("/etc/app");
    for (table, line) in [
        ("cache", "path = PATH"),
        ("cache", "key_file = PATH"),
        ("cache", "key_credential = PATH"),
        ("providers.file", "path = PATH"),
        ("providers.\"vault.kv\"", "ca_file = PATH"),
        ("providers.\"vault.kv\"", "auth = { method = \"kubernetes\", role = \"r\", file = PATH }"),
        ("connections.vault", "ca_file = PATH"),
        ("connections.vault", "ca_path = PATH"),
        ("connections.vault", "client_cert = PATH"),
        ("connections.vault", "client_key = PATH"),
        ("connections.vault", "auth = { method = \"token\", file = PATH }"),
        ("connections.vault", "auth = { method = \"aws_ec2\", role = \"r\", nonce_file = PATH }"),
        ("profiles.p.providers.file", "path = PATH"),
        ("profiles.p.connections.vault", "ca_file = PATH"),
    ] {
        for (written, resolved) in [
            ("certs/x", folder.join("certs/x")),
            ("../x", folder.join("../x")),
            ("/abs/x", "/abs/x".into()),
            ("~/x", home.join("x")),
            ("~", home.clone()),
            ("./~user/x", folder.join("./~user/x")),
        ] {
            let text = format!("[{table}]\n{}", line.replace("PATH", &format!("{written:?}")));
            let text = Text { text: &text, path: None, folder: Some(folder) };
            let profile = table.starts_with("profiles").then_some("p");
            let config = Config::read_layers(text, profile, NO_VARIABLES).expect("settings");
            let shown: Vec<_> = config.effective().iter().map(Setting::toml).collect();
            let expected = format!("{:?}", resolved.to_str().expect("UTF-8"));
            let is_same =
                |shown: &String| shown.trim_end_matches('"').trim_end_matches('/') == expected.trim_end_matches('"');
            assert!(shown.iter().any(is_same), "[{table}] {line}: {written}: {shown:?}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let config = Config::parse("\u{feff}retry = 7").expect("TOML with a mark");
    assert_eq!(config.retry, NonZeroU32::new(7));
    let error = Config::parse("\u{feff}\nretries = 7").expect_err("unknown");
    assert!(error.message().starts_with("line 2"), "{error}");
}

#[test]
fn a_name_with_a_dot_needs_quotes() {
    for (text, line, hint) in [
        ("[providers.aws.sm]\nregion = \"x\"", 1, "write [providers.\"aws.sm\"]"),
        ("retry = 3\nproviders.vault.kv.address = \"x\"", 2, "write [providers.\"vault.kv\"]"),
        ("[providers.team.east]\ntype = \"vault.kv\"", 1, "write [providers.\"team.east\"]"),
        ("[providers.a.b.c]\ntype = \"aws.sm\"", 1, "write [providers.\"a.b.c\"]"),
        ("[connections.eu.west]\ntype = \"vault\"", 1, "write [connections.\"eu.west\"]"),
        ("[profiles.p.providers.aws.ps]\nregion = \"x\"", 1, "write [providers.\"aws.ps\"]"),
    ] {
        let error = Config::parse(text).expect_err(text);
        assert!(error.message().starts_with(&format!("line {line}")), "{text}: {error}");
        assert!(error.message().ends_with("a name with a dot needs quotes"), "{text}: {error}");
        assert_eq!(error.hint(), Some(hint), "{text}");
    }
    // A mistyped key is not a name.
    let error = Config::parse("[providers.x]\ntype = \"vault.kv\"\nauht = { method = \"cert\" }").expect_err("a key");
    assert_eq!(error.hint(), Some("did you mean `auth`?"));
    Config::parse("[providers.x]\ntype = \"vault.kv\"\n[providers.x.auth]\nmethod = \"cert\"").expect("tables");
}

#[test]
fn a_misspelt_provider_brings_the_one_that_was_meant() {
    for text in ["provider = \"AWS.SM\"", "[secrets]\nA = \"AWS.SM://prod/db\"", "[secrets]\nA = \"aws.sm:prod/db\""] {
        let error = Config::parse(text).expect_err(text);
        let told = format!("{} {}", error.message(), error.hint().unwrap_or_default());
        assert!(told.contains("did you mean `aws.sm`?") || told.contains("write aws.sm://PATH"), "{text}: {told}");
    }
    // A password in the wrong place, of a user whose name means a provider.
    for text in ["[secrets]\nA = \"vault:hunter2\"", "[secrets]\nA = \"ssm:/hunter2\""] {
        let error = Config::parse(text).expect_err(text);
        assert!(!format!("{error:?} {:?}", error.hint()).contains("hunter2"), "{error:?}");
    }
    let bare = Config::parse("[secrets]\nA = \"team:x\"").expect("a path of the default provider");
    assert_eq!(bare.secrets["A"].to_string(), "aws.sm://team:x");
    let error = with_variables("", &[(env_vars::PROVIDER, "AWS.SM")]).expect_err("upper case");
    assert_eq!(error.hint(), Some("did you mean `aws.sm`?"));
}
