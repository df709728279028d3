//! What tells one provider's records on disk from another's: its type, its settings, and what they leave to the
//! environment and to files.

use std::{
    env, fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    cache::disk::{CurrentScope, ScopeSource},
    cache_scope::{Binding, Bound, Env, Unknown},
    client::registry::Kind,
    config::{ProviderSettings, ProviderTable},
};

/// A provider sees a new token at its next call, or half a second later. What it brings until then may have been read with
/// the old one.
const SETTLED: Duration = Duration::from_secs(2);

/// Where warnings go: the command shows them without being asked.
const TARGET: &str = "s1crets::disk_cache";

/// The scope of one provider's records. Nothing is read before it is asked for.
pub(crate) struct Scope {
    kind: Kind,
    table: ProviderTable,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The inputs that were there first: the provider was opened with them, and reads them only then.
    first: Option<[u8; 32]>,
    now: Option<Now>,
    /// Whether anybody has looked before: what is found first is no change.
    was_looked_for: bool,
    /// Whether it was told why there is no scope.
    told: bool,
    /// What is to be logged once the lock is released.
    to_warn: Option<String>,
}

struct Now {
    bound: Bound,
    /// When the token changed, if it did.
    since: Option<Instant>,
}

impl Scope {
    /// Nothing for a provider that is not kept on disk.
    pub(crate) fn of(kind: Kind, table: &ProviderTable) -> Option<Self> {
        kind.calls().then(|| Self { kind, table: table.clone(), state: Mutex::default() })
    }
}

impl ScopeSource for Scope {
    fn now(&self) -> Option<CurrentScope> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let scope = self.look(&mut state);
        let warning = state.to_warn.take();
        // Not held while logging: a subscriber may take its time, or ask in turn.
        drop(state);
        if let Some(warning) = warning {
            tracing::warn!(target: TARGET, "{warning}");
        }
        scope
    }
}

impl Scope {
    fn look(&self, state: &mut State) -> Option<CurrentScope> {
        if !state.now.as_ref().is_some_and(|now| now.bound.is_current()) {
            match inputs(self.kind, &self.table, &|name| env::var_os(name))? {
                Ok(bound) => state.update(bound),
                Err(unknown) => state.lose(&unknown),
            }
        }
        let now = state.now.as_ref()?;
        let settled = now.since.is_none_or(|since| since.elapsed() >= SETTLED);
        Some(CurrentScope { bytes: now.bound.digest().into(), settled })
    }
}

impl State {
    /// What holds from now on; nothing if the provider may go on with what it was opened with.
    fn update(&mut self, bound: Bound) {
        let first = self.first.get_or_insert(bound.fixed);
        let is_first = self.now.is_none() && !self.was_looked_for;
        self.was_looked_for = true;
        if *first != bound.fixed {
            self.now = None;
            self.warn(
                "a file that decides whom a provider asks has changed: until a restart its disk cache is not used",
            );
            return;
        }
        let since = match self.now.take() {
            Some(now) if now.bound.followed == bound.followed => now.since,
            _ => (!is_first).then(Instant::now),
        };
        self.now = Some(Now { bound, since });
    }

    fn lose(&mut self, unknown: &Unknown) {
        self.now = None;
        self.was_looked_for = true;
        match unknown {
            // The login says so.
            Unknown::NoToken => {}
            Unknown::Unfit(path, what) => {
                self.warn(&format!("the disk cache is not used for a provider: {} is {what}", path.display()));
            }
        }
    }

    /// Leaves a warning for whoever holds the lock to log afterwards, once.
    fn warn(&mut self, message: &str) {
        if !std::mem::replace(&mut self.told, true) {
            self.to_warn = Some(message.to_owned());
        }
    }
}

/// All inputs of a provider. Nothing for settings that it would not be opened with.
fn inputs(kind: Kind, table: &ProviderTable, env: &Env<'_>) -> Option<Result<Bound, Unknown>> {
    let mut binding = Binding::new(env);
    bind(&mut binding, kind, table, env)?;
    Some(binding.finish())
}

fn bind(binding: &mut Binding<'_>, kind: Kind, table: &ProviderTable, env: &Env<'_>) -> Option<()> {
    let settings = &table.settings;
    // How patiently it is asked is left out; any setting to come is in.
    let plain = ProviderSettings {
        kind: Some(kind.name.to_owned()),
        retry: None,
        timeout: None,
        revoke_at_shutdown: None,
        ..settings.clone()
    };
    binding.value("type and settings", Some(serde_json::to_string(&plain).ok()?));
    match kind.is_aws() {
        true => bind_aws(binding, settings),
        false => bind_vault(binding, table, env),
    }
}

#[cfg(feature = "__aws")]
fn bind_aws(binding: &mut Binding<'_>, settings: &ProviderSettings) -> Option<()> {
    crate::providers::aws::AwsConfig::from_settings(settings.clone()).ok()?.bind(binding);
    Some(())
}

#[cfg(not(feature = "__aws"))]
fn bind_aws(_: &mut Binding<'_>, _: &ProviderSettings) -> Option<()> {
    None
}

/// Binds the settings in force, which depend on the instance's name too: the environment decides for the
/// default connection, and fills the gaps of others only if it is about the same server.
#[cfg(feature = "vault")]
fn bind_vault(binding: &mut Binding<'_>, table: &ProviderTable, env: &Env<'_>) -> Option<()> {
    let settings = crate::vault::VaultSettings::read(table.clone()).ok()?;
    settings.in_force(&|name| env(name)?.into_string().ok())?.bind(binding);
    Some(())
}

#[cfg(not(feature = "vault"))]
fn bind_vault(_: &mut Binding<'_>, _: &ProviderTable, _: &Env<'_>) -> Option<()> {
    None
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
