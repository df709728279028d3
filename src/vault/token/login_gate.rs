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
//!   beside it.
//! - All who wait move on to the new gate at once, so that there is one login again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Mutex as Gate, Notify, OwnedMutexGuard as OwnedGateGuard},
    task::AbortHandle,
    time::{Instant, error::Elapsed, sleep, timeout, timeout_at},
};

/// Held during a login.
pub(super) type LoginPass = OwnedGateGuard<()>;

#[derive(Default)]
pub(super) struct LoginGate {
    slot: Mutex<Slot>,
    /// Tells those who wait for a gate that there is another one.
    replaced: Notify,
}

#[derive(Default)]
struct Slot {
    gate: Arc<Gate<()>>,
    /// The login that holds the gate, once it has begun.
    login: Option<Login>,
}

/// A login under way.
#[derive(Clone)]
struct Login {
    runtime: Handle,
    task: AbortHandle,
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
            let mut replaced = std::pin::pin!(self.replaced.notified());
            // From here on a replacement is noticed.
            replaced.as_mut().enable();
            let gate = self.slot().gate.clone();
            tokio::select! {
                biased;
                pass = timeout_at(deadline, gate.clone().lock_owned()) => {
                    let pass = pass?;
                    let mut slot = self.slot();
                    if Arc::ptr_eq(&slot.gate, &gate) {
                        slot.login = None;
                        return Ok(pass);
                    }
                }
                () = replaced => {}
                () = self.stalled(patience) => self.replace(&gate),
            }
        }
    }

    /// Notes that `task`, on the current runtime, carries out the login that holds the gate.
    pub(super) fn begun(&self, task: AbortHandle) {
        self.slot().login = Some(Login { runtime: Handle::current(), task });
    }

    /// Whether nobody holds the gate.
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.slot().gate.try_lock().is_ok()
    }

    /// Returns once the runtime of the login under way has run nothing for `patience`.
    async fn stalled(&self, patience: Duration) {
        loop {
            let login = self.slot().login.clone();
            if let Some(login) = login
                && timeout(patience, login.runtime.spawn(async {})).await.is_err()
            {
                return;
            }
            sleep(patience).await;
        }
    }

    /// Aborts the login under way and opens a new gate, unless somebody else has done so.
    fn replace(&self, stalled: &Arc<Gate<()>>) {
        let mut slot = self.slot();
        if !Arc::ptr_eq(&slot.gate, stalled) {
            return;
        }
        let login = std::mem::take(&mut *slot).login;
        drop(slot);
        if let Some(login) = login {
            login.task.abort();
        }
        self.replaced.notify_waiters();
        tracing::warn!("a login to Vault stands still, as its runtime is not driven; logging in anew");
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            let login = tokio::spawn(async move {
                let _pass = pass;
                std::future::pending::<()>().await;
            });
            gate.begun(login.abort_handle());
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
        let login = tokio::spawn(async move {
            sleep(PATIENCE * 50).await;
            drop(pass);
        });
        gate.begun(login.abort_handle());
        gate.enter(LIMIT, PATIENCE).await.expect("after the login");
        login.await.expect("not aborted");
        let _held = gate.enter(LIMIT, PATIENCE).await.expect("free");
        assert!(gate.enter(PATIENCE * 5, PATIENCE).await.is_err(), "no wait is endless");
    }
}
