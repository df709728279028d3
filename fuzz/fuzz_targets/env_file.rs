//! Env files: any text is parsed or refused, and what was parsed round-trips through quotes.
#![no_main]

#[path = "../../cli/src/variable_name.rs"]
#[allow(dead_code, reason = "the command needs more of it")]
mod variable_name;
#[path = "../../cli/src/commands/run/env_file/parse.rs"]
mod parse;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(pairs) = parse::parse(text) else { return };
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let written: String = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"\n", quoted(value))).collect();
    assert_eq!(parse::parse(&written), Ok(pairs));
});
