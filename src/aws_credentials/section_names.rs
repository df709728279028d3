//! Names of sections in the AWS shared files, such as `[profile "x y"]`.
//!
//! The AWS CLI and boto3 quote a profile's name with a space in the config file, and take any name.
//! The SDK's parser ignores a section whose name has a quote or a character other than
//! `A-Z a-z 0-9 _ - / . % @ : +`. So the files are given to it with such names encoded.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The characters that are encoded: all that the SDK does not take, and the percent sign, so that
/// no two names have the same encoding.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'/').remove(b'.').remove(b'@').remove(b':').remove(b'+');

const SPACE: [char; 2] = [' ', '\t'];

/// The kinds of sections whose names may be quoted.
const QUOTABLE: [&str; 3] = ["profile", "sso-session", SERVICES];

/// The kind of section with endpoints of services, and the key of a profile that names one.
const SERVICES: &str = "services";

/// The file that a section is in: the rules of its headers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// `~/.aws/config`, with `[profile NAME]`.
    Config,
    /// `~/.aws/credentials`, with `[NAME]`.
    Credentials,
}

/// The name of a profile or SSO session as the SDK has it.
pub(crate) fn sdk_name(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, ENCODED).into()
}

/// The name of a profile as people write it, of the SDK's.
pub(super) fn plain_name(name: &str) -> Cow<'_, str> {
    percent_decode_str(name).decode_utf8_lossy()
}

/// The text of a file with names that the SDK's parser takes. Lines keep their numbers.
pub(super) fn normalized(text: &str, file: File) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // An encoded name is three times as long at most. The buffer never grows: the text may hold
    // keys.
    let mut normalized = String::with_capacity(3 * text.len());
    for line in text.split_inclusive('\n') {
        match header(line).and_then(|(content, rest)| Some((renamed(content, file)?, rest))) {
            Some((content, rest)) => normalized.extend(["[", &content, "]", rest]),
            None => normalized.push_str(&renamed_services(line)),
        }
    }
    normalized
}

/// A line `services = NAME` with the name of the section as the SDK has it; any other line as it is.
/// The SDK looks such a section up by itself.
fn renamed_services(line: &str) -> Cow<'_, str> {
    let Some((key, rest)) = line.split_once('=') else { return line.into() };
    // An indented line belongs to the setting before it.
    if !key.trim_end_matches(SPACE).eq_ignore_ascii_case(SERVICES) {
        return line.into();
    }
    let value = rest.trim_start_matches(SPACE);
    let is_comment = |index: &usize| value[..*index].ends_with(SPACE);
    let comment = value.match_indices(['#', ';']).map(|(index, _)| index).find(is_comment);
    let name = value[..comment.unwrap_or(value.len())].trim_end();
    match sdk_name(name) {
        encoded if encoded == name => line.into(),
        encoded => format!("{key}= {encoded}{}", &value[name.len()..]).into(),
    }
}

/// The names of the sections `[services NAME]`, in a text whose names are the SDK's.
pub(super) fn services(text: &str) -> impl Iterator<Item = &str> {
    let sections =
        text.lines().filter_map(header).filter_map(|(content, _)| content.trim_matches(SPACE).split_once(SPACE));
    sections.filter(|(kind, _)| *kind == SERVICES).map(|(_, name)| name.trim_matches(SPACE))
}

/// All names that a header may mean, whatever file it is in.
#[cfg(all(feature = "disk-cache", unix))]
pub(crate) fn possible_names(line: &str) -> impl Iterator<Item = &str> {
    let content = header(line).map(|(content, _)| content.trim_matches(SPACE));
    let rest = content.and_then(|content| content.split_once(SPACE)).map(|(_, rest)| rest.trim_matches(SPACE));
    content.into_iter().chain(rest).chain(rest.and_then(unquoted))
}

/// What is between the brackets of a header, and what follows them; `None` for any other line.
fn header(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix('[')?;
    let mut quote = None;
    let is_end = |character: char| {
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            _ => {}
        }
        character == ']' && quote.is_none()
    };
    // A lone quote is a part of the name.
    let end = rest.find(is_end).or_else(|| rest.find(']'))?;
    Some((&rest[..end], &rest[end + 1..]))
}

/// The content of a header whose name has to be encoded.
fn renamed(content: &str, file: File) -> Option<String> {
    let content = content.trim_matches(SPACE);
    if file == File::Credentials {
        let encoded = sdk_name(content);
        return (encoded != content).then(|| encoded.into_owned());
    }
    let (kind, name) = content.split_once(SPACE)?;
    if !QUOTABLE.contains(&kind) {
        return None;
    }
    let name = name.trim_matches(SPACE);
    let plain = unquoted(name).unwrap_or(name);
    let encoded = sdk_name(plain);
    // boto3 and the CLI ignore a name with a space and no quotes.
    let is_one_word = plain != name || !name.contains(SPACE);
    (is_one_word && encoded != name).then(|| format!("{kind} {encoded}"))
}

/// The text within a pair of quotes.
fn unquoted(name: &str) -> Option<&str> {
    let open = name.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    name.strip_prefix(open)?.strip_suffix(open).filter(|inner| !inner.contains(open))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_encoded_where_the_sdk_would_ignore_them() {
        for (file, header, expected) in [
            (File::Config, "[profile a]", "[profile a]"),
            (File::Config, "[default] # c", "[default] # c"),
            (File::Config, "[profile \"a\"]", "[profile a]"),
            (File::Config, "[profile \"x y\"]", "[profile x%20y]"),
            (File::Config, "[profile 'x y']", "[profile x%20y]"),
            (File::Config, "[ profile  'x y' ] ; c", "[profile x%20y] ; c"),
            (File::Config, "[profile x y]", "[profile x y]"),
            (File::Config, "[profile \"a]b\"]", "[profile a%5Db]"),
            (File::Config, "[profile it's]", "[profile it%27s]"),
            (File::Config, "[profile é]", "[profile %C3%A9]"),
            (File::Config, "[profile a%20b]", "[profile a%2520b]"),
            (File::Config, "[sso-session 'x y']", "[sso-session x%20y]"),
            (File::Config, "[services \"x y\"]", "[services x%20y]"),
            (File::Config, " [profile 'x y']", " [profile 'x y']"),
            (File::Config, "[profile 'x y'", "[profile 'x y'"),
            (File::Credentials, "[a]", "[a]"),
            (File::Credentials, "[x y]", "[x%20y]"),
            (File::Credentials, "[a@b.c:d+e/f]", "[a@b.c:d+e/f]"),
        ] {
            assert_eq!(normalized(&format!("{header}\nk = [x y]\n"), file), format!("{expected}\nk = [x y]\n"));
        }
        assert_eq!(normalized("\u{feff}[default]", File::Config), "[default]");
    }

    #[test]
    fn a_profile_names_a_section_of_services_as_its_header_has_it() {
        for (line, expected) in [
            ("services = x y", "services = x%20y"),
            ("Services=\tx y # c\r\n", "Services= x%20y # c\r\n"),
            ("services = x#y", "services = x%23y"),
            ("services = x ;c", "services = x ;c"),
            ("services =", "services ="),
            ("  services = x y", "  services = x y"),
            ("service = x y", "service = x y"),
        ] {
            assert_eq!(normalized(line, File::Config), expected);
        }
        let text = normalized("[services a]\n[services 'x y'] # c\n[profile b]\n", File::Config);
        assert_eq!(services(&text).collect::<Vec<_>>(), ["a", "x%20y"]);
    }

    proptest! {
        #[test]
        fn an_encoded_name_is_read_back(name in "[ -~é]{0,12}") {
            let encoded = sdk_name(&name).into_owned();
            prop_assert_eq!(plain_name(&encoded), name.as_str());
        }

        #[test]
        fn lines_are_neither_added_nor_lost(text in "[\\[\\]'\"a =#\n\r\té]{0,60}") {
            for file in [File::Config, File::Credentials] {
                prop_assert_eq!(normalized(&text, file).lines().count(), text.lines().count());
            }
        }
    }
}
