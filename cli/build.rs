//! Finds out how AWS-LC was built, for `s1crets --version --verbose`.
#![allow(clippy::print_stdout, reason = "what is printed are instructions to cargo")]

use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=S1CRETS_JITTER_ENTROPY={}", jitter_entropy());
}

/// By what is in the library that is linked, and not by a variable: there are several, and other builds may have set them.
/// `unknown` where the library can't be looked at, as one of the system's.
fn jitter_entropy() -> &'static str {
    let Some(library) = aws_lc("LIBCRYPTO_PATH") else { return "unknown" };
    println!("cargo::rerun-if-changed={library}");
    let is_static = aws_lc("LINK_KIND").is_none_or(|kind| kind == "static");
    match fs::read(&library) {
        // A library without the names of its functions tells nothing.
        Ok(bytes) if is_static && holds(&bytes, b"CTR_DRBG_reseed") => {
            if holds(&bytes, b"jent_entropy_collector_alloc") { "on" } else { "off" }
        }
        _ => "unknown",
    }
}

/// What the build of AWS-LC tells those that depend on it. The name holds its version.
fn aws_lc(what: &str) -> Option<String> {
    let suffix = format!("_SYS_{what}");
    let mut variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let (_, value) = variables.find(|(name, _)| name.starts_with("DEP_AWS_LC_RS_") && name.ends_with(&suffix))?;
    value.into_string().ok()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
