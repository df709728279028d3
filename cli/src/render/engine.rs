//! Running a template.

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

/// A secret may say which secret is looked up next, but not without end.
const RUNS: usize = 16;

/// The compiler descends once for each operator of an expression, and frees what it made in the same way: a template whose
/// tags take this many bytes is no deeper than that.
const LONGEST: usize = 256 * 1024;

/// Steps of one run. A loop may put a value into another one at each of its turns, and then it takes a descent to write
/// or to free it.
const STEPS: u64 = 1_000_000;

/// What the deepest template within these bounds takes, twice over. Memory is taken as it is used.
const STACK: usize = 512 * 1024 * 1024;

/// Does what a template needs on a stack that is deep enough for any within the bounds, whatever ours is.
///
/// # Errors
/// [`Failure::Io`] if the system has no room for it.
pub(crate) fn on_deep_stack<T: Send>(act: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    thread::scope(|scope| {
        let started = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, act);
        let started = started.map_err(|error| Failure::io("can't get a stack for the template", error))?;
        started.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// A template that was read.
pub(crate) struct Template<'a> {
    name: &'a str,
    source: &'a str,
    environment: Environment<'a>,
    lookups: Arc<Mutex<Lookups>>,
}

impl<'a> Template<'a> {
    /// Reads a template; its name is told in errors.
    ///
    /// # Errors
    /// [`Failure::Usage`] with the line if it is none.
    pub(crate) fn new(name: &'a str, source: &'a str) -> Result<Self, Failure> {
        let tagged = tagged(source);
        if tagged > LONGEST {
            return Err(Failure::Usage(format!(
                "{name} is too long for a template: {tagged} bytes from its first tag to its last, and {LONGEST} are \
                 allowed; take it apart"
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

    /// The text, once all that it asks for was read.
    ///
    /// # Errors
    /// All that is missing; else what is wrong with the template, with its line and without a value.
    pub(crate) async fn render(&self, client: &Client, global: &Global) -> Result<WipingBuf, Failure> {
        for _ in 0..RUNS {
            let mut text = WipingBuf::default();
            let ran = self.run(&mut text);
            let Some(requests) = self.outstanding_requests(ran)? else { return Ok(text) };
            let answers = requests.load(client, global).await;
            self.lookups().record(answers);
        }
        Err(Failure::Usage(format!("{}: each secret asks for one more, {RUNS} deep", self.name)))
    }

    /// All secrets that were read, by reference.
    pub(crate) fn secrets(&self) -> Vec<(String, Secret)> {
        self.lookups().secrets()
    }

    fn run(&self, text: &mut WipingBuf) -> Result<(), TemplateError> {
        self.environment.get_template(self.name)?.render_captured_to((), text).map(drop)
    }

    /// What a run asked for that was not read yet; nothing if it had all it needs.
    fn outstanding_requests(&self, ran: Result<(), TemplateError>) -> Result<Option<Requests>, Failure> {
        let mut lookups = self.lookups();
        let (requests, missing) = (mem::take(&mut lookups.requests), mem::take(&mut lookups.missing));
        match (requests.is_empty(), missing.is_empty(), ran) {
            // It went on with empty texts: what it made of them, errors and gaps included, means nothing.
            (false, _, _) => Ok(Some(requests)),
            (true, false, _) => Err(Failure::Many(missing.into_iter().map(Failure::Secret).collect())),
            (true, true, Err(error)) => Err(self.failure(&error)),
            (true, true, Ok(())) => Ok(None),
        }
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        lock(&self.lookups)
    }

    /// Where a template fails and of which kind the failure is. What else is known of it may hold a value, but for faults
    /// that are found before there are any.
    fn failure(&self, error: &TemplateError) -> Failure {
        let mut told = format!("{}:{}: {}", self.name, error.line().unwrap_or(1), error.kind());
        if error.kind() == ErrorKind::OutOfFuel {
            return Failure::Usage(format!("{}: the template takes more than {STEPS} steps", self.name));
        }
        let is_of_the_text = matches!(
            error.kind(),
            ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
        );
        match (error.detail(), error.range().and_then(|range| self.source.get(range))) {
            (Some(detail), _) if is_of_the_text || filters::is_ours(detail) => told += &format!(": {detail}"),
            // The template's own words.
            (_, Some(expression)) if !expression.contains('\n') => told += &format!(" in `{expression}`"),
            _ => {}
        }
        Failure::Usage(told)
    }
}

/// The bytes from the first tag to the last. What is between them counts too: to tell it from a tag, strings and comments
/// would have to be read as the engine reads them.
fn tagged(source: &str) -> usize {
    let begins = ["{{", "{%", "{#"];
    let first = begins.into_iter().filter_map(|begin| source.find(begin)).min();
    let last = ["}}", "%}", "#}"].into_iter().filter_map(|end| source.rfind(end)).max();
    let is_open = |rest: &str| begins.into_iter().any(|begin| rest.contains(begin));
    match (first, last) {
        // A tag without an end goes on to the end of the text.
        (Some(first), Some(last)) if last > first && !is_open(&source[last..]) => last + 2 - first,
        (Some(first), _) => source.len() - first,
        (None, _) => 0,
    }
}

fn environment<'a>(lookups: &Arc<Mutex<Lookups>>) -> Result<Environment<'a>, TemplateError> {
    let mut environment = Environment::new();
    // Debugging would put the values of variables into errors.
    environment.set_debug(false);
    environment.remove_global("debug");
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(STEPS));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // A text file ends with a line end, and so does what is made of it.
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    environment.set_formatter(filters::format);
    filters::add(&mut environment);
    let requests = lookups.clone();
    environment.add_function("secret", move |reference: &str| -> Value { lock(&requests).secret(reference) });
    let requests = lookups.clone();
    environment.add_function("secrets", move |prefix: &str| -> Value { lock(&requests).listing(prefix) });
    Ok(environment)
}

/// Nothing panics while it is held; what it holds would be whole all the same.
fn lock(lookups: &Mutex<Lookups>) -> MutexGuard<'_, Lookups> {
    lookups.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is told where a listing is empty: a name that was mistyped must not make an empty file.
pub(super) fn nothing_below(prefix: &str) -> Error {
    Error::new(s1crets::ErrorKind::NotFound, format!("there is no secret below {prefix}"))
}
