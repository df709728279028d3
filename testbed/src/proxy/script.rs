//! Which fault meets which request.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Fault;
use crate::http::Request;

/// A fault that says whom it meets but not yet how often: nothing happens until that is said.
#[must_use = "a fault does nothing until `times`, `once` or `always` is called"]
pub struct Scripted<'a> {
    script: &'a Script,
    chosen: Chosen,
    fault: Fault,
}

impl Scripted<'_> {
    /// Meets this many of the requests that fit, then no more.
    pub fn times(self, count: usize) {
        self.add(Some(count));
    }

    /// Meets the next request that fits.
    pub fn once(self) {
        self.times(1);
    }

    /// Meets every request that fits, until [`FaultProxy::clear`](super::FaultProxy::clear).
    pub fn always(self) {
        self.add(None);
    }

    fn add(self, left: Option<usize>) {
        let rule = Rule { chosen: self.chosen, fault: self.fault, left };
        self.script.rules().push(rule);
    }
}

impl fmt::Debug for Scripted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scripted = f.debug_struct("Scripted");
        scripted.field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// Which requests a rule is about.
pub(super) enum Chosen {
    All,
    Operation(String),
    If(Box<dyn Fn(&Request) -> bool + Send + Sync>),
}

impl Chosen {
    fn fits(&self, operation: &str, request: &Request) -> bool {
        match self {
            Self::All => true,
            Self::Operation(name) => name == operation,
            Self::If(predicate) => predicate(request),
        }
    }
}

struct Rule {
    chosen: Chosen,
    fault: Fault,
    /// `None` is for ever.
    left: Option<usize>,
}

/// The rules in the order they were scripted. The first that fits and is not used up counts.
#[derive(Default)]
pub(super) struct Script {
    rules: Mutex<Vec<Rule>>,
}

impl Script {
    pub(super) fn fault(&self, chosen: Chosen, fault: Fault) -> Scripted<'_> {
        Scripted { script: self, chosen, fault }
    }

    pub(super) fn clear(&self) {
        self.rules().clear();
    }

    /// The fault for this request, used up by one.
    pub(super) fn take(&self, operation: &str, request: &Request) -> Fault {
        let mut rules = self.rules();
        let fitting = rules.iter_mut().find(|rule| rule.left != Some(0) && rule.chosen.fits(operation, request));
        let Some(rule) = fitting else {
            return Fault::Pass;
        };
        rule.left = rule.left.map(|left| left - 1);
        rule.fault.clone()
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        // A test's own predicate may have panicked under the lock: the rules are whole all the same.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
