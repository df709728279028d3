//! Runs a template within bounds, and turns its errors into messages without values.
//!
//! # Invariants
//!
//! - Output and errors of a run with outstanding look-ups are discarded: it worked with empty
//!   texts.
//! - No error contains a value. The engine's details are passed on only for errors found before any
//!   value is known, or if the words are ours. Otherwise only line, kind and the template's own
//!   expression are shown.
//! - Buffers with output are wiped.
//! - No template overflows the stack or runs forever. The engine compiles, writes and frees nested
//!   expressions and values by recursion. [`MAX_TAGGED_BYTES`] bounds the depth that a text can
//!   reach, [`MAX_STEPS`] the depth that a loop can, and [`STACK_SIZE`] suffices for both.

use std::{
    mem,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use minijinja::{
    AutoEscape, Environment, Error as TemplateError, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::Value,
};
use s1crets::{Client, Error, Secret};

use super::{
    filters,
    lookup::{Lookups, Requests},
};
use crate::{args::Global, report::Failure, wiping_buf::WipingBuf};

/// The most runs of a template. A secret may name the next secret to look up, but not endlessly.
const MAX_RUNS: usize = 16;

/// The most bytes from the first tag to the last. The compiler recurses for each operator of an
/// expression, and again to free it, so this also bounds the recursion.
const MAX_TAGGED_BYTES: usize = 256 * 1024;

/// The most steps of one run. A loop may nest a value one level deeper with each step, and writing
/// or freeing that value recurses.
const MAX_STEPS: u64 = 1_000_000;

/// Twice the stack that the deepest template within these bounds takes, in bytes. The system
/// provides memory only for what is used.
const STACK_SIZE: usize = 512 * 1024 * 1024;

/// Runs `act` on a thread whose stack is deep enough for any template within the bounds.
///
/// # Errors
/// [`Failure::Io`] if the system can't provide the stack; else the error of `act`.
pub(crate) fn on_deep_stack<T: Send>(act: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, act);
        let started = started.map_err(|error| Failure::io("can't get a stack for the template", error))?;
        started.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A compiled template, with the answers to its look-ups so far.
pub(crate) struct Template<'a> {
    name: &'a str,
    source: &'a str,
    environment: Environment<'a>,
    lookups: Arc<Mutex<Lookups>>,
}

impl<'a> Template<'a> {
    /// Compiles a template. Errors call it by its name.
    ///
    /// # Errors
    /// [`Failure::Usage`] with the line of a syntax error, or if the template is too long.
    pub(crate) fn new(name: &'a str, source: &'a str) -> Result<Self, Failure> {
        let tagged = tagged_bytes(source);
        if tagged > MAX_TAGGED_BYTES {
            return Err(Failure::Usage(format!(
                "{name} is too long for a template: {tagged} bytes from its first tag to its last, more than \
                 {MAX_TAGGED_BYTES}; split it"
            )));
        }
        let lookups = Arc::new(Mutex::new(Lookups::new(source)));
        let mut template = Self { name, source, environment: Environment::empty(), lookups };
        let read = environment(&template.lookups).and_then(|environment| {
            template.environment = environment;
            template.environment.add_template(name, source)
        });
        match read {
            Ok(()) => Ok(template),
            Err(error) => Err(template.failure(&error)),
        }
    }

    /// Reads the secrets that the template looks up, and returns its output.
    ///
    /// # Errors
    /// All secrets that can't be read, at once. If there are none: the error of the template, with
    /// its line and without values.
    pub(crate) async fn render(&self, client: &Client, global: &Global) -> Result<WipingBuf, Failure> {
        for _ in 0..MAX_RUNS {
            let mut text = WipingBuf::default();
            let ran = self.run(&mut text);
            let Some(requests) = self.outstanding_requests(ran)? else { return Ok(text) };
            let answers = requests.load(client, global).await;
            self.lookups().record(answers);
        }
        Err(Failure::Usage(format!("{}: secrets refer to further secrets more than {MAX_RUNS} levels deep", self.name)))
    }

    /// All secrets that were read, with the references or names that the template has for them.
    pub(crate) fn secrets(&self) -> Vec<(String, Secret)> {
        self.lookups().secrets()
    }

    fn run(&self, text: &mut WipingBuf) -> Result<(), TemplateError> {
        self.environment.get_template(self.name)?.render_captured_to((), text).map(drop)
    }

    /// The look-ups that a run noted; `None` if it had all it needs.
    fn outstanding_requests(&self, ran: Result<(), TemplateError>) -> Result<Option<Requests>, Failure> {
        let mut lookups = self.lookups();
        let (requests, missing) = (mem::take(&mut lookups.requests), mem::take(&mut lookups.missing));
        match (requests.is_empty(), missing.is_empty(), ran) {
            // The run worked with empty texts, so its result means nothing, errors included.
            (false, _, _) => Ok(Some(requests)),
            (true, false, _) => Err(Failure::Many(missing.into_iter().map(Failure::Secret).collect())),
            (true, true, Err(error)) => Err(self.failure(&error)),
            (true, true, Ok(())) => Ok(None),
        }
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        lock(&self.lookups)
    }

    /// Says where and how a template fails. The engine's detail may contain a value, so it is shown
    /// only where it can't.
    fn failure(&self, error: &TemplateError) -> Failure {
        let mut message = format!("{}:{}: {}", self.name, error.line().unwrap_or(1), error.kind());
        if error.kind() == ErrorKind::OutOfFuel {
            return Failure::Usage(format!("{}: the template takes more than {MAX_STEPS} steps", self.name));
        }
        let is_found_by_compiler = matches!(
            error.kind(),
            ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
        );
        match (error.detail(), error.range().and_then(|range| self.source.get(range))) {
            (Some(detail), _) if is_found_by_compiler || filters::is_ours(detail) => message += &format!(": {detail}"),
            // The expression is text of the template, not a value.
            (_, Some(expression)) if !expression.contains('\n') => message += &format!(" in `{expression}`"),
            _ => {}
        }
        Failure::Usage(message)
    }
}

/// The number of bytes from the first tag to the last, text between tags included. To count only
/// tags would take a lexer that agrees with the engine's about strings and comments.
fn tagged_bytes(source: &str) -> usize {
    let begins = ["{{", "{%", "{#"];
    let first = begins.into_iter().filter_map(|begin| source.find(begin)).min();
    let last = ["}}", "%}", "#}"].into_iter().filter_map(|end| source.rfind(end)).max();
    let is_open = |rest: &str| begins.into_iter().any(|begin| rest.contains(begin));
    match (first, last) {
        // An unclosed tag extends to the end of the text.
        (Some(first), Some(last)) if last > first && !is_open(&source[last..]) => last + 2 - first,
        (Some(first), _) => source.len() - first,
        (None, _) => 0,
    }
}

fn environment<'a>(lookups: &Arc<Mutex<Lookups>>) -> Result<Environment<'a>, TemplateError> {
    let mut environment = Environment::new();
    // In debug mode, errors contain the values of variables.
    environment.set_debug(false);
    environment.remove_global("debug");
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MAX_STEPS));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Keep the newline at the end of the file.
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    environment.set_formatter(filters::format);
    filters::add(&mut environment);
    let requests = lookups.clone();
    environment.add_function("secret", move |reference: &str| -> Value { lock(&requests).secret(reference) });
    let requests = lookups.clone();
    environment.add_function("secrets", move |prefix: &str| -> Value { lock(&requests).listing(prefix) });
    Ok(environment)
}

/// Ignores poisoning: nothing panics under the lock, and every change leaves the data consistent.
fn lock(lookups: &Mutex<Lookups>) -> MutexGuard<'_, Lookups> {
    lookups.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for an empty listing. A mistyped path must not produce an empty file.
pub(super) fn nothing_below(prefix: &str) -> Error {
    crate::path_arg::nothing_below(prefix)
}
