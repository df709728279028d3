//! The same calls without async.
//!
//! ```no_run
//! let password = s1crets::blocking::get("file", "app/db").key("password").call()?;
//! # Ok::<(), s1crets::Error>(())
//! ```
//!
//! They run on a small runtime of their own, started at the first call, with a process-wide client of their own:
//! its providers and its cache are not those of the async calls. So they work everywhere, inside an
//! async runtime too, where they block the thread for as long as they take but never wait for something
//! that only that thread could do.
//!
//! A process that forks should do so before its first call. In a child that was forked later, reads from memory work, and
//! every call that would have to wait fails at once, as [`Unsupported`](ErrorKind::Unsupported).

use std::{
    fmt,
    pin::pin,
    process,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::{
    runtime::{Builder, Runtime},
    task::unconstrained,
};

use crate::{
    client::{self, ClientBuilder, request},
    error::{Error, ErrorKind, Result},
    provider::{Listing, Updated},
    secret::{Secret, SecretValue},
};

/// Marks a request that is made by `.call()`.
#[derive(Clone, Copy, Debug)]
pub enum Called {}

/// A read of one secret, made by [`call`](Self::call).
pub type Get<'a> = request::Get<'a, Called>;
/// A read of what many references point to, made by [`call`](Self::call).
pub type GetRefs<'a> = client::GetRefs<'a, Called>;
/// A read of every secret below a path, made by [`call`](Self::call).
pub type GetByPath<'a> = request::GetByPath<'a, Called>;
/// A look whether something exists, made by [`call`](Self::call).
pub type PathExists<'a> = request::PathExists<'a, Called>;
/// A new value for a secret, written by [`call`](Self::call).
pub type Update<'a> = request::Update<'a, Called>;

/// A [`Client`](crate::Client) for code without async. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Client(crate::Client);

impl Client {
    /// A client by what the builder was told.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(builder: ClientBuilder) -> Result<Self> {
        builder.build().map(Self)
    }

    /// The process-wide client that the free functions of this module use.
    ///
    /// # Errors
    /// As [`Client::from_env`](crate::Client::from_env); the next call tries again.
    pub fn global() -> Result<&'static Self> {
        static GLOBAL: OnceLock<Client> = OnceLock::new();
        if let Some(client) = GLOBAL.get() {
            return Ok(client);
        }
        let client = Self(crate::Client::from_env()?);
        Ok(GLOBAL.get_or_init(|| client))
    }

    /// As [`Client::get`](crate::Client::get).
    pub fn get<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        Get::new(Ok(&self.0), provider, path)
    }

    /// As [`Client::get_ref`](crate::Client::get_ref).
    pub fn get_ref(&self, reference: &str) -> Get<'_> {
        Get::of_reference(Ok(&self.0), reference)
    }

    /// As [`Client::get_refs`](crate::Client::get_refs).
    pub fn get_refs<I>(&self, references: I) -> GetRefs<'_>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        GetRefs::new(Ok(&self.0), references)
    }

    /// As [`Client::get_by_path`](crate::Client::get_by_path).
    pub fn get_by_path<'a>(&'a self, provider: &'a str, path: &'a str) -> GetByPath<'a> {
        GetByPath::new(Ok(&self.0), provider, path)
    }

    /// As [`Client::path_exists`](crate::Client::path_exists).
    pub fn path_exists<'a>(&'a self, provider: &'a str, path: &'a str) -> PathExists<'a> {
        PathExists::new(Ok(&self.0), provider, path)
    }

    /// As [`Client::update`](crate::Client::update).
    pub fn update<'a>(&'a self, provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
        Update::new(Ok(&self.0), provider, path, value.into())
    }

    /// As [`Client::get_many`](crate::Client::get_many).
    pub fn get_many(&self, provider: &str, paths: &[String]) -> Vec<Result<Secret>> {
        wait_all(paths.len(), self.0.get_many(provider, paths))
    }
}

/// As [`get`](crate::get).
pub fn get<'a>(provider: &'a str, path: &'a str) -> Get<'a> {
    Get::new(global(), provider, path)
}

/// As [`get_ref`](crate::get_ref).
pub fn get_ref(reference: &str) -> Get<'static> {
    Get::of_reference(global(), reference)
}

/// As [`get_refs`](crate::get_refs).
pub fn get_refs<I>(references: I) -> GetRefs<'static>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    GetRefs::new(global(), references)
}

/// As [`get_by_path`](crate::get_by_path).
pub fn get_by_path<'a>(provider: &'a str, path: &'a str) -> GetByPath<'a> {
    GetByPath::new(global(), provider, path)
}

/// As [`path_exists`](crate::path_exists).
pub fn path_exists<'a>(provider: &'a str, path: &'a str) -> PathExists<'a> {
    PathExists::new(global(), provider, path)
}

/// As [`update`](crate::update).
pub fn update<'a>(provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
    Update::new(global(), provider, path, value.into())
}

impl request::Get<'_, Called> {
    /// Makes the request.
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub fn call(self) -> Result<Secret> {
        match self.at_once() {
            Some(outcome) => outcome,
            None => wait(self.run()),
        }
    }
}

impl client::GetRefs<'_, Called> {
    /// Makes the request: an answer for each reference, in order.
    ///
    /// # Errors
    /// Of each answer: as [`get_ref`](crate::get_ref).
    pub fn call(self) -> Vec<Result<Secret>> {
        wait_all(self.len(), self.run())
    }
}

impl request::GetByPath<'_, Called> {
    /// Makes the request.
    ///
    /// # Errors
    /// As [`get_by_path`](crate::get_by_path).
    pub fn call(self) -> Result<Listing> {
        wait(self.run())
    }
}

impl request::PathExists<'_, Called> {
    /// Makes the request.
    ///
    /// # Errors
    /// As [`path_exists`](crate::path_exists).
    pub fn call(self) -> Result<bool> {
        wait(self.run())
    }
}

impl request::Update<'_, Called> {
    /// Makes the request.
    ///
    /// # Errors
    /// As [`update`](crate::update).
    pub fn call(self) -> Result<Updated> {
        wait(self.run())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn global() -> Result<&'static crate::Client> {
    Client::global().map(|client| &client.0)
}

/// Runs a future on this thread, with timers, sockets and spawned tasks on the module's own runtime.
///
/// Not `Runtime::block_on`, which panics inside another runtime. The future is taken out of the cooperative budget,
/// which would never be refilled here: the task that this thread may be running doesn't get to yield.
fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let _context = runtime()?.enter();
    let mut future = pin!(unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}

/// The same for many answers: without a runtime each is that error.
fn wait_all<T>(count: usize, future: impl Future<Output = Vec<Result<T>>>) -> Vec<Result<T>> {
    let answers = wait(async { Ok(future.await) });
    answers.unwrap_or_else(|error| (0..count).map(|_| Err(error.clone())).collect())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The runtime of all calls, and the process that its threads are in.
struct Shared {
    runtime: Runtime,
    process: u32,
}

fn runtime() -> Result<&'static Runtime> {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    if let Some(shared) = SHARED.get() {
        return shared.of_this_process();
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("s1crets-blocking").enable_all().build();
    let runtime = runtime.map_err(|error| {
        Error::new(ErrorKind::Unexpected, "can't start the runtime of the blocking calls").with_source(error)
    })?;
    if let Err(second) = SHARED.set(Shared { runtime, process: process::id() }) {
        // Two threads came first. Dropping a runtime waits, which async code forbids.
        second.runtime.shutdown_background();
    }
    SHARED.get().expect("it was set here or by the other thread").of_this_process()
}

impl Shared {
    /// A fork copies the calling thread alone: a child that waited for the others would wait for ever. Another runtime would
    /// not do, as the client's connections, timers and locks may be theirs.
    fn of_this_process(&self) -> Result<&Runtime> {
        if self.process == process::id() {
            return Ok(&self.runtime);
        }
        Err(Error::unsupported("this process was forked after blocking calls: the threads that make them are gone")
            .with_hint("make the first blocking call after the fork, or start another program in the child"))
    }
}
