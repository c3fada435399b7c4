//! Faults at the turn of a switch.

use std::sync::MutexGuard;

use super::{Inner, MemoryStore, switched_off};
use crate::domain::ids::ConnectionId;
use crate::ports::{Lock, StoreError};

impl MemoryStore {
    pub(super) async fn available(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        loop {
            let goes_on = self.goes_on.notified(); // before the look, so that no end is missed
            {
                let inner = self.inner();
                if !inner.hanging {
                    return if inner.unavailable { Err(switched_off()) } else { Ok(inner) };
                }
            }
            goes_on.await; // in the order in which they came
        }
    }

    pub(super) async fn writable(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let inner = self.available().await?;
        if inner.unwritable { Err(StoreError::Unwritable("read-only by the test".into())) } else { Ok(inner) }
    }

    /// With `false` every operation fails as if the database were down, until it is `true` again.
    pub fn set_available(&self, available: bool) {
        self.inner().unavailable = !available;
    }

    /// With `false` every write fails as on a full disk or a server that is read-only, until it is `true` again.
    pub fn set_writable(&self, writable: bool) {
        self.inner().unwritable = !writable;
    }

    /// With `false` no connection can be looked at alone, though all else is well, until it is `true` again.
    pub fn set_readable(&self, readable: bool) {
        self.inner().unreadable = !readable;
    }

    /// With `true` a page that has been read is on its way, until it is `false` again.
    pub fn hold_pages(&self, hold: bool) {
        self.inner().pages_held = hold;
        self.goes_on.notify_waiters();
    }

    /// How many pages were ever held.
    #[must_use]
    pub fn held_pages(&self) -> usize {
        self.inner().held
    }

    pub(super) async fn handed_out(&self) {
        let mut first = true;
        loop {
            let goes_on = self.goes_on.notified(); // before the look, so that no end is missed
            {
                let mut inner = self.inner();
                if !inner.pages_held {
                    return;
                }
                inner.held += usize::from(std::mem::take(&mut first));
            }
            goes_on.await;
        }
    }

    /// With `true` no operation ends, as with a pool that is used up, until it is `false` again; then all go on.
    pub fn set_hanging(&self, hanging: bool) {
        self.inner().hanging = hanging;
        self.goes_on.notify_waiters();
    }

    /// The next `count` commits fail and change nothing.
    pub fn fail_commits(&self, count: usize) {
        self.inner().commits_to_fail = count;
    }

    /// The next `count` commits are kept, but their callers get [`crate::ports::StoreError::Unavailable`].
    pub fn lose_commit_answers(&self, count: usize) {
        self.inner().answers_to_lose = count;
    }

    /// Every commit for this connection is refused from now on.
    pub fn refuse_commits_of(&self, id: ConnectionId) {
        self.inner().refused.insert(id);
    }

    /// Whatever is written forward for this connection fails from now on, for a reason that nobody can name.
    pub fn choke_on(&self, id: ConnectionId) {
        self.inner().unclear.insert(id);
    }

    /// Commits for this connection are taken again.
    pub fn accept_commits_of(&self, id: &ConnectionId) {
        self.inner().refused.remove(id);
    }

    /// What [`crate::ports::Store::keep_lock`] answers from now on; without it, ours.
    pub fn set_lock(&self, lock: Lock) {
        self.inner().state.lock = Some(lock);
    }
}
