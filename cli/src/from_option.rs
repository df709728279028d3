//! `--from`: a variable for each secret below a path, or for each key of one secret.

use std::collections::BTreeMap;

use s1crets::{Client, Error, ErrorKind, JsonKind, KeyPath, Secret};

use crate::{args::Global, path_arg::PathArg, report::Failure, variable_name};

/// How names are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming<'a> {
    /// What they begin with.
    pub(crate) prefix: &'a str,
    /// Secrets that are JSON objects are taken apart.
    pub(crate) keys: bool,
}

/// The variables that `from` stands for: the keys of the secret of that name, else the secrets below that path. Names that
/// are not wanted are left out before anything else is asked of them: a neighbour must not stop the others.
pub(crate) async fn variables(
    client: &Client,
    global: &Global,
    from: &str,
    naming: Naming<'_>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let target = PathArg::parse(client, global, from, &[])?;
    let whole = match target.path.ends_with('/') && target.keypath.is_empty() {
        true => None,
        false => whole(client, global, &target).await?,
    };
    match whole {
        Some(Ok(secret)) => named(keys(&secret, &target)?, naming.prefix, is_wanted),
        refused => match below(client, global, &target, naming).await? {
            found if found.is_empty() => Err(refused.and_then(Result::err).unwrap_or_else(|| nothing(from)).into()),
            found => named(found, naming.prefix, is_wanted),
        },
    }
}

/// The secret of this very name. Whoever may not see it may still see what is below: AWS tells a missing secret from a
/// forbidden one only to those who are allowed to read it.
async fn whole(client: &Client, global: &Global, target: &PathArg) -> Result<Option<Result<Secret, Error>>, Failure> {
    let get = client.get(&target.provider, &target.path).keypath(target.keypath.clone());
    match get.cached(!global.no_cache).await {
        Err(error) if !target.keypath.is_empty() => Err(error.into()),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied) => Err(error.into()),
        answer => Ok(Some(answer)),
    }
}

fn keys(secret: &Secret, target: &PathArg) -> Result<Vec<(String, Secret)>, Failure> {
    let told = |error: &Error| Failure::unreadable(&format!("{}://{}", target.provider, target.path), error);
    let no_object =
        || Error::new(ErrorKind::InvalidInput, "the secret is no JSON object: it has no keys to name variables by");
    let json = secret.json().map_err(|_| told(&no_object()))?;
    if json.kind() != JsonKind::Object {
        return Err(told(&no_object()));
    }
    let part = |(key, _): (&str, _)| secret.at(&KeyPath::new([key])).map(|part| (key.to_owned(), part));
    json.members().map(part).collect::<Result<_, _>>().map_err(|error| told(&error))
}

async fn below(
    client: &Client,
    global: &Global,
    target: &PathArg,
    naming: Naming<'_>,
) -> Result<Vec<(String, Secret)>, Failure> {
    let list = client.get_by_path(&target.provider, &target.path).cached(!global.no_cache).fail_on_error(false);
    let listing = list.await?;
    if listing.failures().len() > 0 {
        return Err(Failure::Many(listing.failures().map(|(name, error)| Failure::unreadable(name, error)).collect()));
    }
    let mut found = Vec::with_capacity(listing.len());
    for (full, secret) in listing.iter() {
        let levels = full.strip_prefix(target.path.trim_end_matches('/')).unwrap_or(full).trim_start_matches('/');
        match naming.keys && secret.json().is_ok_and(|json| json.kind() == JsonKind::Object) {
            true => {
                found.extend(keys(secret, target)?.into_iter().map(|(key, part)| (format!("{levels}/{key}"), part)))
            }
            false => found.push((levels.to_owned(), secret.clone())),
        }
    }
    Ok(found)
}

/// By the names that are made of their levels, each of which must be a name and no other's.
fn named(
    found: Vec<(String, Secret)>,
    prefix: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let (mut named, mut origins) = (BTreeMap::new(), BTreeMap::<String, String>::new());
    for (levels, secret) in found {
        let name = variable_name::from_path(prefix, &levels);
        if !is_wanted(&name) {
            continue;
        }
        if !variable_name::is_valid(&name) {
            return Err(Failure::Usage(format!("{levels:?} makes no variable's name, but {name:?}: give a --prefix")));
        }
        if let Some(other) = origins.insert(name.clone(), levels.clone()) {
            return Err(Failure::Usage(format!(
                "{other:?} and {levels:?} would both be {name}: give one a name of its own"
            )));
        }
        named.insert(name, secret);
    }
    Ok(named)
}

fn nothing(from: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no secret below {from}"))
}
