//! The server's own APIs, which share the path space with secrets engines: `auth`, `sys`,
//! `identity` and `cubbyhole`.
//!
//! No secrets engine and no namespace can have one of these names, so a first segment with such a
//! name always leads to the API. A later segment may be part of an ordinary mount or secret name,
//! or may follow a namespace.

use percent_encoding::percent_decode_str;

/// The reserved names, each with what it is. They are case-sensitive: `Auth` can be an ordinary
/// mount.
const RESERVED: [(&str, &str); 4] = [
    ("auth", "Vault's login API"),
    ("sys", "Vault's system API"),
    ("identity", "Vault's identity store"),
    ("cubbyhole", "the private storage of a token"),
];

/// How often a path is decoded. One gateway too many decodes twice.
const DECODINGS: usize = 8;

/// The reason why a path can't lead to a KV engine, if its first segment is reserved: "auth is
/// Vault's login API, not a KV secrets engine".
///
/// The server decodes a path once and collapses slashes and dots. What is sent is encoded, so the
/// escapes of a path reach the server as plain text. A gateway in between may decode more often, so
/// every reading of the path counts.
pub(crate) fn first(path: &str) -> Option<String> {
    readings(path).find_map(|reading| {
        let segments: Vec<_> = segments(&reading).collect();
        let resolved = resolved(&segments);
        [segments.first(), resolved.first()].into_iter().flatten().find_map(|segment| described(segment))
    })
}

/// The same if any segment is reserved: the segments before it may be a namespace.
pub(crate) fn any(path: &str) -> Option<String> {
    readings(path).find_map(|reading| segments(&reading).find_map(described))
}

fn described(segment: &str) -> Option<String> {
    let (name, what) = RESERVED.iter().find(|(name, _)| *name == segment)?;
    Some(format!("{name} is {what}, not a KV secrets engine"))
}

/// The path as it is, decoded once, decoded twice, and so on. The bound keeps a path of nothing but
/// `%2525…` from taking quadratic time.
fn readings(path: &str) -> impl Iterator<Item = String> {
    std::iter::successors(Some(path.to_owned()), |reading| {
        let decoded = percent_decode_str(reading).decode_utf8_lossy().into_owned();
        (decoded != *reading).then_some(decoded)
    })
    .take(DECODINGS)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "."))
}

/// The segments that are left when each `..` has taken away the one before.
fn resolved<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    segments.iter().fold(Vec::new(), |mut left, segment| {
        match *segment {
            ".." => drop(left.pop()),
            name => left.push(name),
        }
        left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_first_segment_is_found_in_every_spelling() {
        for path in [
            "auth",
            "auth/",
            "auth/token/lookup-self",
            "/auth/token",
            "//auth/token",
            "./auth/token",
            "././/auth",
            "../auth/token",
            "secret/../auth/token",
            "secret/x/../../auth/token",
            "auth//token",
            "auth/./token",
            "%61uth/token",
            "%2561uth/token",
            "%25252561uth/token",
            "auth%2ftoken",
            "auth%2Ftoken",
            "auth%252ftoken",
            "%2fauth/token",
            "%2e/auth/token",
            "secret/%2e%2e/auth/token",
            "secret%2f..%2fauth",
            "auth/../secret/x",
            "auth/%2e%2e/secret/x",
            "auth\\token",
            "\\auth/token",
            "sys/mounts",
            "%73%79%73/mounts",
            "sys//mounts",
            "identity/entity",
            "cubbyhole/response",
        ] {
            let told = first(path).unwrap_or_else(|| panic!("{path} is taken for a mount"));
            assert!(told.ends_with("not a KV secrets engine"), "{told}");
            assert!(any(path).is_some(), "{path}");
        }
    }

    #[test]
    fn names_that_only_resemble_a_reserved_one_are_mounts() {
        for path in [
            "",
            "/",
            "Auth/token",
            "AUTH/token",
            "auth2/token",
            "authx",
            "my-auth/token",
            "auth.d/token",
            "system/mounts",
            "auth /token",
            " auth/token",
            "auth;x/token",
            "auth?x",
            "\u{ff41}uth/token",
            "\u{430}uth/token",
            "auth\u{301}/token",
            "%",
            "%zz/auth2",
            "secret/authx",
        ] {
            assert_eq!((first(path), any(path)), (None, None), "{path}");
        }
    }

    #[test]
    fn a_reserved_name_further_down_counts_only_where_a_namespace_may_be_in_front() {
        for path in ["secret/auth", "team1/auth/token", "a/b/sys/mounts", "team1/identity", "x/auth/%2e%2e/y", "x/sys"]
        {
            assert_eq!(first(path), None, "{path}");
            assert!(any(path).is_some(), "{path}");
        }
    }
}
