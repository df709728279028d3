//! Finds the passwords in proxy variables: the command needs them, and `--redact` must remove them
//! from its output.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use percent_encoding::percent_decode_str;
use s1crets::{Metadata, Secret};

/// Suffixes of the names of proxy variables, in any case. curl and Python have one per scheme,
/// Vault has its own.
const ENDINGS: [&str; 2] = ["_PROXY", "_PROXY_ADDR"];

/// The passwords, as written and percent-decoded. The keys are descriptions for warnings.
pub(super) fn passwords(variables: &BTreeMap<OsString, OsString>) -> BTreeMap<String, Secret> {
    let is_proxy = |name: &OsStr| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let proxies = variables.iter().filter(|(name, _)| is_proxy(name));
    let mut passwords = BTreeMap::new();
    for (name, url) in proxies {
        let (name, url) = (name.to_string_lossy(), url.to_string_lossy());
        let Some(written) = password(&url) else { continue };
        let decoded: Vec<u8> = percent_decode_str(written).collect();
        if decoded != written.as_bytes() {
            passwords.insert(format!("the decoded password of {name}"), Secret::binary(decoded, Metadata::default()));
        }
        passwords.insert(format!("the password of {name}"), Secret::text(written, Metadata::default()));
    }
    passwords
}

/// The password in a URL: `hunter2` in `http://user:hunter2@proxy:3128`. Programs also accept a URL
/// without a scheme, and any character in the password.
fn password(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (user, _) = rest.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_however_the_url_is_written() {
        for (url, found) in [
            ("http://user:hunter2@proxy:3128", Some("hunter2")),
            ("user:hunter2@proxy:3128", Some("hunter2")),
            ("socks5h://:p%40ss/@[::1]:1080/", Some("p%40ss/")),
            ("http://user:a@b:c@proxy", Some("a@b:c")),
            ("http://user@proxy:3128", None),
            ("http://user:@proxy:3128", None),
            ("http://proxy:3128", None),
            ("localhost,.internal", None),
        ] {
            assert_eq!(password(url), found, "{url}");
        }
    }

    #[test]
    fn proxy_variables_of_any_scheme_and_case_are_searched() {
        let url = OsString::from("http://u:s%33cret@p");
        let names = ["HTTPS_PROXY", "all_proxy", "npm_config_https_proxy", "VAULT_PROXY_ADDR", "PROXY_URL"];
        let variables = names.map(|name| (name.into(), url.clone())).into();
        let found = passwords(&variables);
        assert_eq!(found.len(), 8);
        assert_eq!(found["the decoded password of all_proxy"].expose_bytes().expect("text"), b"s3cret");
    }
}
