//! The four calls over the process-wide client.

use crate::{
    client::{
        Client, GetRefs,
        request::{Get, GetByPath, PathExists, Update},
    },
    error::Result,
    secret::{Secret, SecretValue},
};

/// One secret by provider and path.
///
/// ```no_run
/// # async fn example() -> Result<(), s1crets::Error> {
/// let password = s1crets::get("aws.sm", "prod/db").key("password").await?;
/// connect(password.expose_str()?);
/// # Ok(()) }
/// # fn connect(_: &str) {}
/// ```
///
/// # Errors
/// `NotFound` and `KeyNotFound`, unless a [`default`](Get::default) is given; `AccessDenied`, `Unauthenticated`,
/// `Throttled`, `Timeout` and `Unavailable` from the backend; `Unsupported` for an option that the provider
/// doesn't know; `InvalidInput` for an unknown provider; `Config` if `s1crets.toml` is malformed.
///
/// # Cancellation
/// Dropping the future leaves the load to those who wait for it too, and its outcome to the cache.
pub fn get<'a>(provider: &'a str, path: &'a str) -> Get<'a> {
    Get::new(Client::global(), provider, path)
}

/// What a [`Reference`](crate::Reference) points to: `get_ref("aws.sm://prod/db#password")`.
///
/// # Errors
/// As [`get`]; `InvalidInput` for a malformed reference.
pub fn get_ref(reference: &str) -> Get<'static> {
    Get::of_reference(Client::global(), reference)
}

/// Every secret below a path, by full name.
///
/// ```no_run
/// # async fn example() -> Result<(), s1crets::Error> {
/// for (name, secret) in s1crets::get_by_path("aws.ps", "/prod").await?.iter() {
///     println!("{name} has version {:?}", secret.version());
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`get`]; a path without secrets is no error but an empty listing.
pub fn get_by_path<'a>(provider: &'a str, path: &'a str) -> GetByPath<'a> {
    GetByPath::new(Client::global(), provider, path)
}

/// Whether a path is the exact name of a secret, or a level above one; with a
/// [`key`](PathExists::key), whether the secret has that key.
///
/// # Errors
/// As [`get`], but for `NotFound` and `KeyNotFound`, which are the answer no.
pub fn path_exists<'a>(provider: &'a str, path: &'a str) -> PathExists<'a> {
    PathExists::new(Client::global(), provider, path)
}

/// A new value for an existing secret, or with a [`key`](Update::key) for one part of it.
///
/// ```no_run
/// # async fn example(new: String) -> Result<(), s1crets::Error> {
/// s1crets::update("aws.sm", "prod/db", new).key("password").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`get`]; `NotFound` if there is no such secret, for updates never create; `Conflict` if somebody else changed
/// it in the meantime, as far as the backend can tell (see each provider).
///
/// # Cancellation
/// A write that was sent may have been made. Nothing is ever half written.
pub fn update<'a>(provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
    Update::new(Client::global(), provider, path, value.into())
}

/// Many secrets of one provider in as few calls as its backend allows: an answer for each, in order.
pub async fn get_many(provider: &str, paths: &[String]) -> Vec<Result<Secret>> {
    match Client::global() {
        Ok(client) => client.get_many(provider, paths).await,
        Err(error) => paths.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// What many [`Reference`](crate::Reference)s point to, in as few calls as the backends allow: see
/// [`Client::get_refs`].
///
/// # Errors
/// Of each answer: as [`get_ref`].
pub fn get_refs<I>(references: I) -> GetRefs<'static>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    GetRefs::new(Client::global(), references)
}
