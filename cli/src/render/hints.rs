//! Hints for errors of a template: the name that was meant, and how to look up a secret.
//!
//! # Invariants
//!
//! - A hint is made of text of the template, of names that this file lists, and of names below a
//!   path that the template has literally. So it contains no value.

use minijinja::{Error, ErrorKind};

/// How to look up a secret.
const LOOK_UP: &str = "look up a secret with secret(\"REF#KEY\"), and all below a path with secrets(\"REF\")";

/// The functions, and other names that people try for them.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("secret", &["get", "getsecret", "lookup", "key", "vault", "kv", "ssm", "secretsmanager", "secretvalue"]),
    ("secrets", &["ls", "list", "tree", "getbypath", "getsecrets", "listsecrets"]),
    ("range", &[]),
    ("dict", &[]),
    ("namespace", &[]),
];

/// The filters of [`filters`](super::filters), and other names that people try for them. The
/// engine's own come after them.
const FILTERS: &[(&str, &[&str])] = &[
    ("json", &["tojson", "jsonencode", "jsonescape", "toprettyjson"]),
    ("url", &["urlencode", "urlquery", "urlescape", "uriencode", "percentencode", "encodeuri"]),
    ("base64", &["b64", "b64encode", "b64enc", "base64encode", "base64enc"]),
    ("shell", &["quote", "squote", "sh", "shellquote", "shellescape", "shlex", "bash"]),
];

/// Filters of the engine that a template may use.
const ENGINE_FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// A hint for an error of a template. `expression` is the part of its text that the error is about;
/// `names_below` gives the names below a path that was listed.
pub(super) fn hint(
    error: &Error,
    source: &str,
    expression: Option<&str>,
    names_below: impl Fn(&str) -> Vec<String>,
) -> Option<String> {
    match error.kind() {
        ErrorKind::UnknownFunction => Some(unknown(error.detail()?, FUNCTIONS, &[]).unwrap_or_else(|| LOOK_UP.into())),
        ErrorKind::UnknownFilter => Some(unknown(error.detail()?, FILTERS, ENGINE_FILTERS).unwrap_or_else(|| {
            let ours: Vec<_> = FILTERS.iter().map(|(name, _)| *name).collect();
            format!("the filters of s1crets are {}", ours.join(", "))
        })),
        ErrorKind::UndefinedError => Some(undefined(expression?, names_below)),
        ErrorKind::SyntaxError => {
            let line = source.lines().nth(error.line()?.checked_sub(1)?)?;
            line.contains("secret").then(|| LOOK_UP.into())
        }
        ErrorKind::TooManyArguments | ErrorKind::MissingArgument | ErrorKind::InvalidOperation => {
            let line = source.lines().nth(error.line()?.checked_sub(1)?)?;
            line.contains("secret").then(|| LOOK_UP.into())
        }
        _ => None,
    }
}

/// A "did you mean" for a name in the engine's message: `filter NAME is unknown`, `NAME is unknown`.
fn unknown(detail: &str, ours: &[(&str, &[&str])], others: &[&str]) -> Option<String> {
    let typed = detail.strip_suffix(" is unknown")?.rsplit(' ').next()?;
    let squeezed: String = typed.chars().filter(|it| *it != '_').map(|it| it.to_ascii_lowercase()).collect();
    let same = ours.iter().find(|(name, tried)| *name == squeezed || tried.contains(&squeezed.as_str()));
    let known = ours.iter().map(|(name, _)| *name).chain(others.iter().copied());
    let meant = same.map(|(name, _)| *name).or_else(|| nearest(typed, known))?;
    Some(format!("did you mean `{meant}`?"))
}

/// The name that is like the typed one but for a typo or two.
fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = if typed.chars().count() < 6 { 1 } else { 2 };
    let distances = known.map(|name| (strsim::osa_distance(typed, name), name));
    distances.filter(|(distance, name)| *distance <= most && *distance < name.len()).min().map(|(_, name)| name)
}

/// A hint for an undefined value: a name that is not below a path, a key that belongs into the
/// reference, or a variable, of which a template has none.
fn undefined(expression: &str, names_below: impl Fn(&str) -> Vec<String>) -> String {
    if let Some((path, name)) = literal_access(expression, "secrets") {
        let names = names_below(path);
        return match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "test for it with `is defined`, or give it a value with the filter `default`".to_owned(),
        };
    }
    match literal_access(expression, "secret") {
        Some((reference, key)) => format!("a key is part of the reference: secret(\"{reference}#{key}\")"),
        None if expression.contains(['.', '[']) => {
            "a secret is text; its keys are part of the reference: secret(\"REF#KEY\")".to_owned()
        }
        None => format!("a template has no variables but its own; {LOOK_UP}"),
    }
}

/// The literal argument of a function and the name behind it, in `secret('app/db').password` and
/// `secret("app/db")["password"]`.
fn literal_access<'a>(expression: &'a str, function: &str) -> Option<(&'a str, &'a str)> {
    let rest = expression.trim().strip_prefix(function)?.trim_start().strip_prefix('(')?;
    let (argument, rest) = quoted(rest.trim_start())?;
    let rest = rest.trim_start().strip_prefix(')')?.trim_start();
    let name = match rest.strip_prefix('[') {
        Some(index) => quoted(index.trim_start())?.0,
        None => {
            let name = rest.strip_prefix('.')?;
            &name[..name.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(name.len())]
        }
    };
    (!name.is_empty()).then_some((argument, name))
}

/// A text in quotes without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| "'\"".contains(*quote))?;
    let (inner, rest) = text[1..].split_once(quote)?;
    (!inner.contains('\\')).then_some((inner, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_access_is_recognized() {
        for (expression, found) in [
            ("secret('app/db').password", Some(("app/db", "password"))),
            ("secret(\"app/db\")[\"pass word\"]", Some(("app/db", "pass word"))),
            ("secret( 'a' ) . b", None),
            ("secret('a').b.c", Some(("a", "b"))),
            ("secret(x).b", None),
            ("secret('a')", None),
            ("secret('a' ~ b).c", None),
            ("secrets('a').b", None),
            ("secret('a\\'').b", None),
            ("secret('a').", None),
            ("secret('", None),
        ] {
            assert_eq!(literal_access(expression, "secret"), found, "{expression}");
        }
    }

    #[test]
    fn every_filter_that_is_named_exists() {
        let mut environment = minijinja::Environment::new();
        super::super::filters::add(&mut environment);
        for name in FILTERS.iter().map(|(name, _)| name).chain(ENGINE_FILTERS) {
            let template = format!("{{{{ 'x' | {name} }}}}");
            let failed = environment.render_str(&template, ()).err();
            assert!(failed.is_none_or(|error| error.kind() != ErrorKind::UnknownFilter), "{name}");
        }
    }
}
