//! Env files: any text is parsed or refused, and what was parsed round-trips through quotes.
#![no_main]

#[path = "../../cli/src/variable_name.rs"]
#[allow(dead_code, reason = "the command needs more of it")]
mod variable_name;
#[path = "../../cli/src/commands/run/env_file/parse.rs"]
mod parse;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let read = |text: &str| {
        let pairs = parse::parse(text).ok()?;
        Some(pairs.into_iter().map(|pair| (pair.name, pair.value)).collect::<Vec<_>>())
    };
    let Some(pairs) = read(text) else { return };
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let written: String = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"\n", quoted(value))).collect();
    assert_eq!(read(&written), Some(pairs));
});
