//! A refusal alone says nothing: whether it is a connection's own or everybody's shows in what becomes of others.

use std::time::Duration;

use super::kind::Kind;
use super::{MANY, SystemFault};
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// What is known about one connection's refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Others succeed: it is this connection's own.
    Stands,
    /// A fault of all: it says nothing about this connection.
    Withheld,
    /// Neither yet.
    None,
}

/// A success that is older says nothing about now.
const LATELY: Duration = Duration::from_secs(5);

/// A connection's turn to have its refusal confirmed: one at a time.
pub struct Turn<'a> {
    /// How many successes there had been when it was refused.
    pub before: u64,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl SystemFault {
    /// Whether this connection is among those refused since the last success.
    #[must_use]
    pub fn is_refused(&self, id: &ConnectionId) -> bool {
        lock(&self.state).streaks.get(&Kind::EverybodyRefused).is_some_and(|streak| streak.ids.contains(id))
    }

    /// Notes that a connection's refusal was withheld; `before`: so many successes had come before it.
    pub fn withhold(&self, id: &ConnectionId, before: u64) {
        lock(&self.state).withheld.insert(id.clone(), before);
    }

    /// A connection's turn to have its withheld refusal confirmed, or not; `None` at once for all others.
    pub async fn turn(&self, id: &ConnectionId) -> Option<Turn<'_>> {
        if !self.is_withheld(id) {
            return None;
        }
        let turn = self.confirming.lock().await;
        let before = lock(&self.state).withheld.remove(id)?;
        Some(Turn { before, _turn: turn })
    }

    /// Calendly gave somebody tokens: whatever the database makes of them, it does not refuse everybody. `now`: boot time.
    pub fn gave_tokens(&self, now: Duration) {
        {
            let mut state = lock(&self.state);
            state.successes += 1;
            state.succeeded_at = now;
        }
        self.changed.notify_waiters();
    }

    /// Whether it has just given somebody tokens.
    #[must_use]
    pub fn gave_lately(&self, now: Duration) -> bool {
        let state = lock(&self.state);
        state.successes > 0 && now.saturating_sub(state.succeeded_at) < LATELY
    }

    /// How often Calendly has given tokens so far.
    #[must_use]
    pub fn successes(&self) -> u64 {
        lock(&self.state).successes
    }

    /// Looks for evidence about a refusal, `grace` at most: a success after the first `before`, or a fault of all.
    pub async fn evidence(&self, id: &ConnectionId, before: u64, grace: Duration) -> Evidence {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        self.note_refusal(id);
        if self.successes() == before && !self.is_holding() && !self.many_refused() {
            let _ = tokio::time::timeout(grace, changed).await;
        }
        match self.is_holding() {
            true => Evidence::Withheld,
            false if self.successes() > before => Evidence::Stands,
            false => Evidence::None,
        }
    }

    /// Ends when Calendly has given tokens after the first `before` times.
    pub async fn given_after(&self, before: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.successes() > before {
                return;
            }
            changed.await;
        }
    }

    /// Counts a refusal among those since the last success.
    pub fn note_refusal(&self, id: &ConnectionId) {
        self.count(Kind::EverybodyRefused, id);
    }

    /// More distinct connections than a few were refused since the last success.
    #[must_use]
    pub fn many_refused(&self) -> bool {
        lock(&self.state).streaks.get(&Kind::EverybodyRefused).is_some_and(|streak| streak.ids.len() > MANY)
    }

    /// Whether this connection's refusal was withheld and waits to be confirmed.
    #[must_use]
    pub fn is_withheld(&self, id: &ConnectionId) -> bool {
        lock(&self.state).withheld.contains_key(id)
    }

    /// One witness at a time: its success speaks for all who were refused before.
    pub async fn calling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.calling.lock().await
    }
}
