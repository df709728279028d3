//! The disk cache scope of a provider: what its entries on disk are bound to, watched over time.
//!
//! An entry on disk must never be served to another identity, or for another server. So each entry
//! carries a digest of everything that decides about these: the type, the settings, and what the
//! settings leave to the environment and to files. Invariants:
//!
//! - Inputs that a provider reads once, when it is opened, are compared with their first state.
//!   Once one differs, the provider may still use the old one, so the disk is not used until a
//!   restart.
//! - The first state is taken before the inputs are read. A connection that providers share is
//!   opened once, by any of them or by code, so it is taken for all of them before that.
//! - A token file is followed. After a change the new scope counts as unsettled for a while,
//!   because a call may still use the old token: what arrives meanwhile is not written.
//! - If an input can't be determined, nothing is read from disk or written to it.

use std::{
    env, fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    cache::disk::{CurrentScope, ScopeSource},
    cache_scope::{Binding, Bound, Env, Unknown},
    client::registry::{Instance, ProviderType},
};

/// How long a changed token leaves the scope unsettled. A provider sees a new token at its next
/// call or half a second later; a response until then may have been read with the old one.
const SETTLED: Duration = Duration::from_secs(2);

/// The log target of warnings, which the command shows by default.
const TARGET: &str = "s1crets::disk_cache";

/// The scope of one provider's entries. Nothing is read before the first use.
pub(crate) struct Scope(Arc<Watched>);

/// The inputs of a scope, and what was seen of them.
struct Watched {
    kind: ProviderType,
    instance: Instance,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The first state of the inputs that a provider reads when it is opened.
    first: Option<[u8; 32]>,
    now: Option<Now>,
    /// Whether the inputs were read before: the first state is no change.
    was_looked_for: bool,
    /// Whether the reason for having no scope was logged.
    has_warned: bool,
    /// A warning to be logged after the lock is released.
    to_warn: Option<String>,
}

struct Now {
    bound: Bound,
    /// When the token changed, if it did.
    since: Option<Instant>,
}

impl Scope {
    /// `None` for a provider that is not cached on disk.
    pub(crate) fn of(kind: ProviderType, instance: &Instance) -> Option<Self> {
        if !kind.calls_backend() {
            return None;
        }
        let watched = Arc::new(Watched { kind, instance: instance.clone(), state: Mutex::default() });
        // Weak, as the instance holds the connections of its client.
        let weak = Arc::downgrade(&watched);
        kind.before_open(instance, move || {
            if let Some(watched) = weak.upgrade() {
                watched.now();
            }
        });
        Some(Self(watched))
    }
}

impl ScopeSource for Scope {
    fn now(&self) -> Option<CurrentScope> {
        self.0.now()
    }
}

impl Watched {
    fn now(&self) -> Option<CurrentScope> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let scope = self.look(&mut state);
        let warning = state.to_warn.take();
        // The lock is not held while logging: a subscriber may be slow, or read a secret itself.
        drop(state);
        if let Some(warning) = warning {
            tracing::warn!(target: TARGET, "{warning}");
        }
        scope
    }

    fn look(&self, state: &mut State) -> Option<CurrentScope> {
        if !state.now.as_ref().is_some_and(|now| now.bound.is_current()) {
            match inputs(self.kind, &self.instance, &|name| env::var_os(name))? {
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
    /// Takes over the new state of the inputs. There is no scope if the provider may still use the
    /// inputs that it was opened with.
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
            // The login fails with that message.
            Unknown::NoToken => {}
            Unknown::Unfit(path, what) => {
                self.warn(&format!("the disk cache is not used for a provider: {} is {what}", path.display()));
            }
        }
    }

    /// Keeps the first warning, to be logged after the lock is released.
    fn warn(&mut self, message: &str) {
        if !std::mem::replace(&mut self.has_warned, true) {
            self.to_warn = Some(message.to_owned());
        }
    }
}

/// All inputs of a provider. `None` for settings that it would not be opened with.
fn inputs(kind: ProviderType, instance: &Instance, env: &Env<'_>) -> Option<Result<Bound, Unknown>> {
    let mut binding = Binding::new(env);
    kind.bind(instance, &mut binding, env)?;
    Some(binding.finish())
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("kind", &self.0.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
