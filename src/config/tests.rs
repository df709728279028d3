use std::{ffi::OsString, num::NonZeroU32, path::Path, time::Duration};

use super::{config::Config, effective::Setting, load::Text, raw_table::RawTable, variables::env_vars};
use crate::{
    cache::CachePolicy,
    error::{ErrorKind, Result},
};

mod mistakes; // what was meant, told with the error

const NO_VARIABLES: &dyn Fn(&str) -> Option<OsString> = &|_| None;

#[test]
fn all_settings_are_read() {
    let config = Config::parse(
        r#"
        provider = "aws.ps"
        retry = 5
        timeout = 1.5
        [cache]
        entries = 10
        ttl = "1m"
        [providers."aws.sm"]
        region = "eu-west-1"
        [providers.billing]
        type = "aws.sm"
        roles = [{ arn = "a", duration = 900, external_id = "x" }]
        [providers.file]
        path = "/tmp/x"
        wait = "30 seconds"
        [secrets]
        DB = "aws.sm://prod/db#password"
        "#,
    )
    .expect("settings");
    assert_eq!((config.retry, config.timeout), (NonZeroU32::new(5), Some(Duration::from_millis(1500))));
    assert_eq!(config.cache_policy(), CachePolicy::default().with_entries(10).with_ttl(Duration::from_secs(60)));
    let shown = |name: &str| config.providers[name].table.to_json().to_string();
    assert_eq!(config.providers["billing"].type_or("billing"), "aws.sm");
    assert!(shown("billing").contains(r#""duration":900"#), "{}", shown("billing"));
    assert!(shown("file").contains("30 seconds"), "{}", shown("file"));
    assert_eq!(config.secrets["DB"].path(), "prod/db");
}

#[test]
fn what_is_unknown_or_malformed_is_told_with_its_line() {
    for (text, line, why) in [
        ("retries = 3", 1, "unknown key `retries`"),
        ("\nretry = 0", 2, "a whole number from 1 to 4294967295"),
        ("retry = \"3\"", 1, "expected a whole number from 1 to 4294967295, found text"),
        ("timeout = -1", 1, "a number of seconds"),
        ("timeout = \"soon\"", 1, "a number of seconds"),
        ("timeout = inf", 1, "a number of seconds"),
        ("timeout = 0", 1, "expected a time above 0"),
        ("[providers.x]\ntimeout = \"0s\"", 2, "expected a time above 0"),
        ("[cache]\nttl = true", 2, "a number of seconds"),
        ("[cache]\nrefresh_ahead = 1.5", 2, "a number from 0 to 1"),
        ("[providers.x]\nregio = \"y\"", 2, "unknown key `regio`"),
        ("[providers.x]\nroles = [\n{ arn = \"a\" },\n{ name = \"b\" }]", 4, "unknown key `name`"),
        ("[providers.x]\nauth = { role = \"r\" }", 2, "the key `method` is missing"),
        ("[providers.\"A B\"]", 1, "no provider's name"),
        ("[providers.v]\ntype = \"vault.kv\"\n[profiles.p.providers.v]\nregion = \"x\"", 4, "has no setting `region`"),
        ("[connections.v]\naddres = \"x\"", 2, "unknown key `addres`"),
        ("[connections]\nvault = 3", 2, "expected a table"),
        ("[profiles.p]\n\nretries = 1", 3, "unknown key `retries`"),
        ("[profiles.p.profiles.q]\nretry = 1", 1, "unknown key `profiles`"),
        ("profiles = 3", 1, "a table of tables"),
        ("[secrets]\nA = \"B://c\"", 2, "provider"),
        ("[secrets]\nA = \"\"", 2, ""),
        ("[secrets]\nA = \"b#\"", 2, ""),
        ("retry = 99999999999999999999", 1, "does not fit"),
        ("retry = 2026-11-22", 1, "does not fit"),
        ("retry = ", 1, ""),
        ("a = 1\na = 2", 2, "duplicate"),
    ] {
        let error = Config::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Config);
        // The profile is told after the line, where it is in one.
        let message = error.message().replace(" (profile p)", "");
        assert!(message.starts_with(&format!("line {line}: ")) && message.contains(why), "{text}: {message}");
    }
}

#[test]
fn a_bare_path_in_secrets_is_one_of_the_default_provider() {
    let text = "[secrets]\nA = \"prod/db#password\"\nB = \"/prod/db\"\nC = \"vault.kv://secret/app\"";
    let shown = |config: &Config| config.secrets.values().map(ToString::to_string).collect::<Vec<_>>();
    let config = Config::parse(text).expect("settings");
    assert_eq!(shown(&config), ["aws.sm://prod/db#password", "aws.sm:///prod/db", "vault.kv://secret/app"]);
    let of_file = Config::parse(&format!("provider = \"aws.ps\"\n{text}")).expect("settings");
    assert_eq!(shown(&of_file), ["aws.ps://prod/db#password", "aws.ps:///prod/db", "vault.kv://secret/app"]);
    let by_variable = with_variables(text, &[(env_vars::PROVIDER, "file")]).expect("settings");
    assert_eq!(shown(&by_variable)[0], "file://prod/db#password");
    let by_code = of_file.with_default_provider("file");
    assert_eq!(shown(&by_code), ["file://prod/db#password", "file:///prod/db", "vault.kv://secret/app"]);
    let settings = by_code.effective();
    let setting = settings.iter().find(|setting| setting.key() == "secrets.A").expect("a setting");
    assert_eq!(setting.to_string(), "secrets.A = \"file://prod/db#password\"");
}

#[test]
fn an_unknown_key_brings_the_one_that_was_meant() {
    for (text, hint) in [
        ("retries = 3", "did you mean `retry`?"),
        ("[profile.x]", "did you mean `profiles`?"),
        ("[cache]\nttls = 1", "did you mean `ttl`?"),
        ("[providers.x]\nendpoint-url = \"y\"", "did you mean `endpoint_url`?"),
        ("[connections.vault]\nadress = \"x\"", "did you mean `address`?"),
        ("[connection.eu]", "did you mean `connections`?"),
        ("[providers.billing]\ntyp = \"aws.sm\"", "did you mean `type`?"),
        ("[secret]\nA = \"file://a\"", "did you mean `secrets`?"),
    ] {
        assert_eq!(Config::parse(text).expect_err(text).hint(), Some(hint), "{text}");
    }
    let error = Config::parse("[cache]\nzzz = 1").expect_err("nothing like it");
    assert!(error.hint().expect("a hint").starts_with("the keys here are entries, max_bytes, ttl, "), "{error:?}");
}

#[test]
fn variables_go_before_the_file() {
    let text = "retry = 5\nprovider = \"file\"\n[providers.file]\npath = \"/a\"\nwait = 1";
    let config = with_variables(text, &[(env_vars::RETRY, "7"), (env_vars::FILE, "/b"), (env_vars::CACHE_TTL, "90")]);
    let config = config.expect("settings");
    assert_eq!((config.retry, config.provider.as_deref()), (NonZeroU32::new(7), Some("file")));
    assert_eq!(value(&config.providers["file"], "path"), "\"/b\"");
    assert_eq!(value(&config.providers["file"], "wait"), "1");
    assert_eq!(config.cache_policy().ttl, Duration::from_secs(90));
}

#[test]
fn every_variable_goes_before_the_file_and_its_profile() {
    let text = r#"
        provider = "aws.sm"
        retry = 5
        timeout = 5
        cache = { entries = 5, ttl = 5, max_stale = 5, offline = true, disk = true, path = "/file", key_file = "/file" }
        providers.file.path = "/file"
        [profiles.p]
        provider = "aws.ps"
        retry = 6
        timeout = 6
        cache = { entries = 6, ttl = 6, max_stale = 6, offline = true, disk = true, path = "/profile", key_file = "/profile" }
        providers.file.path = "/profile"
        "#;
    for (name, value, key) in [
        (env_vars::PROVIDER, "memory", "provider"),
        (env_vars::RETRY, "7", "retry"),
        (env_vars::TIMEOUT, "7s", "timeout"),
        (env_vars::CACHE_ENTRIES, "7", "cache.entries"),
        (env_vars::CACHE_TTL, "7s", "cache.ttl"),
        (env_vars::CACHE_MAX_STALE, "7s", "cache.max_stale"),
        (env_vars::CACHE_OFFLINE, "false", "cache.offline"),
        (env_vars::CACHE_DISK, "false", "cache.disk"),
        (env_vars::CACHE_PATH, "/variable", "cache.path"),
        (env_vars::CACHE_KEY_FILE, "/variable", "cache.key_file"),
        (env_vars::FILE, "/variable", "providers.file.path"),
    ] {
        let var = |asked: &str| (asked == name).then(|| OsString::from(value));
        let config = Config::read_layers(Text { text, ..Text::default() }, Some("p"), &var).expect("settings");
        let settings = config.effective();
        let setting = settings.iter().find(|setting| setting.key() == key).expect(key);
        assert_eq!(setting.toml().trim_matches('"'), value, "{name}");
        assert_eq!(setting.origin().to_string(), format!("variable {name}"));
    }
}

#[test]
fn a_general_variable_goes_before_the_setting_of_each_provider() {
    let text = "retry = 5\n[providers.\"aws.sm\"]\nretry = 6\ntimeout = 6\n[providers.team]\ntype = \"vault.kv\"\n\
                retry = 7\n[profiles.p.providers.team]\ntimeout = 8\n[connections.vault]\nretry = 9\ntimeout = 9";
    let config = |name: &'static str, value: &'static str| {
        Config::read_layers(Text { text, ..Text::default() }, Some("p"), &move |asked| {
            (asked == name).then(|| value.into())
        })
        .expect("settings")
    };
    let own = |config: &Config| {
        let tables = config.providers.values().chain(config.connections.values());
        tables.map(|raw| (value(raw, "retry"), value(raw, "timeout"))).collect::<Vec<_>>()
    };
    let table = |retry: &str, timeout: &str| (retry.to_owned(), timeout.to_owned());
    assert_eq!(own(&config("NONE", "")), [table("6", "6"), table("7", "8"), table("9", "9")]);
    assert_eq!(own(&config(env_vars::RETRY, "2")), [table("null", "6"), table("null", "8"), table("null", "9")]);
    assert_eq!(own(&config(env_vars::TIMEOUT, "2")), [table("6", "null"), table("7", "null"), table("9", "null")]);
    let shown: Vec<_> = config(env_vars::RETRY, "2").effective().iter().map(Setting::to_string).collect();
    assert!(shown.contains(&"retry = 2".to_owned()) && !shown.iter().any(|it| it.ends_with(".retry = 7")), "{shown:?}");
}

#[test]
fn the_file_variable_is_for_the_provider_of_that_name() {
    let text = "[providers.file]\npath = \"/a\"\n[providers.mine]\ntype = \"file\"\npath = \"/mine\"";
    let config = with_variables(text, &[(env_vars::FILE, "/b")]).expect("settings");
    let paths = ["file", "mine"].map(|name| value(&config.providers[name], "path"));
    assert_eq!(paths, ["\"/b\"", "\"/mine\""]);
}

/// Which key seals the cache on disk: a variable is not to be overruled by another setting of the
/// file.
#[test]
#[cfg(all(feature = "disk-cache", unix))]
fn the_variables_key_goes_before_every_key_of_the_file() {
    use crate::cache::DiskKey;

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("s1crets-cache-key"), "k").expect("written");
    let systemd = folder.path().to_str().expect("UTF-8");
    let key = |file: &str, variables: &[(&str, &str)]| {
        let config = with_variables(&format!("[cache]\n{file}"), variables).expect("settings");
        config.disk_cache().key().clone()
    };
    let by_file = DiskKey::File("/variable".into());
    let files = ["key_file = \"/file\"", "key_variable = \"OF_THE_FILE\"", "key_credential = \"/credential\"", ""];
    for file in files {
        assert_eq!(key(file, &[(env_vars::CACHE_KEY_FILE, "/variable")]), by_file, "{file}");
        let by_variable = DiskKey::Variable(env_vars::CACHE_KEY.into());
        assert_eq!(key(file, &[(env_vars::CACHE_KEY, "k"), (env_vars::CACHE_KEY_FILE, "/x")]), by_variable, "{file}");
        let of_systemd = [("CREDENTIALS_DIRECTORY", systemd), (env_vars::CACHE_KEY_FILE, "/variable")];
        assert_eq!(key(file, &of_systemd), by_file, "{file}");
    }
    // What the service manager passes is a default: the file may name another.
    let systemds = |file| key(file, &[("CREDENTIALS_DIRECTORY", systemd)]);
    assert_eq!(systemds(files[2]), DiskKey::Credential("/credential".into()));
    assert_eq!(systemds(""), DiskKey::Credential(folder.path().join("s1crets-cache-key")));
}

#[test]
fn a_malformed_variable_is_named_and_not_repeated() {
    for (name, value, expected) in [
        (env_vars::TIMEOUT, "soon", "a number of seconds up to 300, or a time span"),
        (env_vars::TIMEOUT, "0", "a time above 0"),
        (env_vars::RETRY, "0", "a whole number from 1 to 4294967295"),
        (env_vars::RETRY, "many", "a whole number"),
        (env_vars::PROVIDER, "A B", ""),
        (env_vars::CACHE_ENTRIES, "-1", "a whole number from 0 on"),
        (env_vars::CACHE_DISK, "yes", "`true` or `false`"),
    ] {
        let error = with_variables("", &[(name, value)]).expect_err("no such value");
        assert_eq!(error.message(), format!("the variable {name} has a value that can't be read"));
        assert!(error.hint().unwrap_or_default().contains(expected), "{name}: {:?}", error.hint());
    }
}

const LAYERED: &str = r#"
retry = 5
[cache]
ttl = "1m"
entries = 10
[providers.vault]
type = "vault.kv"
address = "https://user:hunter2@vault:8200/x"
auth = { method = "approle", role_id = "r", file = "/s" }
[secrets]
A = "file://a"
B = "file://b"
[profiles.dev]
timeout = 2
cache.ttl = "2m"
secrets.B = "file://dev/b"
[profiles.dev.providers.vault]
auth = { method = "token", env = "T" }
[profiles.other]
retry = 9
"#;

#[test]
fn a_profile_is_laid_over_the_file_key_by_key() {
    let config = Config::read_layers(layered(None), Some("dev"), NO_VARIABLES).expect("settings");
    assert_eq!((config.retry, config.timeout), (NonZeroU32::new(5), Some(Duration::from_secs(2))));
    assert_eq!((config.cache.ttl, config.cache.entries), (Some(Duration::from_secs(120)), Some(10)));
    assert_eq!((config.secrets["A"].path(), config.secrets["B"].path()), ("a", "dev/b"));
    let vault = &config.providers["vault"];
    assert!(value(vault, "address").contains("hunter2"), "{vault:?}");
    assert_eq!(value(vault, "auth"), r#"{"env":"T","method":"token"}"#, "a login is a whole");
}

#[test]
fn a_profile_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let error = Config::read_layers(layered(Some("c.toml")), Some("prod"), NO_VARIABLES).expect_err("no such profile");
    assert_eq!(error.message(), "there is no profile \"prod\" in the config");
    assert_eq!(error.hint(), Some("c.toml has dev, other"));
}

#[test]
fn each_setting_knows_who_said_it() {
    let var = |name: &str| (name == env_vars::RETRY).then(|| "7".into());
    let mut config = Config::read_layers(layered(Some("c.toml")), Some("dev"), &var).expect("settings");
    config.cache.max_stale = Some(Duration::ZERO);
    let settings = config.effective();
    let told = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key() == key).expect(key);
        format!("{setting} # {}", setting.origin())
    };
    for (key, expected) in [
        ("provider", "provider = \"aws.sm\" # default"),
        ("retry", "retry = 7 # variable S1CRETS_RETRY"),
        ("timeout", "timeout = \"2s\" # c.toml:14 (profile dev)"),
        ("cache.ttl", "cache.ttl = \"2m\" # c.toml:15 (profile dev)"),
        ("cache.entries", "cache.entries = 10 # c.toml:5"),
        ("cache.negative_ttl", "cache.negative_ttl = \"5s\" # default"),
        ("cache.max_stale", "cache.max_stale = \"0s\" # set in code"),
        ("secrets.A", "secrets.A = \"file://a\" # c.toml:11"),
        ("providers.vault.auth.method", "providers.vault.auth.method = \"token\" # c.toml:18 (profile dev)"),
    ] {
        assert_eq!(told(key), expected);
    }
    assert!(!settings.iter().any(|setting| setting.key().contains("role_id")), "the other login is gone");
}

#[test]
fn who_logs_in_to_a_url_is_not_shown() {
    let config = Config::parse(LAYERED).expect("settings");
    let shown: Vec<_> = config.effective().iter().map(Setting::to_string).collect();
    assert!(shown.contains(&"providers.vault.address = \"https://***@vault:8200/x\"".to_owned()), "{shown:?}");
    assert!(!shown.join("\n").contains("hunter2"));
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = "[providers.\"aws.sm\"]\nroles = [{ arn = \"a\\\"b\", duration = \"15m\" }, { arn = \"ü\" }]";
    let config = Config::parse(text).expect("settings");
    let shown: Vec<_> = config.effective().iter().map(Setting::to_string).collect();
    let again = Config::parse(&shown.join("\n")).expect("what was shown");
    assert_eq!(again.providers, config.providers);
    assert_eq!(again.cache_policy(), config.cache_policy());
}

/// A value of a table as JSON.
fn value(raw: &RawTable, key: &str) -> String {
    raw.table.to_json()[key].to_string()
}

/// Such a folder can't be written in TOML, but a config file can lie there.
#[cfg(unix)]
#[test]
fn a_path_below_a_folder_that_is_not_utf8_stays_as_it_is() {
    use std::os::unix::ffi::OsStrExt;

    #[derive(serde::Deserialize)]
    struct OnlyPath {
        #[serde(deserialize_with = "crate::config::values::path")]
        path: Option<std::path::PathBuf>,
    }

    let folder = Path::new(std::ffi::OsStr::from_bytes(b"/f\xff"));
    let text = "[providers.file]\npath = \"x\"";
    let config = Config::read_layers(Text { text, path: None, folder: Some(folder) }, None, NO_VARIABLES);
    let config = config.expect("settings");
    let section = super::section::Section::new("providers", "file", config.providers["file"].clone());
    assert_eq!(section.read::<OnlyPath>().expect("a path").path, Some(folder.join("x")));
    let shown: Vec<_> = config.effective().iter().map(Setting::to_string).collect();
    assert!(shown.contains(&"providers.file.path = \"/f\u{fffd}/x\"".to_owned()), "{shown:?}");
}

/// A process that is started under one profile must not inherit the credentials of another.
#[test]
fn the_variables_with_credentials_of_all_profiles_and_connections_are_known() {
    let text = r#"
        [cache]
        key_variable = "KEY"
        [connections.eu]
        type = "vault"
        auth = { method = "token", env = "OF_EU" }
        [providers.team]
        type = "vault.kv"
        auth = { method = "token", env = "OF_TEAM" }
        [providers.odd]
        type = "later"
        auth = { method = "token", env = "OF_A_LATER_TYPE" }
        [profiles.p.providers.team]
        auth = { method = "token", env = "OF_PROFILE" }
        [profiles.p.connections.eu]
        auth = { method = "token", env = "OF_PROFILES_EU" }
        "#;
    let mut config = Config::parse(text).expect("settings");
    let code: RawTable = "type = 'vault.kv'\nauth = { method = 'token', env = 'OF_CODE' }".parse().expect("a table");
    config.providers.insert("code".into(), code);
    let expected = ["KEY", "OF_A_LATER_TYPE", "OF_CODE", "OF_EU", "OF_PROFILE", "OF_PROFILES_EU", "OF_TEAM"];
    assert_eq!(config.credential_variables().into_iter().collect::<Vec<_>>(), expected);
}

fn layered(file: Option<&'static str>) -> Text<'static> {
    Text { text: LAYERED, path: file.map(Path::new), folder: None }
}

fn with_variables(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
    Config::read_layers(Text { text, ..Text::default() }, None, &|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
    })
}
