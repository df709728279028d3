//! Build script: finds out whether AWS-LC has jitter entropy, for `s1crets --version --verbose`.
#![allow(clippy::print_stdout, reason = "cargo reads instructions from stdout")]

use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=S1CRETS_JITTER_ENTROPY={}", jitter_entropy());
}

/// Searches the library that is linked. The variables that control its build don't tell: an earlier
/// build may have had others. Returns `unknown` if the library can't be searched, such as one of
/// the system.
fn jitter_entropy() -> &'static str {
    let Some(library) = aws_lc("LIBCRYPTO_PATH") else { return "unknown" };
    println!("cargo::rerun-if-changed={library}");
    let is_static = aws_lc("LINK_KIND").is_none_or(|kind| kind == "static");
    match fs::read(&library) {
        // A stripped library has no function names to search for.
        Ok(bytes) if is_static && holds(&bytes, b"CTR_DRBG_reseed") => {
            if holds(&bytes, b"jent_entropy_collector_alloc") { "on" } else { "off" }
        }
        _ => "unknown",
    }
}

/// Metadata that the build of AWS-LC passes to dependents, in a variable whose name contains its
/// version.
fn aws_lc(what: &str) -> Option<String> {
    let suffix = format!("_SYS_{what}");
    let mut variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let (_, value) = variables.find(|(name, _)| name.starts_with("DEP_AWS_LC_RS_") && name.ends_with(&suffix))?;
    value.into_string().ok()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
