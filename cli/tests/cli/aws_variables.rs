//! Every environment variable that the AWS SDK reads, with each kind of bad value.
//!
//! CI systems set a variable to nothing where they have no value, and pasted values end with a line
//! break. Neither may change what happens, and no value may make the command panic.

use std::{fs, path::Path, process::Output, thread};

use s1crets_testbed::{Moto, unique};
use tempfile::TempDir;

use crate::{aws::seed, s1crets};

/// Values that none of the variables can have.
const MALFORMED: [&str; 8] =
    ["nonsense value", "http://", "://", "\u{1}\u{7f}", "ünï/cödé", "a\nb", "-1", "/nonexistent/x"];

/// A home folder with a profile that has everything, and a secret on moto.
struct World {
    home: TempDir,
    secret: String,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let profile = format!(
            "[default]\nregion = eu-west-1\nendpoint_url = {}\naws_access_key_id = test\naws_secret_access_key = test\n",
            Moto::shared().endpoint()
        );
        fs::create_dir(home.path().join(".aws")).unwrap();
        for name in ["config", "other-config"] {
            fs::write(home.path().join(".aws").join(name), &profile).unwrap();
        }
        fs::write(home.path().join("token"), "jwt").unwrap();
        let secret = unique("cli/variables-");
        seed().create_secret(&secret, "s3cr3t");
        Self { home, secret }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Each variable with a value that changes nothing.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let moto = Moto::shared().endpoint();
        let config = self.path(".aws/other-config");
        let bundle = system_bundle();
        [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_PROFILE", "default"),
            ("AWS_DEFAULT_PROFILE", "default"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ACCOUNT_ID", "123456789012"),
            ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred"),
            ("AWS_CONFIG_FILE", &config),
            ("AWS_SHARED_CREDENTIALS_FILE", &config),
            ("AWS_ENDPOINT_URL", moto),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto),
            ("AWS_ENDPOINT_URL_SSM", moto),
            ("AWS_ENDPOINT_URL_STS", moto),
            ("AWS_ENDPOINT_URL_SSO", moto),
            ("AWS_ENDPOINT_URL_SSO_OIDC", moto),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"),
            ("AWS_USE_FIPS_ENDPOINT", "false"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "False"),
            ("AWS_CA_BUNDLE", &bundle),
            ("SSL_CERT_FILE", &bundle),
            ("SSL_CERT_DIR", "/etc/ssl/certs"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"),
            ("AWS_ROLE_SESSION_NAME", "session"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &self.path("token")),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &self.path("token")),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4"),
            ("AWS_MAX_ATTEMPTS", "3"),
            ("AWS_RETRY_MODE", "standard"),
            ("AWS_NEW_RETRIES_2026", "true"),
            ("AWS_SDK_UA_APP_ID", "app"),
            ("AWS_AUTH_SCHEME_PREFERENCE", "sigv4"),
            ("AWS_SIGV4A_SIGNING_REGION_SET", "eu-west-1"),
            ("AWS_DISABLE_REQUEST_COMPRESSION", "false"),
            ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "10240"),
            ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
            ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported"),
            ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "false"),
            ("AWS_EXECUTION_ENV", "CI"),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793"),
            ("NO_PROXY", "127.0.0.1"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = s1crets();
        command.env("HOME", self.home.path()).env_remove("AWS_EC2_METADATA_DISABLED");
        // Metadata that an error might lead to is not there.
        command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
        for (name, value) in variables {
            command.env(name, value);
            // Half a key is no identity.
            if *name == "AWS_ACCESS_KEY_ID" {
                command.env("AWS_SECRET_ACCESS_KEY", "test");
            }
            if *name == "AWS_SESSION_TOKEN" {
                command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            }
        }
        command.args(arguments).output().unwrap()
    }

    fn get(&self, variables: &[(&str, &str)]) -> Output {
        self.run(&["get", &format!("aws.sm://{}", self.secret)], variables)
    }
}

fn system_bundle() -> String {
    let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    bundles.into_iter().find(|path| Path::new(path).is_file()).unwrap().to_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Looks at each row on one of four threads: mostly they wait for processes.
fn for_each<T: Sync>(rows: &[T], look: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        for chunk in rows.chunks(rows.len().div_ceil(4)) {
            let look = &look;
            scope.spawn(move || chunk.iter().for_each(look));
        }
    });
}

#[test]
fn a_blank_variable_counts_as_unset_and_white_space_around_a_value_is_dropped() {
    let world = World::new();
    let mut rows = Vec::new();
    for (name, value) in world.variables() {
        rows.extend([(name, String::new()), (name, " \n".to_owned())]);
        rows.extend([(name, value.clone()), (name, format!("{value}\n")), (name, format!(" {value}\r\n"))]);
    }
    rows.retain(|(name, value)| match *name {
        // The SDK sends this one as it is: see below.
        "AWS_EXECUTION_ENV" => !value.contains('\n'),
        // It is an identity, which goes before the profile.
        "AWS_WEB_IDENTITY_TOKEN_FILE" => value.trim().is_empty(),
        _ => true,
    });
    for_each(&rows, |(name, value)| {
        let output = world.get(&[(name, value)]);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            (printed.as_ref(), output.status.code()),
            ("s3cr3t\n", Some(0)),
            "{name}={value:?}: {}",
            stderr(&output)
        );
    });
}

#[test]
fn a_malformed_variable_never_makes_the_command_panic_nor_look_as_if_nothing_were_there() {
    let world = World::new();
    let variables = world.variables();
    let names = variables.iter().map(|(name, _)| *name).chain(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]);
    let rows: Vec<_> = names.flat_map(|name| MALFORMED.map(|value| (name, value))).collect();
    for_each(&rows, |(name, value)| {
        let output = world.get(&[(name, value)]);
        let told = stderr(&output);
        assert!(!told.contains("panicked"), "{name}={value:?}: {told}");
        // Found, denied, unreachable or misconfigured: never "not found", which `--default` answers.
        assert!(matches!(output.status.code(), Some(0 | 3..=5)), "{name}={value:?}: {:?} {told}", output.status);
    });
}

#[test]
fn explain_and_doctor_read_the_variables_in_the_same_way() {
    let world = World::new();
    let names = ["AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_STS"];
    let more = ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_USE_FIPS_ENDPOINT", "AWS_CA_BUNDLE"];
    let rows: Vec<_> = names.into_iter().chain(more).flat_map(|name| ["", "x\ny"].map(|value| (name, value))).collect();
    let reference = format!("aws.sm://{}", world.secret);
    for_each(&rows, |(name, value)| {
        for arguments in [&["explain", &reference][..], &["doctor"]] {
            let told = stderr(&world.run(arguments, &[(name, value)]));
            assert!(!told.contains("panicked"), "{arguments:?} {name}={value:?}: {told}");
        }
    });
}

#[test]
fn a_malformed_setting_is_a_mistake_that_names_its_source() {
    let world = World::new();
    for (name, value, told) in [
        ("AWS_REGION", "eu west 1", "AWS_REGION is \"eu west 1\", which is not an AWS region"),
        ("AWS_ENDPOINT_URL", "localhost:4566", "AWS_ENDPOINT_URL is not a URL"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://", "AWS_ENDPOINT_URL_SECRETS_MANAGER is not a URL"),
        ("AWS_USE_FIPS_ENDPOINT", "yes", "AWS_USE_FIPS_ENDPOINT is neither `true` nor `false`"),
        ("AWS_USE_FIPS_ENDPOINT", "true", "set together with FIPS endpoints"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true", "set together with dual-stack endpoints"),
        ("AWS_ACCESS_KEY_ID", "AKIA\nX", "AWS_ACCESS_KEY_ID in the environment has a character"),
        ("AWS_SESSION_TOKEN", "a\nb", "AWS_SESSION_TOKEN in the environment has a character"),
        ("AWS_EXECUTION_ENV", "CI\n", "AWS_EXECUTION_ENV holds a line break"),
    ] {
        let output = world.get(&[(name, value)]);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{name}: {printed}");
        assert!(printed.contains(told), "{name}: {printed}");
    }
}

#[test]
fn blank_and_malformed_keys_of_a_profile_are_treated_alike() {
    let world = World::new();
    let keys = "aws_access_key_id = test\naws_secret_access_key = test\n";
    let moto = Moto::shared().endpoint();
    for (key, value, code) in [
        ("region", "", 5),
        ("region", "eu west", 5),
        ("endpoint_url", "localhost:4566", 5),
        ("use_fips_endpoint", "", 0),
        ("use_fips_endpoint", "perhaps", 5),
        ("ca_bundle", "", 0),
        ("ignore_configured_endpoint_urls", "", 0),
        ("services", "nosuch", 5),
    ] {
        let usual = [("region", "eu-west-1"), ("endpoint_url", moto)].into_iter().filter(|(other, _)| *other != key);
        let usual: String = usual.map(|(key, value)| format!("{key} = {value}\n")).collect();
        let file = world.path(&unique("profile-"));
        fs::write(&file, format!("[default]\n{keys}{usual}{key} = {value}\n")).unwrap();
        let output = world.get(&[("AWS_CONFIG_FILE", &file), ("AWS_EC2_METADATA_DISABLED", "true")]);
        let told = stderr(&output);
        assert!(!told.contains("panicked"), "{key} = {value}: {told}");
        assert_eq!(output.status.code(), Some(code), "{key} = {value}: {told}");
    }
    // Without an endpoint, AWS's own would be asked.
    let file = world.path("blank-endpoint");
    fs::write(&file, format!("[default]\n{keys}region = eu-west-1\nendpoint_url =\n")).unwrap();
    let variables = [("AWS_CONFIG_FILE", file.as_str()), ("AWS_ENDPOINT_URL", moto)];
    assert_eq!(world.get(&variables).status.code(), Some(0));
}

/// The SDK calls STS for web identities by a client of its own, which reads variables by itself.
#[test]
fn endpoints_that_the_sdk_reads_by_itself_never_make_it_panic() {
    let world = World::new();
    let (file, token) = (world.path("roles"), world.path("token"));
    let role = "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n";
    let keys = "aws_access_key_id = test\naws_secret_access_key = test\n";
    fs::write(&file, format!("[default]\nregion = eu-west-1\n{role}[profile keys]\n{keys}")).unwrap();
    let moto = Moto::shared().endpoint();
    let by_role = [("AWS_CONFIG_FILE", file.as_str()), ("AWS_ENDPOINT_URL", moto)];
    let by_web = [
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ENDPOINT_URL", moto),
    ];
    for (identity, name, value, code) in [
        (&by_role[..], "AWS_ENDPOINT_URL_STS", "", 0),
        (&by_role, "AWS_ENDPOINT_URL_STS", "x", 5),
        (&by_role, "AWS_ENDPOINT_URL_SSO", " ", 0),
        (&by_web, "AWS_ENDPOINT_URL_SSO", moto, 0),
        (&by_web, "AWS_ENDPOINT_URL_STS", "", 0),
        (&by_web, "AWS_ENDPOINT_URL_STS", "x", 5),
    ] {
        let variables = [identity, &[(name, value)]].concat();
        let output = world.get(&variables);
        let told = stderr(&output);
        assert!(!told.contains("panicked"), "{name}={value:?}: {told}");
        assert_eq!(output.status.code(), Some(code), "{name}={value:?}: {told}");
        assert!(code == 0 || told.contains(name), "{name}={value:?}: {told}");
    }
}

#[test]
fn the_variables_of_s1crets_are_read_in_the_same_way() {
    let world = World::new();
    for (name, value) in [
        ("S1CRETS_PROVIDER", "aws.sm"),
        ("S1CRETS_RETRY", "2"),
        ("S1CRETS_TIMEOUT", "5s"),
        ("S1CRETS_CACHE_ENTRIES", "10"),
        ("S1CRETS_CACHE_TTL", "1m"),
        ("S1CRETS_CACHE_DISK", "false"),
        ("S1CRETS_CACHE_PATH", "/tmp/s1crets-none"),
        ("S1CRETS_CONFIG", &world.path("s1crets.toml")),
    ] {
        fs::write(world.path("s1crets.toml"), "").unwrap();
        for value in [String::new(), " ".to_owned(), format!("{value}\n"), format!(" {value}\r\n")] {
            let output = world.get(&[(name, &value)]);
            assert_eq!(output.status.code(), Some(0), "{name}={value:?}: {}", stderr(&output));
        }
    }
}
