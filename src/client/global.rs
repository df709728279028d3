//! The free functions `get`, `get_refs`, `update` and others: the calls of the process-wide client.

use crate::{
    client::{
        Client, GetRefs,
        request::{At, Get, GetByPath, IntoReference, PathExists, Update},
    },
    secret::SecretValue,
};

/// Reads one secret by provider and path.
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
/// `NotFound` and `KeyNotFound`, unless a [`default`](Get::default) is set; `AccessDenied`,
/// `Unauthenticated`, `Throttled`, `Timeout` and `Unavailable` from the backend; `Unsupported` for
/// an option that the provider doesn't have; `InvalidInput` for an unknown provider or a malformed
/// path; `Corrupt` for a key of a secret whose JSON is broken; `Config` if `s1crets.toml` is
/// malformed.
///
/// # Cancellation
/// If the future is dropped, the load goes on: other callers may wait for it, and its outcome is
/// cached.
pub fn get<'a>(provider: &'a str, path: &'a str) -> Get<'a> {
    Get::new(Client::global(), provider, path)
}

/// Reads what a [`Reference`](crate::Reference) points to.
///
/// ```no_run
/// # async fn example() -> Result<(), s1crets::Error> {
/// let password = s1crets::get_ref("aws.sm://prod/db#password").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`get`]; `InvalidInput` for a malformed reference.
pub fn get_ref<'a>(reference: impl IntoReference<'a>) -> Get<'a> {
    at(reference).get()
}

/// The calls on what a [`Reference`](crate::Reference) points to: [`get`](At::get),
/// [`update`](At::update), [`path_exists`](At::path_exists) and others.
///
/// ```no_run
/// # async fn example(new: String) -> Result<(), s1crets::Error> {
/// s1crets::at("aws.sm://prod/db#password").update(new).await?;
/// # Ok(()) }
/// ```
pub fn at<'a>(reference: impl IntoReference<'a>) -> At<'a> {
    At::new(Client::global(), reference)
}

/// Reads every secret below a path: a [`Listing`](crate::Listing) by full name.
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
/// As [`get`]. A path without secrets is not an error: the listing is empty.
pub fn get_by_path<'a>(provider: &'a str, path: &'a str) -> GetByPath<'a> {
    GetByPath::new(Client::global(), provider, path)
}

/// Checks whether a path is the exact name of a secret, or a level above one. With a
/// [`key`](PathExists::key), checks whether the secret has that key.
///
/// # Errors
/// As [`get`], without `NotFound` and `KeyNotFound`: then the answer is `false`.
pub fn path_exists<'a>(provider: &'a str, path: &'a str) -> PathExists<'a> {
    PathExists::new(Client::global(), provider, path)
}

/// Writes a new value of an existing secret, or with a [`key`](Update::key) of one part of it.
///
/// ```no_run
/// # async fn example(new: String) -> Result<(), s1crets::Error> {
/// s1crets::update("aws.sm", "prod/db", new).key("password").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`get`]; `NotFound` if there is no such secret, because an update never creates one;
/// `Conflict` if the secret was changed meanwhile, as far as the backend can tell (see each
/// provider).
///
/// # Cancellation
/// If the future is dropped, the write may have been made or not. No secret is left half written.
pub fn update<'a>(provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
    Update::new(Client::global(), provider, path, value.into())
}

/// Reads many [`Reference`](crate::Reference)s in as few calls as their backends allow: one answer
/// for each, in order. See [`Client::get_refs`].
///
/// # Errors
/// Each answer: as [`get_ref`].
pub fn get_refs<'a, I>(references: I) -> GetRefs<'a>
where
    I: IntoIterator,
    I::Item: IntoReference<'a>,
{
    GetRefs::new(Client::global(), references)
}
