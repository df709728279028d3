//! Readers of the formats: parsers of other projects where they exist, else the rules from the
//! reader's documentation or source, linked at each.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

type Read = BTreeMap<String, String>;

pub(super) fn json(text: &str) -> Read {
    serde_json::from_str(text).expect("JSON")
}

pub(super) fn yaml(text: &str) -> Read {
    use saphyr::{LoadableYamlNode, Yaml};
    let documents = Yaml::load_from_str(text).expect("YAML");
    let [document] = documents.as_slice() else { panic!("one document") };
    let text = |node: &Yaml<'_>| node.as_str().expect("text, not a number or a truth value").to_owned();
    document.as_mapping().expect("a mapping").iter().map(|(key, value)| (text(key), text(value))).collect()
}

pub(super) fn kubernetes(text: &str) -> BTreeMap<String, Vec<u8>> {
    use saphyr::{LoadableYamlNode, Yaml};
    let documents = Yaml::load_from_str(text).expect("YAML");
    let document = &documents[0];
    let at = |key: &str| document.as_mapping_get(key).and_then(Yaml::as_str);
    assert_eq!((at("apiVersion"), at("kind"), at("type")), (Some("v1"), Some("Secret"), Some("Opaque")));
    let data = document.as_mapping_get("data").expect("data").as_mapping().expect("a mapping");
    let entry = |(key, value): (&Yaml<'_>, &Yaml<'_>)| {
        let value = BASE64.decode(value.as_str().expect("text")).expect("base64");
        (key.as_str().expect("text").to_owned(), value)
    };
    data.iter().map(entry).collect()
}

pub(super) fn dotenvy(text: &str) -> Read {
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().expect("a .env file")
}

/// python-dotenv: `_single_quoted_value` and `_double_quoted_value` of its parser, their escapes,
/// then `${NAME}` of variables.py,
/// <https://github.com/theskumar/python-dotenv/tree/main/src/dotenv>.
pub(super) fn python_dotenv(text: &str) -> Read {
    quoted_lines(text, |quote, value| {
        assert!(!value.contains("${"), "it would be replaced");
        let escapes = if quote == '\'' { "\\'" } else { "\\'\"abfnrtv" };
        let mut read = String::new();
        let mut left = value.chars().peekable();
        while let Some(character) = left.next() {
            match left.peek() {
                Some(next) if character == '\\' && escapes.contains(*next) => read.push(*next),
                _ => {
                    read.push(character);
                    continue;
                }
            }
            left.next();
        }
        read
    })
}

/// Node's dotenv: the regular expression `LINE` of lib/main.js and the code after it,
/// <https://github.com/motdotla/dotenv>.
pub(super) fn node_dotenv(text: &str) -> Read {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    quoted_lines(&text, |quote, value| match quote {
        '"' => value.replace("\\n", "\n").replace("\\r", "\r"),
        _ => value.to_owned(),
    })
}

/// What Ruby's dotenv 2.4 would run or set that nobody asked for: it splits at line ends first,
/// <https://github.com/bkeepers/dotenv/blob/v2.4.0/lib/dotenv/parser.rb>. `document` sets the
/// variables `V0`, `V1` and so on. Foreman splits in the same way, and takes fewer lines for
/// variables.
pub(super) fn side_effects_in_ruby(document: &str) -> Vec<String> {
    let mut effects = Vec::new();
    for line in document.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        let trimmed = line.trim_start();
        let trimmed = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
        let end = trimmed.find(|letter: char| !letter.is_alphanumeric() && !"_.".contains(letter));
        let (key, rest) = trimmed.split_at(end.unwrap_or(trimmed.len()));
        let by_equals = rest.trim_start().strip_prefix('=');
        let Some(value) = by_equals.or_else(|| rest.strip_prefix(':').filter(|it| it.starts_with([' ', '\t']))) else {
            continue;
        };
        let value = value.trim();
        let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
        if !is_quoted('\'') && value.contains(['$', '`']) {
            effects.push(format!("expands or runs {value:?}"));
        }
        let is_ours = key.strip_prefix('V').is_some_and(|number| number.parse::<usize>().is_ok());
        // The padding of base64 text is no value.
        if !key.is_empty() && !is_ours && !value.trim_matches(['=', '\'', '"']).is_empty() {
            effects.push(format!("sets {key}"));
        }
    }
    effects
}

/// Docker's `parseKeyValueFile`,
/// <https://github.com/docker/cli/blob/master/pkg/kvfile/kvfile.go>.
pub(super) fn docker(text: &str) -> Read {
    let mut found = Read::new();
    for line in text.split_terminator('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        assert!(line.len() < 64 * 1024 - 1, "bufio.Scanner: token too long");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').expect("a value, not a variable to pass on");
        assert!(!name.is_empty() && !name.contains([' ', '\t']), "{name:?}");
        found.insert(name.to_owned(), value.to_owned());
    }
    found
}

/// Parses `NAME=` and a value in quotes. A quote after `\` does not end it.
fn quoted_lines(text: &str, read: impl Fn(char, &str) -> String) -> Read {
    let (mut found, mut rest) = (Read::new(), text);
    while let Some((name, after)) = rest.split_once('=') {
        let quote = after.chars().next().filter(|quote| "'\"".contains(*quote)).expect("a quote");
        let (mut end, mut escaped) = (None, false);
        for (at, character) in after.char_indices().skip(1) {
            if character == quote && !escaped {
                end = Some(at);
                break;
            }
            escaped = character == '\\';
        }
        let end = end.expect("the quote is closed");
        found.insert(name.to_owned(), read(quote, &after[1..end]));
        rest = after[end + 1..].strip_prefix('\n').expect("the line ends after the quote");
    }
    assert!(rest.is_empty());
    found
}

/// The state machine of `parse_env_file_internal`, as far as quoted values need it,
/// <https://github.com/systemd/systemd/blob/main/src/basic/env-file.c>.
pub(super) fn systemd(text: &str) -> Read {
    enum State {
        Key,
        PreValue,
        Double,
        DoubleEscape,
    }
    let (mut found, mut key, mut value, mut state) = (Read::new(), String::new(), String::new(), State::Key);
    for character in text.chars() {
        state = match (state, character) {
            (State::Key, '=') => State::PreValue,
            (State::Key, other) => {
                assert!(!" \t\r\n#;".contains(other), "a name has none of these");
                key.push(other);
                State::Key
            }
            (State::PreValue, '"') => State::Double,
            (State::PreValue, '\n') => {
                found.insert(std::mem::take(&mut key), std::mem::take(&mut value));
                State::Key
            }
            (State::PreValue, other) => panic!("{other:?} after a quote"),
            (State::Double, '"') => State::PreValue,
            (State::Double, '\\') => State::DoubleEscape,
            (State::DoubleEscape, '\n') => State::Double,
            (State::DoubleEscape, other) => {
                if !"\"\\`$".contains(other) {
                    value.push('\\');
                }
                value.push(other);
                State::Double
            }
            (State::Double, other) => {
                value.push(other);
                State::Double
            }
        };
    }
    for value in found.values() {
        // env_value_is_valid
        assert!(!value.chars().any(|character| character.is_ascii_control() && !"\t\n".contains(character)));
        // unichar_is_valid
        let noncharacter = |code: u32| (0xfdd0..=0xfdef).contains(&code) || code % 0x10000 >= 0xfffe;
        assert!(!value.chars().any(|character| noncharacter(character.into())));
    }
    found
}

/// `SetEnvFileCommand` of the runner on Linux,
/// <https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs>.
pub(super) fn github(text: &str) -> Read {
    let (mut found, mut lines) = (Read::new(), text.split('\n'));
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (name, delimiter) = line.split_once("<<").expect("NAME<<DELIMITER");
        assert!(!name.contains('='));
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        found.insert(name.to_owned(), value.join("\n"));
    }
    found
}

/// `scan_line!` of GitLab's parser: splits at the first `=` and trims both parts,
/// <https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/ci/parse_dotenv_artifact_service.rb>.
pub(super) fn gitlab(text: &str) -> Read {
    let line = |line: &str| {
        let (name, value) = line.split_once('=').expect("NAME=VALUE");
        (name.trim().to_owned(), value.trim().to_owned())
    };
    text.lines().map(line).collect()
}

/// `Command.TryParse` of the agent: unescapes the text after the first `]`,
/// <https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Microsoft.VisualStudio.Services.Agent/Command.cs>.
pub(super) fn azure(text: &str) -> Read {
    let line = |line: &str| {
        let (command, data) = line.split_once(']').expect("a command");
        let name = command.strip_prefix("##vso[task.setvariable variable=").expect("setvariable");
        let data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%AZP25", "%");
        (name.strip_suffix(";issecret=true").expect("a secret").to_owned(), data)
    };
    text.split_terminator('\n').map(line).collect()
}

/// Unescapes service messages,
/// <https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values>.
pub(super) fn teamcity(text: &str) -> Read {
    let line = |line: &str| {
        let (name, value) = line.split_once("' value='").expect("two attributes");
        let name = name.strip_prefix("##teamcity[setParameter name='env.").expect("a parameter");
        (name.to_owned(), unescape(value.strip_suffix("']").expect("the end")))
    };
    text.split_terminator('\n').map(line).collect()
}

fn unescape(value: &str) -> String {
    let (mut units, mut left) = (Vec::new(), value.chars());
    while let Some(character) = left.next() {
        assert!(!"'[]\n\r".contains(character), "it would end the value");
        if character != '|' {
            units.extend(character.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        match left.next().expect("an escape") {
            'n' => units.push(10),
            'r' => units.push(13),
            '0' => {
                assert_eq!(left.next(), Some('x'));
                let digits: String = left.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&digits, 16).expect("four digits"));
            }
            other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    String::from_utf16(&units).expect("text")
}

/// Concatenates single-quoted strings and `[char]N`. Every kind of single quote ends a string
/// unless it is doubled,
/// <https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules>.
pub(super) fn powershell(text: &str) -> Read {
    let line = |line: &str| {
        assert!(!line.contains(|character: char| character.is_control()), "it is a single line for every reader");
        let (name, expression) = line.strip_prefix("${env:").expect("a variable").split_once("} = ").expect("=");
        (name.to_owned(), expression_value(expression))
    };
    text.split_terminator('\n').map(line).collect()
}

fn expression_value(expression: &str) -> String {
    let is_quote = |character: char| character == '\'' || ('\u{2018}'..='\u{201b}').contains(&character);
    let (mut value, mut left) = (String::new(), expression.chars().peekable());
    loop {
        assert_eq!(left.next(), Some('\''));
        while let Some(character) = left.next() {
            if is_quote(character) {
                match left.peek() {
                    Some(next) if is_quote(*next) => drop(left.next()),
                    _ => break,
                }
            }
            value.push(character);
        }
        match left.next() {
            None => return value,
            Some(plus) => assert_eq!(plus, '+'),
        }
        let code: String = left.by_ref().take_while(|character| *character != '+').collect();
        let code = code.strip_prefix("[char]").expect("a character").parse().expect("a number");
        value.push(char::from_u32(code).expect("a character"));
    }
}
