//! Text in commands that are there to be copied into a shell.

/// A word as a shell takes it. It may be somebody else's text: the name of a folder, or of a secret.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@%,:=".contains(&byte) || !byte.is_ascii();
    match word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
