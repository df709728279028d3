//! `NAME=REF` pairs: parses them, and loads all their secrets in one batch.

use s1crets::{Client, Secret};

use crate::{args::Global, path_arg, report::Failure, whole_map::as_one_value};

/// The name of a variable, and the reference to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedRef {
    pub(crate) name: String,
    pub(crate) reference: String,
}

impl NamedRef {
    pub(crate) fn new(name: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { name: name.into(), reference: reference.into() }
    }

    /// Parses `NAME=REF`. A REF without a provider belongs to the default provider.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the name or the reference is missing.
    pub(crate) fn parse(client: &Client, global: &Global, text: &str) -> Result<Self, Failure> {
        let (name, reference) = text
            .split_once('=')
            .filter(|(name, reference)| !name.is_empty() && !reference.is_empty())
            .ok_or_else(|| Failure::Usage(format!("{text:?} is not of the form NAME=REFERENCE")))?;
        let reference = match path_arg::is_reference(client, reference) {
            true => reference.to_owned(),
            false => format!("{}://{reference}", path_arg::default_provider(client, global)),
        };
        Ok(Self::new(name, reference))
    }
}

/// Loads the secrets of all references, in their order, in as few requests as the backends allow. A
/// whole map is returned as its JSON text.
///
/// # Errors
/// [`Failure::Many`] with one failure for each name whose secret can't be read.
pub(crate) async fn load_all(
    client: &Client,
    global: &Global,
    refs: &[NamedRef],
) -> Result<Vec<(String, Secret)>, Failure> {
    let references = refs.iter().map(|named| &named.reference);
    let results = client.get_refs(references).cached(!global.no_cache).await;
    let (mut secrets, mut failures) = (Vec::with_capacity(refs.len()), Vec::new());
    for (named, result) in refs.iter().zip(results) {
        match result.and_then(as_one_value) {
            Ok(secret) => secrets.push((named.name.clone(), secret)),
            Err(error) => failures.push(Failure::unreadable(&named.name, &error)),
        }
    }
    match failures.is_empty() {
        true => Ok(secrets),
        false => Err(Failure::Many(failures)),
    }
}
