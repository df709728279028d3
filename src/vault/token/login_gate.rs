//! The login gate: admits one login at a time, and is taken over from a runtime that nobody drives.
//!
//! A login is a task on the runtime of the call that needed it. A current-thread runtime may be
//! left alone without being dropped: its tasks then neither go on nor end, and the login would keep
//! the gate for good. So whoever waits for the gate also asks the runtime of the login under way to
//! run an empty task. If that doesn't run within the caller's patience, the login is aborted, and
//! the gate replaced by a new one.
//!
//! Invariants:
//! - A login whose runtime is driven, however long it takes, is never aborted: the empty task runs
//!   beside it, and what was found out about one login is never done to the next.
//! - All who wait move on to the new gate at once, so that there is one login again.
//! - A login that has ended is forgotten, and with it the handle of its runtime.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{Either, select};
use tokio::{
    runtime::Handle,
    sync::{Mutex as Gate, Notify, OwnedMutexGuard as OwnedGateGuard},
    task::AbortHandle,
    time::{Instant, error::Elapsed, sleep, timeout, timeout_at},
};

#[derive(Default)]
pub(super) struct LoginGate {
    slot: Arc<Mutex<Slot>>,
    /// Tells those who wait for a gate that there is another one.
    replaced: Notify,
}

#[derive(Default)]
struct Slot {
    gate: Arc<Gate<()>>,
    /// The number of the newest pass. None is given twice.
    newest: u64,
    /// The login that holds the gate, once it has begun.
    login: Option<Login>,
}

/// A login under way.
#[derive(Clone)]
struct Login {
    /// The number of its pass.
    pass: u64,
    runtime: Handle,
    task: AbortHandle,
}

/// Held during a login. Dropped, it forgets the login and opens the gate.
pub(super) struct LoginPass {
    number: u64,
    slot: Arc<Mutex<Slot>>,
    _gate: OwnedGateGuard<()>,
}

impl LoginPass {
    /// The number of this pass, for [`LoginGate::begun`].
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for LoginPass {
    fn drop(&mut self) {
        let mut slot = lock(&self.slot);
        // A newer pass is one of a new gate, if this login was taken over.
        let ended = if slot.newest == self.number { slot.end() } else { None };
        drop(slot);
        drop(ended);
    }
}

impl Slot {
    /// Forgets the login, and a pass whose login has not been noted yet.
    fn end(&mut self) -> Option<Login> {
        self.newest += 1;
        self.login.take()
    }
}

impl LoginGate {
    /// Waits until no other login is under way, for `limit` at most.
    ///
    /// # Errors
    /// If the other login takes longer. One whose runtime has not run anything for `patience` is
    /// aborted.
    pub(super) async fn enter(&self, limit: Duration, patience: Duration) -> Result<LoginPass, Elapsed> {
        let deadline = Instant::now() + limit;
        loop {
            let mut replaced = pin!(self.replaced.notified());
            // From here on a replacement is noticed.
            replaced.as_mut().enable();
            let gate = self.slot().gate.clone();
            let entered = pin!(timeout_at(deadline, gate.clone().lock_owned()));
            let stalled = pin!(self.stalled(patience));
            // The first one that is ready counts, in this order.
            match select(entered, select(replaced, stalled)).await {
                Either::Left((entered, _)) => {
                    if let Some(pass) = self.pass(&gate, entered?) {
                        return Ok(pass);
                    }
                }
                Either::Right((Either::Left(_), _)) => {}
                Either::Right((Either::Right((login, _)), _)) => self.replace(login),
            }
        }
    }

    /// The pass of an entered gate; `None` if the gate has been replaced.
    fn pass(&self, gate: &Arc<Gate<()>>, entered: OwnedGateGuard<()>) -> Option<LoginPass> {
        let mut slot = self.slot();
        if !Arc::ptr_eq(&slot.gate, gate) {
            return None;
        }
        slot.newest += 1;
        Some(LoginPass { number: slot.newest, slot: self.slot.clone(), _gate: entered })
    }

    /// Notes that `task`, on the current runtime, carries out the login of this pass, unless that
    /// has ended by now.
    pub(super) fn begun(&self, pass: u64, task: AbortHandle) {
        let mut slot = self.slot();
        if slot.newest == pass {
            slot.login = Some(Login { pass, runtime: Handle::current(), task });
        }
    }

    /// Whether nobody holds the gate.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.slot().gate.try_lock().is_ok()
    }

    /// Whether a login is known, and with it its runtime.
    #[cfg(test)]
    fn knows_a_login(&self) -> bool {
        self.slot().login.is_some()
    }

    /// Returns the pass of the login under way once its runtime has run nothing for `patience`.
    async fn stalled(&self, patience: Duration) -> u64 {
        loop {
            let login = self.slot().login.clone();
            if let Some(login) = login
                && timeout(patience, login.runtime.spawn(async {})).await.is_err()
            {
                return login.pass;
            }
            sleep(patience).await;
        }
    }

    /// Aborts the login of this pass and opens a new gate, unless it has ended, or somebody else has
    /// done so.
    fn replace(&self, stalled: u64) {
        let mut slot = self.slot();
        let Some(login) = slot.login.take_if(|login| login.pass == stalled) else { return };
        slot.end();
        slot.gate = Arc::default();
        drop(slot);
        login.task.abort();
        self.replaced.notify_waiters();
        tracing::warn!("a login to Vault stands still, as its runtime is not driven; logging in anew");
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        lock(&self.slot)
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Begins a login that never ends, on a runtime that is not driven after that.
    fn abandoned(gate: &Arc<LoginGate>) -> tokio::runtime::Runtime {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let pass = gate.enter(LIMIT, PATIENCE).await.expect("free");
            let number = pass.number();
            let login = tokio::spawn(async move {
                let _pass = pass;
                std::future::pending::<()>().await;
            });
            gate.begun(number, login.abort_handle());
            tokio::task::yield_now().await;
        });
        runtime
    }

    #[tokio::test]
    async fn a_login_on_a_runtime_that_nobody_drives_is_taken_over_by_one_of_those_who_wait() {
        let gate = Arc::<LoginGate>::default();
        let entering = {
            let gate = gate.clone();
            std::thread::spawn(move || abandoned(&gate))
        };
        let runtime = entering.join().expect("no panic");
        assert!(!gate.is_free());
        let began = Instant::now();
        let logins: Vec<_> = (0..5)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move {
                    let pass = gate.enter(LIMIT, PATIENCE).await.expect("taken over");
                    assert!(!gate.is_free(), "one at a time");
                    drop(pass);
                })
            })
            .collect();
        for login in logins {
            login.await.expect("no panic");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(gate.is_free());
        runtime.shutdown_background();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_login_on_a_driven_runtime_is_waited_for() {
        let gate = Arc::<LoginGate>::default();
        let pass = gate.enter(LIMIT, PATIENCE).await.expect("free");
        let number = pass.number();
        let login = tokio::spawn(async move {
            sleep(PATIENCE * 50).await;
            drop(pass);
        });
        gate.begun(number, login.abort_handle());
        gate.enter(LIMIT, PATIENCE).await.expect("after the login");
        login.await.expect("not aborted");
        let _held = gate.enter(LIMIT, PATIENCE).await.expect("free");
        assert!(gate.enter(PATIENCE * 5, PATIENCE).await.is_err(), "no wait is endless");
    }
    #[tokio::test]
    async fn a_login_that_has_ended_is_forgotten() {
        let gate = LoginGate::default();
        let pass = gate.enter(LIMIT, PATIENCE).await.expect("free");
        let number = pass.number();
        let task = tokio::spawn(async {}).abort_handle();
        gate.begun(number, task.clone());
        assert!(gate.knows_a_login());
        drop(pass);
        assert!(!gate.knows_a_login());
        // A short one may have ended ahead of its note.
        gate.begun(number, task);
        assert!(!gate.knows_a_login());
    }

    /// The one who waits finds out that a login stands still just when it ends, and another one,
    /// whose credential may work once, has taken the same gate.
    #[tokio::test]
    async fn what_is_found_about_a_login_is_not_done_to_the_next() {
        let gate = LoginGate::default();
        let first = gate.enter(LIMIT, PATIENCE).await.expect("free");
        let stalled = first.number();
        gate.begun(stalled, tokio::spawn(async {}).abort_handle());
        drop(first);
        let second = gate.enter(LIMIT, PATIENCE).await.expect("free");
        let login = tokio::spawn(async { "logged in" });
        gate.begun(second.number(), login.abort_handle());
        gate.replace(stalled);
        assert!(gate.knows_a_login() && !gate.is_free());
        assert_eq!(login.await.expect("not aborted"), "logged in");
        drop(second);
        assert!(gate.is_free());
    }
}
