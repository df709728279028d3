use std::{fs, path::Path};

use s1crets::Config;
use serde_json::Value;

const SCHEMA: &str = "docs/s1crets.schema.json";

/// Pages with configs in them.
const PAGES: [&str; 9] = [
    "README.md",
    "docs/config.md",
    "docs/cache.md",
    "docs/cli.md",
    "docs/providers.md",
    "docs/providers/aws.md",
    "docs/providers/file.md",
    "docs/providers/vault.md",
    "src/config/config.rs",
];

#[test]
fn the_schema_that_is_kept_is_the_one_of_the_types() {
    let advice = format!("make it anew: `s1crets config schema > {SCHEMA}`");
    assert_eq!(fs::read_to_string(root().join(SCHEMA)).unwrap(), Config::schema(), "{advice}");
}

#[test]
fn every_config_of_the_pages_is_sound_for_the_parser_and_for_the_schema() {
    let validator = validator();
    let mut examples = 0;
    for page in PAGES.iter().filter(|page| root().join(page).exists()) {
        for text in configs(&fs::read_to_string(root().join(page)).unwrap()) {
            Config::parse(&text).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
            let faults: Vec<_> = validator.iter_errors(&as_json(&text)).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{page}: {faults:?}\n{text}");
            examples += 1;
        }
    }
    assert!(examples >= 3, "the pages have configs: {examples}");
}

#[test]
fn what_the_parser_refuses_the_schema_refuses() {
    let validator = validator();
    for text in [
        "retries = 3",
        "retry = 0",
        "retry = \"3\"",
        "timeout = true",
        "timeout = -1",
        "timeout = 0",
        "timeout = 5000",
        "[cache]\nttl = 604801",
        "[cache]\nmax_stale = 3600000",
        "[cache]\nbatch_window = 2",
        "[providers.file]\nwait = 5000",
        "[cache]\nrefresh_ahead = 1.5",
        "[cache]\nttl = []",
        "[providers.x]\nregio = \"y\"",
        "[providers.x]\nroles = [{ name = \"b\" }]",
        "[providers.x]\nauth = { role = \"r\" }",
        "[secrets]\nA = 3",
        "[secrets]\nA = \"A B://no-reference\"",
        "[secrets]\nA = \"file://\"",
        "[secrets]\nA = \"file://x?y\"",
        "provider = \"A B\"",
        "[providers.\"A B\"]",
        "timeout = \"soon\"",
        "[providers.x]\ntype = 3",
        "[providers.x]\ntype = \"aws.sm\"\npath = \"/x\"",
        "[providers.file]\nregion = \"r\"",
        "[providers.memory]\nretry = 3",
        "[connections.x]\ntype = \"vault\"\nadress = \"https://x\"",
        "[connections.vault]\nkv_version = 2",
        "[connections.\"A B\"]",
        "[profiles.p.providers.x]\nregion = \"r\"\npath = \"/x\"",
        "[profiles.p]\nretries = 1",
        "[profiles.p.profiles.q]\nretry = 1",
    ] {
        assert!(Config::parse(text).is_err(), "{text}");
        assert!(!validator.is_valid(&as_json(text)), "{text}");
    }
}

/// A builder refuses these too, which the parser alone lets pass.
#[test]
fn what_no_client_can_be_built_of_the_schema_refuses() {
    let validator = validator();
    for text in [
        "[providers.v]\ntype = \"vault.kv\"\nauth = { method = \"approl\" }",
        "[providers.v]\ntype = \"vault.kv\"\nkv_version = 3",
        "[providers.v]\ntype = \"vault.kv\"\nmounts = { kv = 0 }",
    ] {
        let config = Config::parse(text).unwrap();
        assert!(s1crets::Client::builder().with_config(config).build().is_err(), "{text}");
        assert!(!validator.is_valid(&as_json(text)), "{text}");
    }
}

#[test]
fn what_is_wrong_in_the_settings_of_a_provider_is_told_with_its_place_and_what_was_meant() {
    for (text, told, hint) in [
        (
            "\n[providers.v]\ntype = \"vault.kv\"\nauth = { method = \"approl\" }",
            "in [providers.v], line 2: there is no login method \"approl\"",
            Some("did you mean `approle`?"),
        ),
        (
            "[providers.\"a.b\"]\ntype = \"aws.ssm\"",
            "in [providers.\"a.b\"], line 1: there is no provider of type",
            Some("did you mean `aws.ps`?"),
        ),
        ("[providers.\"aws.sm\"]\nendpoint_url = \"127.0.0.1:80\"", "`endpoint_url` is not a URL", None),
        ("[providers.\"aws.sm\"]\nsts_endpoint_url = \"http://\"", "`sts_endpoint_url` is not a URL", None),
        ("[providers.\"aws.sm\"]\nroles = [{ arn = \"reader\" }]", "the `arn` of a role", None),
        (
            "[providers.\"aws.sm\"]\nroles = [{ arn = \"arn:x\", duration = \"1s\" }]",
            "from 15 minutes to 12 hours",
            None,
        ),
    ] {
        let config = Config::parse(text).unwrap();
        let error = s1crets::Client::builder().with_config(config).build().map(drop).unwrap_err();
        assert!(error.message().contains(told), "{error}");
        assert_eq!(error.hint(), hint, "{error}");
    }
}

/// It may be a secret in the wrong place.
#[test]
fn a_value_of_the_wrong_type_is_not_repeated() {
    let error = Config::parse("[providers.v]\nauth = \"hvs.token\"").unwrap_err();
    assert_eq!(error.message(), "line 2: expected a table, found text");
    let error = Config::parse("[cache]\nttl = \"hvs.token\"").unwrap_err();
    assert!(error.message().starts_with("line 2: expected a number of seconds up to 604800, "), "{error}");
}

/// Those of the outermost table are others.
#[test]
fn the_keys_that_are_meant_are_those_of_the_table() {
    let error = Config::parse("[cache]\nxyz = 1").unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("ttl") && !hint.contains("profiles")), "{:?}", error.hint());
    let error = Config::parse("xyz = 1").unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("profiles")), "{:?}", error.hint());
}

#[test]
fn an_error_names_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    fs::write(&file, "provider = \"file\"\n\nretrys = 3\n").unwrap();
    let error = Config::from_file(&file).unwrap_err();
    assert_eq!(error.message(), format!("{}:3: unknown key `retrys`", file.display()));
    assert_eq!(error.hint(), Some("did you mean `retry`?"));
}

#[test]
fn what_code_sets_overrules_the_file_and_says_so() {
    let text = "retry = 5\n[providers.mine]\ntype = \"aws.ps\"\nregion = \"eu-west-1\"\nretry = 9";
    let builder = s1crets::Client::builder().with_config(Config::parse(text).unwrap());
    let before: Vec<_> = builder.effective().iter().map(|it| format!("{it} # {}", it.origin())).collect();
    assert!(before.contains(&"providers.mine.region = \"eu-west-1\" # line 4".to_owned()), "{before:?}");
    let builder = builder.with_region("us-east-1").with_retry(2.try_into().unwrap());
    let after: Vec<_> = builder.effective().iter().map(|it| format!("{it} # {}", it.origin())).collect();
    for line in [
        "retry = 2 # set in code",
        "providers.\"aws.sm\".region = \"us-east-1\" # set in code",
        "providers.mine.region = \"us-east-1\" # set in code",
        "providers.mine.type = \"aws.ps\" # line 3",
    ] {
        assert!(after.iter().any(|it| it == line), "{line}: {after:#?}");
    }
    assert!(!after.iter().any(|it| it.starts_with("providers.mine.retry")), "it does not hold any more");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&Config::schema()).unwrap()).unwrap()
}

fn as_json(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

/// The TOML of a page, or of a Rust file's comments, but for that of Cargo.
fn configs(page: &str) -> Vec<String> {
    let plain =
        page.lines().map(|line| line.strip_prefix("///").map_or(line, |line| line.strip_prefix(' ').unwrap_or(line)));
    let page = plain.collect::<Vec<_>>().join("\n");
    let blocks = page
        .split("```toml")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('\n')?.1))
        .filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| !block.contains("[dependencies]")).map(str::to_owned).collect()
}
