//! API paths: refuses those that would be resolved on the way, and encodes the rest.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Result};

/// The characters that need no encoding in any part of a URL.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Checks that each segment of a path reaches the server as it is.
///
/// # Errors
/// `InvalidInput` for `.` and `..`, which HTTP clients and proxies resolve even if they are
/// encoded, and for empty segments, which the server drops. Either would read another secret.
pub(crate) fn check(path: &str) -> Result<()> {
    if path.starts_with('/') || path.ends_with('/') {
        return Err(Error::invalid_input("a path of Vault neither begins nor ends with '/'")
            .with_hint("write it as MOUNT/PATH, such as secret/app/db"));
    }
    for segment in path.split('/') {
        if segment.is_empty() {
            return Err(Error::invalid_input("a path of Vault has no empty segments"));
        }
        if matches!(segment, "." | "..") {
            return Err(Error::invalid_input(format!("a path of Vault can't hold the segment {segment:?}")));
        }
        if segment.chars().any(char::is_control) {
            return Err(Error::invalid_input("a path of Vault holds no control characters"));
        }
    }
    Ok(())
}

/// The path of a secret without empty segments and without slashes at its ends.
///
/// No secret and no mount has any: the server answers such a path with a redirect to this one, and
/// `bao`, `vault` and hvac send this one.
pub(crate) fn cleaned(path: &str) -> Cow<'_, str> {
    if !path.starts_with('/') && !path.ends_with('/') && !path.contains("//") {
        return path.into();
    }
    path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/").into()
}

/// The path with everything encoded but the slashes between its segments.
pub(crate) fn encode(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_would_be_resolved_on_the_way_is_refused() {
        for path in ["a/../b", "..", "a/.", "a//b", "/a", "a/", "", "a/\u{7f}"] {
            assert!(check(path).is_err(), "{path}");
        }
        for path in ["a/b", "a/...", "a/%2e%2e/b", "a/ /b?c#d"] {
            assert!(check(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn empty_segments_and_slashes_at_the_ends_are_dropped() {
        for path in ["a/b", "/a/b", "a/b/", "a//b", "//a///b//"] {
            assert_eq!(cleaned(path), "a/b", "{path}");
        }
        for path in ["a/./b", "a/../b", "a/%2f/b", "a/ /b"] {
            assert_eq!(cleaned(path), path);
        }
        assert_eq!((cleaned("/"), cleaned("")), ("".into(), "".into()));
    }

    #[test]
    fn segments_are_encoded_to_reach_the_server_unchanged() {
        assert_eq!(encode("a/%2e%2e/b c?d#e"), "a/%252e%252e/b%20c%3Fd%23e");
        assert_eq!(encode("secret/h\u{e9}/x.y-z_~"), "secret/h%C3%A9/x.y-z_~");
    }
}
