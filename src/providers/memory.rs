//! `memory`: secrets in memory, for tests, with failures on demand.
//!
//! It is the reference implementation of the contract of [`Provider`]. The pages of other providers
//! describe how they differ.
//!
//! # Authentication order
//! There is no login.
//!
//! # Reference grammar
//! `memory://NAME[#KEY[#KEY…]]`, where `NAME` is any text without control characters. Versions are
//! numbered from 1.
//!
//! # Limits
//! The memory of the process. All versions of a secret are kept until it is removed.
//!
//! # Error mapping
//! A missing secret or version is `NotFound`. An update that requires another version than the
//! current one is a `Conflict`. All other kinds come from a [`Fault`].
//!
//! # Example
//! ```
//! use s1crets::{Client, ErrorKind, providers::memory::{Memory, Fault}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), s1crets::Error> {
//! let memory = Memory::new().with("app/db", r#"{"password":"x"}"#);
//! let client = Client::builder().with_provider("memory", memory.clone()).build()?;
//! assert_eq!(client.get("memory", "app/db").key("password").await?.expose_str()?, "x");
//!
//! memory.fail_next(Fault::new(ErrorKind::Unavailable));
//! let error = client.get("memory", "app/db").cached(false).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Unavailable);
//! assert_eq!(memory.calls(), 2);
//!
//! // A secret can be a map of named values, like a Kubernetes Secret.
//! memory.set_map("app/tls", [("tls.crt", "PEM"), ("limits", r#"{"days":90}"#)])?;
//! assert_eq!(client.get("memory", "app/tls").key("tls.crt").await?.expose_str()?, "PEM");
//! assert_eq!(client.get("memory", "app/tls").keypath(["limits", "days"]).await?.expose_str()?, "90");
//! # Ok(()) }
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use crate::{
    capabilities::Capabilities,
    config::{Form, Section},
    error::{Error, ErrorKind, Operation, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Listing, Provider, Updated, is_below, is_listed},
    secret::{Metadata, Secret, SecretValue},
    watch::{Watch, WatchSender},
};

/// The keys of a table of type `memory`.
pub(crate) const FORM: Form = Form::of::<MemorySettings>();

/// Secrets in memory, for tests. This type has no settings.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MemorySettings {}

/// Secrets in memory, by name. Clones share them, so a test can change what a client reads.
///
/// `Debug` shows the names and no values.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

/// A scripted failure or delay of one call.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: Option<ErrorKind>,
    operation: Option<Operation>,
    delay: Duration,
    panics: bool,
}

#[derive(Default)]
struct State {
    /// All versions of each secret, the current one last.
    secrets: BTreeMap<String, Vec<Secret>>,
    faults: VecDeque<Fault>,
    calls: Vec<Operation>,
    /// The watches that may still have listeners, each with the name of its secret.
    watches: Vec<(String, WatchSender)>,
}

impl Memory {
    /// An empty provider, from its settings.
    ///
    /// # Errors
    /// `Config` if there are any settings.
    pub(crate) fn read(section: &Section) -> Result<Self> {
        section.read::<MemorySettings>()?;
        Ok(Self::new())
    }

    /// A provider without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret: a text, bytes, JSON or a map. It is version 1, or the next one if there are
    /// others with this name.
    #[must_use]
    pub fn with(self, name: &str, value: impl Into<SecretValue>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a secret that is a map of named values: like [`with`](Self::with) with
    /// [`SecretValue::map`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if a named value is a map itself.
    pub fn with_map<K, V>(self, name: &str, entries: impl IntoIterator<Item = (K, V)>) -> Result<Self>
    where
        K: Into<String>,
        V: Into<SecretValue>,
    {
        self.set_map(name, entries)?;
        Ok(self)
    }

    /// Creates a secret, or adds a version to it.
    pub fn set(&self, name: &str, value: impl Into<SecretValue>) {
        self.state().put(name, value.into());
    }

    /// Creates a secret that is a map of named values, or adds a version to it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if a named value is a map itself.
    pub fn set_map<K, V>(&self, name: &str, entries: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: Into<String>,
        V: Into<SecretValue>,
    {
        self.set(name, SecretValue::map(entries)?);
        Ok(())
    }

    /// Deletes a secret with all its versions.
    pub fn remove(&self, name: &str) {
        let mut state = self.state();
        state.secrets.remove(name);
        state.report(name);
    }

    /// Adds a fault: the next call that it matches fails or waits. Each fault is used once, and the
    /// first added is used first.
    pub fn fail_next(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Removes the faults that were not used.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// How many calls were made, including failed ones. A `get_many` is one call.
    pub fn calls(&self) -> usize {
        self.state().calls.len()
    }

    /// How many calls of one kind were made.
    pub fn calls_of(&self, operation: Operation) -> usize {
        self.state().calls.iter().filter(|made| **made == operation).count()
    }

    /// Counts a call, and applies the next fault that matches it.
    async fn call(&self, operation: Operation) -> Result<()> {
        let fault = self.state().next_fault(operation);
        let Some(fault) = fault else {
            return Ok(());
        };
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        assert!(!fault.panics, "a scripted panic of the memory provider");
        match fault.kind {
            Some(kind) => Err(Error::new(kind, "a scripted failure")),
            None => Ok(()),
        }
    }

    /// The state. It stays consistent if a thread panics with the lock held, so a poisoned lock is
    /// used like any other.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// A call that fails with this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind: Some(kind), ..Self::delay(Duration::ZERO) }
    }

    /// A call that takes longer by `delay`, and does not fail.
    pub fn delay(delay: Duration) -> Self {
        Self { kind: None, operation: None, delay, panics: false }
    }

    /// A call that panics.
    pub fn panic() -> Self {
        Self { panics: true, ..Self::delay(Duration::ZERO) }
    }

    /// Sets the operation that the fault applies to. Default: any.
    #[must_use]
    pub fn with_operation(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// Sets how long the call takes before the fault. Default: no delay.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl State {
    fn next_fault(&mut self, operation: Operation) -> Option<Fault> {
        self.calls.push(operation);
        let at = self.faults.iter().position(|fault| fault.operation.is_none_or(|only| only == operation));
        at.and_then(|at| self.faults.remove(at))
    }

    /// Adds a version, and returns its number.
    fn put(&mut self, name: &str, value: SecretValue) -> String {
        let versions = self.secrets.entry(name.to_owned()).or_default();
        let version = (versions.len() + 1).to_string();
        let metadata =
            Metadata::default().with_name(name).with_version(version.clone()).with_created(SystemTime::now());
        versions.push(Secret::new(value, metadata));
        self.report(name);
        version
    }

    /// The current version of a secret; `None` if it does not exist.
    fn version(&self, name: &str) -> Option<String> {
        self.secrets.get(name)?.last()?.version().map(str::to_owned)
    }

    /// Reports the version of a secret to its watches.
    fn report(&mut self, name: &str) {
        let version = self.version(name);
        self.watches.retain(|(_, sender)| !sender.is_closed());
        let of_name = self.watches.iter().filter(|(watched, _)| watched == name);
        of_name.for_each(|(_, sender)| sender.send(version.clone()));
    }

    fn get(&self, path: &str, version: &Version) -> Result<Secret> {
        let versions = self.secrets.get(path).ok_or_else(|| Error::not_found("no such secret"))?;
        let found = match version {
            Version::Number(number) => usize::try_from(*number).ok().and_then(|n| versions.get(n.checked_sub(1)?)),
            _ => versions.last(),
        };
        found.cloned().ok_or_else(|| Error::not_found("the secret has no such version"))
    }

    fn update(&mut self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let current = self.get(path, &Version::Current)?;
        if options.if_version.as_deref().is_some_and(|version| current.version() != Some(version)) {
            return Err(Error::new(ErrorKind::Conflict, "the current version of the secret is another one"));
        }
        let value = match options.keypath.is_empty() {
            true => value.clone(),
            false => current.with_replaced(&options.keypath, value)?,
        };
        Ok(Updated::new(path, Some(self.put(path, value))))
    }
}

#[async_trait]
impl Provider for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            update: true,
            update_if_version: true,
            binary: true,
            maps: true,
            version_numbers: true,
            version_probe: true,
            watch: true,
            batch: usize::MAX,
            ..Capabilities::new()
        }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        self.call(Operation::Get).await?;
        self.state().get(path, &options.version)
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        match self.call(Operation::Get).await {
            Ok(()) => paths.iter().map(|path| self.state().get(path, &options.version)).collect(),
            Err(error) => paths.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.call(Operation::GetByPath).await?;
        let state = self.state();
        let listed = state.secrets.iter().filter(|(name, _)| is_listed(name, path, options.recursive));
        let current = listed.filter_map(|(name, versions)| Some((name.clone(), Ok(versions.last()?.clone()))));
        Listing::collect(current, options.fail_on_error)
    }

    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        self.call(Operation::Version).await?;
        Ok(self.state().get(path, &options.version)?.version().map(str::to_owned))
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.call(Operation::PathExists).await?;
        Ok(self.state().secrets.keys().any(|name| name == path || is_below(name, path)))
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        self.call(Operation::Update).await?;
        self.state().update(path, value, options)
    }

    /// Not counted as a call, and without faults.
    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        let mut state = self.state();
        let (sender, watch) = Watch::channel(state.version(path));
        state.watches.push((path.to_owned(), sender));
        Ok(Some(watch))
    }
}

/// Shows the names alone: the output of a test is as public as any log.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("names", &self.state().secrets.keys().collect::<Vec<_>>()).finish()
    }
}
