//! The `--from` option: one variable for each key of a JSON secret, or for each secret below a
//! path.

use std::collections::BTreeMap;

use s1crets::{Client, Error, ErrorKind, JsonKind, KeyPath, Secret};

use crate::{args::Global, path_arg, path_arg::PathArg, report::Failure, variable_name, whole_map::as_one_value};

/// How variable names are made from paths and keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming<'a> {
    pub(crate) prefix: &'a str,
    /// Make a variable for each key of a JSON object or a map below a path, rather than one for the
    /// whole.
    pub(crate) keys: bool,
}

/// Loads the variables for one `--from`: the keys of the secret with that very name, or else the
/// secrets below that path.
///
/// Names that are not wanted are dropped before they are checked, so that an unrelated secret below
/// the path can't fail the others.
pub(crate) async fn variables(
    client: &Client,
    global: &Global,
    from: &str,
    naming: Naming<'_>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let target = PathArg::parse(client, global, from, &[])?;
    let is_path = target.path.ends_with('/') && target.keypath.is_empty();
    let exact = if is_path { None } else { Some(exact_secret(client, global, &target).await?) };
    match exact {
        Some(Ok(secret)) => {
            let reference = format!("{}://{}", target.provider, target.path);
            name_variables(keys(&secret, &reference)?, naming.prefix, is_wanted)
        }
        missing_or_denied => match secrets_below(client, global, &target, naming).await? {
            found if found.is_empty() => {
                let error = missing_or_denied.and_then(Result::err);
                Err(error.unwrap_or_else(|| path_arg::nothing_below(from)).into())
            }
            found => name_variables(found, naming.prefix, is_wanted),
        },
    }
}

/// Reads the secret with this very name. The inner error is one after which the path is still worth
/// listing: AWS answers "access denied" for a missing secret unless the caller may read it.
async fn exact_secret(client: &Client, global: &Global, target: &PathArg) -> Result<Result<Secret, Error>, Failure> {
    let get = client.get(&target.provider, &target.path).keypath(target.keypath.clone());
    match get.cached(!global.no_cache).await {
        Err(error) if !target.keypath.is_empty() => Err(error.into()),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied) => Err(error.into()),
        result => Ok(result),
    }
}

/// A value that a variable may be made of, or why it can't be read, with its path.
type Candidate = (String, Result<Secret, Failure>);

/// The values of a map or a JSON object, by key. `reference` is the secret's, for errors. A value
/// that can't be read is an error of its own.
fn keys(secret: &Secret, reference: &str) -> Result<Vec<Candidate>, Failure> {
    if secret.is_map() {
        return Ok(secret.entries().map(|(name, value)| (name.to_owned(), Ok(value))).collect());
    }
    let failure = |error: &Error| Failure::unreadable(reference, error);
    let not_an_object = || {
        let message = "the secret is neither a JSON object nor a map, so it has no keys to name variables after";
        failure(&Error::new(ErrorKind::InvalidInput, message))
    };
    let json = secret.json().map_err(|_| broken(secret).map_or_else(not_an_object, |error| failure(&error)))?;
    if json.kind() != JsonKind::Object {
        return Err(not_an_object());
    }
    let value = |key: &str| {
        let value = secret.at(&KeyPath::new([key]));
        value.map_err(|error| Failure::unreadable(&format!("{reference}#{key}"), &error))
    };
    Ok(json.members().map(|(key, _)| (key.to_owned(), value(key))).collect())
}

/// The secrets below a path, by the rest of their names.
async fn secrets_below(
    client: &Client,
    global: &Global,
    target: &PathArg,
    naming: Naming<'_>,
) -> Result<Vec<Candidate>, Failure> {
    let list = client.get_by_path(&target.provider, &target.path).cached(!global.no_cache).fail_on_error(false);
    let listing = list.await?;
    if listing.failures().len() > 0 {
        return Err(Failure::Many(listing.failures().map(|(name, error)| Failure::unreadable(name, error)).collect()));
    }
    let mut found = Vec::with_capacity(listing.len());
    for (name, secret) in listing.iter() {
        let rest = rest_below(name, &target.path);
        match naming.keys && (has_keys(secret) || broken(secret).is_some()) {
            true => {
                let keys = keys(secret, &format!("{}://{name}", target.provider))?;
                found.extend(keys.into_iter().map(|(key, value)| (format!("{rest}/{key}"), value)))
            }
            false => found.push((rest.to_owned(), Ok(secret.clone()))),
        }
    }
    Ok(found)
}

/// The rest of a name below a path. Vault drops the empty segments of a path, so none of them
/// counts.
pub(crate) fn rest_below<'a>(name: &'a str, path: &str) -> &'a str {
    let below = path.split('/').filter(|segment| !segment.is_empty()).try_fold(name, |rest, segment| {
        let rest = rest.trim_start_matches('/').strip_prefix(segment)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    });
    below.unwrap_or(name).trim_start_matches('/')
}

/// Whether this is a map or a JSON object.
pub(crate) fn has_keys(secret: &Secret) -> bool {
    secret.is_map() || secret.json().is_ok_and(|json| json.kind() == JsonKind::Object)
}

/// Why the keys of a secret can't be read, if it was meant to have some: it is broken JSON.
fn broken(secret: &Secret) -> Option<Error> {
    // Only a look for a key, of any name, tells broken JSON from text that is not JSON at all.
    secret.key("").err().filter(|error| error.kind() == ErrorKind::Corrupt && secret.json().is_err())
}

/// Makes a variable name from each path. A whole map becomes its JSON text.
///
/// # Errors
/// [`Failure::Usage`] if a name is invalid, or if two paths give the same name; [`Failure::Named`] for
/// a map that is not all text.
fn name_variables(
    found: Vec<Candidate>,
    prefix: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let (mut variables, mut paths) = (BTreeMap::new(), BTreeMap::<String, String>::new());
    for (path, secret) in found {
        let name = variable_name::from_path(prefix, &path);
        if !is_wanted(&name) {
            continue;
        }
        if !variable_name::is_valid(&name) {
            let message = format!("{path:?} gives the invalid variable name {name:?}; set a --prefix");
            return Err(Failure::Usage(message));
        }
        if let Some(other) = paths.insert(name.clone(), path.clone()) {
            let message = format!(
                "{other:?} and {path:?} both give the variable name {name}; use NAME=REF for them instead of --from"
            );
            return Err(Failure::Usage(message));
        }
        let secret = as_one_value(secret?).map_err(|error| Failure::unreadable(&path, &error))?;
        variables.insert(name, secret);
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use s1crets::{Metadata, SecretValue};

    use super::*;

    const REFERENCE: &str = "memory://app/tls";

    fn map() -> Secret {
        let entries = [("tls.crt", SecretValue::text("PEM")), ("keystore", SecretValue::binary([0xff]))];
        Secret::map(entries, Metadata::default()).expect("a map")
    }

    #[test]
    fn the_rest_of_a_name_is_what_follows_the_segments_of_the_path() {
        for (name, path, rest) in [
            ("prod/db/user", "prod/db", "user"),
            ("/prod/db/user", "/prod/db/", "user"),
            ("secret/db/user", "/secret//db", "user"),
            ("prod/db/user", "", "prod/db/user"),
            ("/prod/db", "/", "prod/db"),
            ("prod/dbx/user", "prod/db", "prod/dbx/user"),
        ] {
            assert_eq!(rest_below(name, path), rest, "{name} below {path:?}");
        }
    }

    #[test]
    fn a_map_gives_one_variable_for_each_name() {
        let found = keys(&map(), REFERENCE).expect("names");
        let variables = name_variables(found, "APP_", |_| true).expect("variables");
        let values: Vec<_> =
            variables.iter().map(|(name, it)| (name.as_str(), it.expose_bytes().expect("one"))).collect();
        assert_eq!(values, [("APP_KEYSTORE", &[0xff][..]), ("APP_TLS_CRT", b"PEM")]);
        assert!(has_keys(&map()));
    }

    #[test]
    fn broken_json_is_corrupt_and_other_text_has_no_keys() {
        for (text, kind) in
            [("{\"a\":1,}", ErrorKind::Corrupt), ("plain", ErrorKind::InvalidInput), ("[1]", ErrorKind::InvalidInput)]
        {
            let secret = Secret::text(text, Metadata::default());
            let Err(Failure::Named { name, error }) = keys(&secret, REFERENCE) else { panic!("no keys: {text}") };
            assert_eq!((name.as_str(), error.kind()), (REFERENCE, kind), "{text}");
        }
        let odd = Secret::text("{\"n\":NaN}", Metadata::default());
        assert!(broken(&odd).is_none() && keys(&odd, REFERENCE).is_ok());
    }

    #[test]
    fn a_key_whose_value_is_no_text_fails_only_if_its_name_is_wanted() {
        let found =
            || keys(&Secret::text("{\"a\":\"\\ud800\",\"b\":\"x\"}", Metadata::default()), REFERENCE).expect("keys");
        let Err(Failure::Named { name, error }) = name_variables(found(), "", |_| true) else { panic!("no text") };
        assert_eq!((name.as_str(), error.kind()), ("memory://app/tls#a", ErrorKind::Corrupt));
        assert_eq!(name_variables(found(), "", |name| name == "B").expect("variables").len(), 1);
    }

    #[test]
    fn a_whole_map_with_bytes_fails_only_if_its_name_is_wanted() {
        let found =
            || vec![("tls".to_owned(), Ok(map())), ("db".to_owned(), Ok(Secret::text("x", Metadata::default())))];
        let Err(Failure::Named { name, .. }) = name_variables(found(), "", |_| true) else {
            panic!("a map with bytes is not one value");
        };
        assert_eq!(name, "tls");
        assert_eq!(name_variables(found(), "", |name| name == "DB").expect("variables").len(), 1);
    }
}
