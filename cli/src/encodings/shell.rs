//! Encodings of values in shell scripts: quoted, or escaped with backslashes.

/// Passes what shells, and programs that write shell code, make of a text to `put`.
pub(super) fn encode(text: &str, mut put: impl FnMut(Vec<u8>)) {
    put(text.replace('\'', "'\\''").into_bytes());
    put(text.replace('\'', "'\"'\"'").into_bytes());
    // SQL and YAML.
    put(text.replace('\'', "''").into_bytes());
    put(text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").into_bytes());
    put(backslashed(text, |_, character| "\\\"$`".contains(character)));
    for plain in ["-_./:=@%+,", "-_./:=@%+"] {
        // `#` is special at the beginning only; `~` also after `=` and `:`.
        let special = |at: usize, character: char| match character {
            '#' => at == 0,
            '~' => at == 0 || b"=:".contains(&text.as_bytes()[at - 1]),
            _ => !(character.is_alphanumeric() || plain.contains(character)),
        };
        put(backslashed(text, special));
        put(backslashed(text, |_, character| special(0, character)));
    }
    // Ruby's Shellwords.
    put(backslashed(text, |_, character| !(character.is_ascii_alphanumeric() || "_-.,:+/@\n".contains(character))));
    put(ansi_c(text, char::is_ascii));
    put(ansi_c(text, |_| true));
}

/// Puts a backslash before each special character.
fn backslashed(text: &str, special: impl Fn(usize, char) -> bool) -> Vec<u8> {
    let escape = |(at, character)| special(at, character).then_some('\\').into_iter().chain([character]);
    text.char_indices().flat_map(escape).collect::<String>().into_bytes()
}

/// The text between `$'` and `'` in
/// [ANSI-C quoting](https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html), as
/// bash writes it. Characters that the locale can't show are written byte by byte.
fn ansi_c(text: &str, is_shown: impl Fn(&char) -> bool) -> Vec<u8> {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            '\u{1b}' => out += "\\E",
            '\u{7}' => out += "\\a",
            '\u{8}' => out += "\\b",
            '\u{b}' => out += "\\v",
            '\u{c}' => out += "\\f",
            '\\' | '\'' => out.extend(['\\', character]),
            shown if !shown.is_control() && is_shown(&shown) => out.push(shown),
            other => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    out += &format!("\\{byte:03o}");
                }
            }
        }
    }
    out.into_bytes()
}
