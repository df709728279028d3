//! Names with references become names with values, all of them or none.

use s1crets::{Client, Reference, Secret};

use crate::{args::Global, path_arg, report::Failure};

/// A name, of an environment variable say, and the reference to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedRef {
    pub(crate) name: String,
    pub(crate) reference: String,
}

impl NamedRef {
    pub(crate) fn new(name: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { name: name.into(), reference: reference.into() }
    }

    /// `NAME=REF` as it is typed; what has no provider in front is of the one that was named, or of the default.
    pub(crate) fn parse(client: &Client, global: &Global, text: &str) -> Result<Self, Failure> {
        let (name, reference) = text
            .split_once('=')
            .filter(|(name, reference)| !name.is_empty() && !reference.is_empty())
            .ok_or_else(|| Failure::Usage(format!("{text:?} is not of the form NAME=REFERENCE")))?;
        let reference = match Reference::looks_like(reference) {
            true => reference.to_owned(),
            false => format!("{}://{reference}", path_arg::default_provider(client, global)),
        };
        Ok(Self::new(name, reference))
    }
}

/// The values behind all pairs, in order, in as few calls as their backends allow.
///
/// # Errors
/// Every name that has no value, each with its reason.
pub(crate) async fn load_all(
    client: &Client,
    global: &Global,
    pairs: &[NamedRef],
) -> Result<Vec<(String, Secret)>, Failure> {
    let references = pairs.iter().map(|pair| &pair.reference);
    let answers = client.get_refs(references).cached(!global.no_cache).await;
    let (mut values, mut failures) = (Vec::with_capacity(pairs.len()), Vec::new());
    for (pair, answer) in pairs.iter().zip(answers) {
        match answer {
            Ok(secret) => values.push((pair.name.clone(), secret)),
            Err(error) => failures.push(Failure::unreadable(&pair.name, &error)),
        }
    }
    match failures.is_empty() {
        true => Ok(values),
        false => Err(Failure::Many(failures)),
    }
}
