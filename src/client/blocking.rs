//! Blocking API: the same calls for code without async.
//!
//! ```no_run
//! let password = s1crets::blocking::get("file", "app/db").key("password").call()?;
//! # Ok::<(), s1crets::Error>(())
//! ```
//!
//! The calls run on a small runtime of their own, which starts at the first call that has to wait.
//! They use a process-wide client of their own, so they share no providers and no cache with the
//! async calls. They work on plain threads and inside an async runtime. There they block the
//! thread, but never wait for work that only that thread could do.
//!
//! A process that forks should do so before its first call. In a child that is forked later, reads
//! from memory work. A call that would have to wait fails at once, as
//! [`Unsupported`](ErrorKind::Unsupported), and a [`Handle`] keeps its last value.

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
    cache::CacheStats,
    client::{
        self, ClientBuilder, Handle,
        request::{self, IntoReference},
    },
    config::Config,
    error::{Error, ErrorKind, Result},
    provider::{Listing, Updated},
    secret::{Secret, SecretValue},
    single_flight::Executor,
};

/// Marks a request that is made by `.call()`.
#[derive(Clone, Copy, Debug)]
pub enum Called {}

/// A read of one secret, made by [`call`](Self::call).
pub type Get<'a> = request::Get<'a, Called>;
/// A read of many references, made by [`call`](Self::call).
pub type GetRefs<'a> = client::GetRefs<'a, Called>;
/// A read of every secret below a path, made by [`call`](Self::call).
pub type GetByPath<'a> = request::GetByPath<'a, Called>;
/// A check whether something exists, made by [`call`](Self::call).
pub type PathExists<'a> = request::PathExists<'a, Called>;
/// A new value for a secret, written by [`call`](Self::call).
pub type Update<'a> = request::Update<'a, Called>;
/// The calls on what one reference points to.
pub type At<'a> = request::At<'a, Called>;

/// A [`Client`](crate::Client) for code without async. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Client(crate::Client);

impl Client {
    /// Makes a client from a builder.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new(builder: ClientBuilder) -> Result<Self> {
        builder.with_executor(OWN_RUNTIME).build().map(Self)
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
        let client = Self::new(crate::Client::builder().with_config(Config::from_env()?))?;
        Ok(GLOBAL.get_or_init(|| client))
    }

    /// See [`Client::get`](crate::Client::get).
    pub fn get<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        Get::new(Ok(&self.0), provider, path)
    }

    /// See [`Client::get_ref`](crate::Client::get_ref).
    pub fn get_ref<'a>(&'a self, reference: impl IntoReference<'a>) -> Get<'a> {
        self.at(reference).get()
    }

    /// See [`Client::at`](crate::Client::at).
    pub fn at<'a>(&'a self, reference: impl IntoReference<'a>) -> At<'a> {
        At::new(Ok(&self.0), reference)
    }

    /// See [`Client::get_refs`](crate::Client::get_refs).
    pub fn get_refs<'a, I>(&'a self, references: I) -> GetRefs<'a>
    where
        I: IntoIterator,
        I::Item: IntoReference<'a>,
    {
        GetRefs::new(Ok(&self.0), references)
    }

    /// See [`Client::get_by_path`](crate::Client::get_by_path).
    pub fn get_by_path<'a>(&'a self, provider: &'a str, path: &'a str) -> GetByPath<'a> {
        GetByPath::new(Ok(&self.0), provider, path)
    }

    /// See [`Client::path_exists`](crate::Client::path_exists).
    pub fn path_exists<'a>(&'a self, provider: &'a str, path: &'a str) -> PathExists<'a> {
        PathExists::new(Ok(&self.0), provider, path)
    }

    /// See [`Client::update`](crate::Client::update).
    pub fn update<'a>(&'a self, provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
        Update::new(Ok(&self.0), provider, path, value.into())
    }

    /// See [`Client::invalidate`](crate::Client::invalidate).
    ///
    /// # Errors
    /// `InvalidInput` if there is no such provider, or the path is malformed.
    pub fn invalidate(&self, provider: &str, path: &str) -> Result<()> {
        self.0.invalidate(provider, path)
    }

    /// See [`Client::clear`](crate::Client::clear).
    pub fn clear(&self) {
        self.0.clear();
    }

    /// See [`Client::refresh`](crate::Client::refresh).
    pub fn refresh<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        self.get(provider, path).cached(false)
    }

    /// See [`Client::rejected`](crate::Client::rejected).
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub fn rejected(&self, provider: &str, path: &str, refused: &Secret) -> Result<Option<Secret>> {
        wait(self.0.rejected(provider, path, refused))
    }

    /// See [`Client::stats`](crate::Client::stats).
    ///
    /// # Errors
    /// `InvalidInput` if there is no such provider.
    pub fn stats(&self, provider: &str) -> Result<Option<CacheStats>> {
        self.0.stats(provider)
    }

    /// See [`Client::shutdown`](crate::Client::shutdown).
    ///
    /// # Errors
    /// As [`Client::shutdown`](crate::Client::shutdown).
    #[cfg(feature = "vault")]
    pub fn shutdown(&self) -> Result<()> {
        wait(self.0.shutdown())
    }

    /// See [`Client::handle`](crate::Client::handle). The handle is kept fresh by this module's
    /// runtime.
    ///
    /// # Errors
    /// As [`get`](crate::get), for the first read.
    pub fn handle<'a>(&self, reference: impl IntoReference<'a>) -> Result<Handle> {
        wait(self.0.handle(reference))
    }
}

/// See [`get`](crate::get).
pub fn get<'a>(provider: &'a str, path: &'a str) -> Get<'a> {
    Get::new(global(), provider, path)
}

/// See [`get_ref`](crate::get_ref).
pub fn get_ref<'a>(reference: impl IntoReference<'a>) -> Get<'a> {
    at(reference).get()
}

/// See [`at`](crate::at).
pub fn at<'a>(reference: impl IntoReference<'a>) -> At<'a> {
    At::new(global(), reference)
}

/// See [`get_refs`](crate::get_refs).
pub fn get_refs<'a, I>(references: I) -> GetRefs<'a>
where
    I: IntoIterator,
    I::Item: IntoReference<'a>,
{
    GetRefs::new(global(), references)
}

/// See [`get_by_path`](crate::get_by_path).
pub fn get_by_path<'a>(provider: &'a str, path: &'a str) -> GetByPath<'a> {
    GetByPath::new(global(), provider, path)
}

/// See [`path_exists`](crate::path_exists).
pub fn path_exists<'a>(provider: &'a str, path: &'a str) -> PathExists<'a> {
    PathExists::new(global(), provider, path)
}

/// See [`update`](crate::update).
pub fn update<'a>(provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
    Update::new(global(), provider, path, value.into())
}

impl request::Get<'_, Called> {
    /// Makes the request and waits for its outcome.
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
    /// Makes the request and waits for its outcome: one answer for each reference, in order.
    ///
    /// # Errors
    /// Each answer: as [`get_ref`](crate::get_ref).
    pub fn call(self) -> Vec<Result<Secret>> {
        wait_all(self.len(), self.run())
    }
}

impl request::GetByPath<'_, Called> {
    /// Makes the request and waits for its outcome.
    ///
    /// # Errors
    /// As [`get_by_path`](crate::get_by_path).
    pub fn call(self) -> Result<Listing> {
        wait(self.run())
    }
}

impl request::PathExists<'_, Called> {
    /// Makes the request and waits for its outcome.
    ///
    /// # Errors
    /// As [`path_exists`](crate::path_exists).
    pub fn call(self) -> Result<bool> {
        wait(self.run())
    }
}

impl request::Update<'_, Called> {
    /// Makes the request and waits for its outcome.
    ///
    /// # Errors
    /// As [`update`](crate::update).
    pub fn call(self) -> Result<Updated> {
        wait(self.run())
    }
}

impl request::At<'_, Called> {
    /// See [`At::rejected`](crate::request::At::rejected).
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub fn rejected(self, refused: &Secret) -> Result<Option<Secret>> {
        wait(self.replacement(refused))
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

/// Where the loads of blocking clients run, those in the background included.
///
/// Never on the caller's runtime: the call blocks a thread of it, which may be the only one. A load
/// that waited for that thread would never end, and a later read would join it.
const OWN_RUNTIME: Executor = Executor::Fixed(|| Some(runtime().ok()?.handle().clone()));

/// Runs a future on this thread, with timers, sockets and spawned tasks on this module's runtime.
///
/// `Runtime::block_on` would panic inside another runtime. The future is exempt from Tokio's
/// cooperative budget, which nobody would refill here: the task that this thread may be running
/// can't yield.
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

/// Waits for many answers. Without a runtime, each of them is that error.
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

/// The runtime of all blocking clients, and the process that has its threads.
struct Shared {
    runtime: Runtime,
    process: u32,
}

/// The runtime, started by the first caller.
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
        // Another thread was faster. Dropping a runtime would wait, which async code must not do.
        second.runtime.shutdown_background();
    }
    SHARED.get().expect("set here or by another thread").of_this_process()
}

impl Shared {
    /// The runtime, unless this is a forked child. A fork copies only the calling thread, so the
    /// child would wait for threads that it doesn't have. A second runtime would not help: the
    /// client's connections, timers and locks belong to the first.
    fn of_this_process(&self) -> Result<&Runtime> {
        if self.process == process::id() {
            return Ok(&self.runtime);
        }
        Err(Error::unsupported("this process was forked after blocking calls, and has no thread to make them")
            .with_hint("make the first blocking call after the fork, or start another program in the child"))
    }
}
