//! Each format is read back, and what it can't represent is refused.

use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;

use super::{
    super::{Document, Entry, Format},
    batches, name, readers, representable, secret, written,
};
use crate::{exit::Exit, export::ci, report::Failure};

/// Writes random values, and checks that the reader gets exactly those that the format accepts.
fn check(format: Format, read: impl Fn(&str) -> BTreeMap<String, String>) {
    let (accepted, seen) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) };
    proptest!(config, |(values in batches())| {
        seen.set(seen.get() + values.len());
        let (values, out) = representable(format, values);
        accepted.set(accepted.get() + values.len());
        let expected: BTreeMap<_, _> = values.iter().enumerate().map(|(at, value)| (name(at), value.clone())).collect();
        prop_assert_eq!(read(std::str::from_utf8(&out).expect("text")), expected);
    });
    assert!(accepted.get() * 20 > seen.get(), "{format:?} accepts only {accepted:?} of {seen:?} values");
}

#[test]
fn json_round_trips_every_value() {
    check(Format::Json, readers::json);
    // JSON is also YAML.
    check(Format::Json, readers::yaml);
}

#[test]
fn yaml_round_trips_every_value_as_text() {
    check(Format::Yaml, readers::yaml);
}

#[test]
fn dotenv_round_trips_every_value_with_every_reader() {
    check(Format::Dotenv, readers::dotenvy);
    check(Format::Dotenv, readers::python_dotenv);
    check(Format::Dotenv, readers::node_dotenv);
}

#[test]
fn docker_round_trips_every_value() {
    check(Format::Docker, readers::docker);
}

/// Ruby's dotenv 2.4 ran the command in a line of a value.
#[test]
fn no_line_of_a_dotenv_value_is_run_or_set_by_a_reader_that_splits_at_line_ends() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) };
    proptest!(config, |(values in batches())| {
        let (_, out) = representable(Format::Dotenv, values);
        let effects = readers::side_effects_in_ruby(std::str::from_utf8(&out).expect("text"));
        prop_assert!(effects.is_empty(), "{effects:?}");
    });
    for value in [
        "first\nX=$(touch /tmp/s1crets-was-here)",
        "$(id)\nsecond",
        "a\n`id`",
        "a\n$HOME",
        "a\nLD_PRELOAD=/tmp/x.so",
        "a\nexport X=1",
        "a\n  X = 1",
        "a\nX: 1",
        "it's\nX=1",
        "a\nPATH=",
        "a\nLD_PRELOAD==",
    ] {
        assert!(refused(Format::Dotenv, "A", &secret(value)), "{value:?}");
    }
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB+a/b\nREVGRw==\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgk=\n-----END PRIVATE KEY-----";
    for value in [certificate, key, "a\nb", "a\n\nb\n", "{\n  \"a\": 1,\n  \"b\": \"x=y\"\n}"] {
        assert!(!refused(Format::Dotenv, "A", &secret(value)), "{value:?}");
    }
}

#[test]
fn a_refusal_names_the_formats_that_can() {
    let value = secret("first\nX=$(id)");
    let hint = |format: Format, name: &str| {
        let entries = [Entry::new(name, &value).expect("one value")];
        match format.write(&Document { entries: &entries, name: None }) {
            Err(Failure::Many(failures)) => match &failures[0] {
                Failure::Named { error, .. } => error.hint().map(str::to_owned),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let formats = "formats that can: sh, fish, powershell, json, yaml, systemd, k8s-secret";
    assert_eq!(hint(Format::Dotenv, "A").as_deref(), Some(formats));
    assert_eq!(hint(Format::Docker, "A").as_deref(), Some(formats));
    assert_eq!(hint(Format::Dotenv, "A.B").as_deref(), Some("formats that can: json, yaml, k8s-secret"));
}

#[test]
fn systemd_round_trips_every_value() {
    check(Format::Systemd, readers::systemd);
}

#[test]
fn github_round_trips_every_value() {
    check(Format::GithubEnv, readers::github);
}

#[test]
fn gitlab_round_trips_every_value() {
    check(Format::GitlabDotenv, readers::gitlab);
}

#[test]
fn azure_round_trips_every_value() {
    check(Format::Azure, readers::azure);
}

#[test]
fn teamcity_round_trips_every_value() {
    check(Format::Teamcity, readers::teamcity);
}

#[test]
fn powershell_round_trips_every_value_on_one_line() {
    check(Format::Powershell, readers::powershell);
}

#[test]
fn kubernetes_round_trips_any_bytes() {
    let values: Vec<Vec<u8>> = vec![(0..=255).collect(), b"".to_vec(), b"\n\xff".to_vec(), "é".into()];
    let out = written(Format::K8sSecret, &values).expect("any bytes");
    let read = readers::kubernetes(std::str::from_utf8(&out).expect("text"));
    assert_eq!(read.into_values().collect::<Vec<_>>(), values);
    assert_eq!(readers::kubernetes("apiVersion: v1\nkind: Secret\ntype: Opaque\ndata: {}\n").len(), 0);
}

#[test]
fn a_delimiter_does_not_occur_in_the_value() {
    let mut given = ["a", "b", "c"].into_iter();
    let delimiter = ci::delimiter("x\ns1crets_a\ns1crets_b\n", || given.next().expect("one is free").to_owned());
    assert_eq!(delimiter, "s1crets_c");
}

#[test]
fn names_that_a_reader_would_interpret_are_refused() {
    let value = secret("v");
    for name in ["", "1A", "A B", "A=B", "A;id", "A$(id)", "A\nB", "-A", "A-B", "é", "A'B", "A]x", "A<<B"] {
        for format in [
            Format::Sh,
            Format::Fish,
            Format::Powershell,
            Format::Dotenv,
            Format::Systemd,
            Format::GithubEnv,
            Format::GitlabDotenv,
            Format::Azure,
            Format::Teamcity,
        ] {
            assert!(refused(format, name, &value), "{format:?} {name:?}");
        }
        let is_dockers = ["1A", "A-B"].contains(&name);
        assert_eq!(refused(Format::Docker, name, &value), !is_dockers, "{name:?}");
    }
    for (format, name) in [
        (Format::GithubEnv, "GITHUB_TOKEN"),
        (Format::GithubEnv, "node_options"),
        (Format::Azure, "SecretThing"),
        (Format::Azure, "PATH"),
        (Format::K8sSecret, "a/b"),
        (Format::K8sSecret, "..a"),
        (Format::Json, ""),
        (Format::Sh, "RANDOM"),
        (Format::Sh, "USERNAME"),
        (Format::Sh, "PROMPT_COMMAND"),
        (Format::Sh, "_"),
        (Format::Dotenv, "OPTIND"),
        (Format::Fish, "status"),
        (Format::Fish, "fish_trace"),
    ] {
        assert!(refused(format, name, &value), "{format:?} {name:?}");
    }
    assert!(!refused(Format::K8sSecret, "tls.key", &value));
    assert!(!refused(Format::Json, "any \"text\"\n", &value));
    assert!(!refused(Format::Dotenv, "USERNAME", &value), "it is special only to zsh");
    assert!(!refused(Format::Yaml, &"a".repeat(900), &value) && refused(Format::Yaml, &"\"".repeat(900), &value));
}

#[test]
fn values_that_a_format_cannot_represent_are_refused() {
    for (format, value) in [
        (Format::Sh, &b"a\0b"[..]),
        (Format::Fish, b"\0"),
        (Format::Powershell, b"\xff"),
        (Format::Dotenv, b"it's $x"),
        (Format::Dotenv, b"a\rb"),
        (Format::Dotenv, b"${x}"),
        (Format::Dotenv, b"x\\"),
        (Format::Docker, b"a\nb"),
        (Format::Docker, b"a\r"),
        (Format::Docker, b"\xff"),
        (Format::Docker, &[b'x'; 64 * 1024]),
        (Format::Json, b"\xff"),
        (Format::Yaml, b"\xc3"),
        (Format::Systemd, b"a\x1bb"),
        (Format::Systemd, b"a\rb"),
        (Format::Systemd, "a\u{fffe}b".as_bytes()),
        (Format::Systemd, "\u{fdd0}".as_bytes()),
        (Format::Systemd, "\u{1ffff}".as_bytes()),
        (Format::GithubEnv, b"\0"),
        (Format::GithubEnv, b"a\r\nb"),
        (Format::GithubEnv, b"\na"),
        (Format::GithubEnv, &[b'x'; 64 * 1024]),
        (Format::GitlabDotenv, b"a$b"),
        (Format::GitlabDotenv, b"a b"),
        (Format::GitlabDotenv, b"a\nb"),
        (Format::Azure, b"a\nb"),
        (Format::Teamcity, b"%a%"),
    ] {
        assert!(refused(format, "A", &secret(value)), "{format:?} {value:?}");
    }
    assert!(refused(Format::K8sSecret, "A", &secret(vec![b'x'; 1024 * 1024 + 1])), "more than a Secret holds");
}

#[test]
fn an_error_lists_all_refused_names_and_shows_no_value() {
    let (one, two) = (secret("hunter2\0"), secret("hunter3\0"));
    let entries = [Entry::new("ONE", &one).expect("one value"), Entry::new("TWO", &two).expect("one value")];
    let failure = Format::Sh.write(&Document { entries: &entries, name: None }).expect_err("NUL");
    assert_eq!(Exit::of(&failure), Exit::Usage);
    let shown = format!("{failure:?}");
    assert!(shown.contains("ONE") && shown.contains("TWO") && !shown.contains("hunter"), "{shown}");
}

#[test]
fn a_kubernetes_manifest_needs_a_valid_name() {
    let value = secret("v");
    let entries = [Entry::new("A", &value).expect("one value")];
    for name in [None, Some(""), Some("A"), Some("a b"), Some("a\ndata:"), Some("-a"), Some("a..b")] {
        assert!(Format::K8sSecret.write(&Document { entries: &entries, name }).is_err(), "{name:?}");
    }
    let out = Format::K8sSecret.write(&Document { entries: &entries, name: Some("app.db-1") }).expect("a name");
    assert!(out.starts_with(b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"app.db-1\"\n"));
}

#[test]
fn names_that_differ_only_in_case_are_refused_for_azure() {
    let value = secret("v");
    let entries = [Entry::new("Token", &value).expect("one value"), Entry::new("TOKEN", &value).expect("one value")];
    let document = Document { entries: &entries, name: None };
    assert!(Format::Azure.write(&document).is_err());
    assert!(Format::Sh.write(&document).is_ok());
}

fn refused(format: Format, name: &str, secret: &s1crets::Secret) -> bool {
    let entries = [Entry::new(name, secret).expect("one value")];
    match format.write(&Document { entries: &entries, name: Some("app") }) {
        Ok(_) => false,
        Err(Failure::Many(failures)) => !failures.is_empty(),
        Err(_) => false,
    }
}
