//! The script of a proxy: which fault applies to which request.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Fault;
use crate::http::Request;

/// A fault with the requests that it applies to, but not yet how often.
#[must_use = "a fault does nothing until `times`, `once` or `always` is called"]
pub struct Scripted<'a> {
    script: &'a Script,
    selector: Selector,
    fault: Fault,
}

impl Scripted<'_> {
    /// Applies to this many matching requests.
    pub fn times(self, count: usize) {
        self.add(Some(count));
    }

    /// Applies to the next matching request.
    pub fn once(self) {
        self.times(1);
    }

    /// Applies to every matching request, until [`FaultProxy::clear`](super::FaultProxy::clear).
    pub fn always(self) {
        self.add(None);
    }

    fn add(self, left: Option<usize>) {
        let rule = Rule { selector: self.selector, fault: self.fault, left };
        self.script.rules().push(rule);
    }
}

impl fmt::Debug for Scripted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scripted = f.debug_struct("Scripted");
        scripted.field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// The requests that a rule applies to.
pub(super) enum Selector {
    All,
    Operation(String),
    If(Box<dyn Fn(&Request) -> bool + Send + Sync>),
}

impl Selector {
    fn matches(&self, operation: &str, request: &Request) -> bool {
        match self {
            Self::All => true,
            Self::Operation(name) => name == operation,
            Self::If(predicate) => predicate(request),
        }
    }
}

struct Rule {
    selector: Selector,
    fault: Fault,
    /// How often the rule still applies; `None` is unlimited.
    left: Option<usize>,
}

/// The rules, in the order in which they were scripted. The first that matches and is not used up
/// applies.
#[derive(Default)]
pub(super) struct Script {
    rules: Mutex<Vec<Rule>>,
}

impl Script {
    pub(super) fn fault(&self, selector: Selector, fault: Fault) -> Scripted<'_> {
        Scripted { script: self, selector, fault }
    }

    pub(super) fn clear(&self) {
        self.rules().clear();
    }

    /// The fault for this request. Uses up one of the rule's times.
    pub(super) fn take(&self, operation: &str, request: &Request) -> Fault {
        let mut rules = self.rules();
        let matching = rules.iter_mut().find(|rule| rule.left != Some(0) && rule.selector.matches(operation, request));
        let Some(rule) = matching else {
            return Fault::Pass;
        };
        rule.left = rule.left.map(|left| left - 1);
        rule.fault.clone()
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        // A predicate of a test may have panicked under the lock. The rules are intact even then.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
