//! Faults of the whole system: recognised as such, said once, probed, and never blamed on a single connection.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use log::{info, warn};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::limiter::Limiter;
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// So many connections in a row, without a success between them, are not their own fault any more.
const MANY: usize = 5;

/// What is wrong for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Client id, secret or token URL are wrong.
    ClientRefused,
    /// Every grant is refused.
    EverybodyRefused,
    /// No connection to Calendly.
    CalendlyUnreachable,
    /// Calendly's answers say nothing.
    CalendlyFailing,
    /// Everybody is told to wait.
    EverybodyThrottled,
    /// The database does not answer.
    DatabaseAway,
}

impl Kind {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientRefused => "client_refused",
            Self::EverybodyRefused => "everybody_refused",
            Self::CalendlyUnreachable => "calendly_unreachable",
            Self::CalendlyFailing => "calendly_failing",
            Self::EverybodyThrottled => "everybody_throttled",
            Self::DatabaseAway => "database_away",
        }
    }
}

/// A fault that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub kind: Kind,
    /// Since when.
    pub since: DateTime<Utc>,
}

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

/// Watches what comes of all rotations together.
#[derive(Debug)]
pub struct SystemFault {
    limiter: Arc<Limiter>,
    state: Mutex<State>,
    changed: Notify,
    /// Refusals that were withheld are confirmed one by one, or they would look like everybody's again.
    confirming: tokio::sync::Mutex<()>,
    calling: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Distinct connections that failed alike since the last success.
    streaks: HashMap<Kind, HashSet<ConnectionId>>,
    /// Connections whose refusal was withheld.
    withheld: HashSet<ConnectionId>,
    successes: u64,
}

impl SystemFault {
    /// Holds and resumes `limiter`.
    #[must_use]
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self {
            limiter,
            state: Mutex::default(),
            changed: Notify::new(),
            confirming: tokio::sync::Mutex::default(),
            calling: tokio::sync::Mutex::default(),
        }
    }

    /// The fault that holds now.
    #[must_use]
    pub fn current(&self) -> Option<Fault> {
        lock(&self.state).fault
    }

    /// Something that is wrong for all by its nature.
    pub fn begin(&self, kind: Kind, now: DateTime<Utc>, detail: &str) {
        let mut state = lock(&self.state);
        if state.fault.is_some() {
            return;
        }
        state.fault = Some(Fault { kind, since: now });
        self.limiter.hold(); // under the lock: a success at the same time must not resume before this holds
        drop(state);
        self.changed.notify_waiters();
        warn!(target: "supervisor", fault = kind.as_str(), hint = detail; "system fault, refreshing stops for all");
    }

    /// One connection failed in a way that many may share. True where a fault of that kind holds now.
    pub fn failed(&self, kind: Kind, id: &ConnectionId, now: DateTime<Utc>) -> bool {
        if self.count(kind, id) {
            self.begin(kind, now, "no connection is marked; it ends by itself when a refresh succeeds");
        }
        self.current().is_some_and(|fault| fault.kind == kind)
    }

    /// Counts a connection among those that failed alike since the last success; true where they are many.
    fn count(&self, kind: Kind, id: &ConnectionId) -> bool {
        let mut state = lock(&self.state);
        let streak = state.streaks.entry(kind).or_default();
        if streak.len() <= MANY {
            streak.insert(id.clone());
        }
        streak.len() > MANY
    }

    /// A refresh succeeded: whatever held is over.
    pub fn succeeded(&self, now: DateTime<Utc>) {
        let ended = {
            let mut state = lock(&self.state);
            state.streaks.clear();
            state.successes += 1;
            self.limiter.succeeded();
            let ended = state.fault.take();
            if ended.is_some() {
                self.limiter.resume();
            }
            ended
        };
        self.changed.notify_waiters();
        if let Some(fault) = ended {
            let lasted = humantime::format_duration(Duration::from_secs(
                (now - fault.since).num_seconds().max(0).unsigned_abs(),
            ));
            info!(target: "supervisor", fault = fault.kind.as_str(), lasted:% = lasted; "system fault is over");
        }
    }

    /// The token endpoint has answered sensibly, though not with tokens: it is neither away nor failing.
    pub fn answered(&self) {
        let mut state = lock(&self.state);
        let away = [Kind::CalendlyUnreachable, Kind::CalendlyFailing, Kind::EverybodyThrottled];
        for kind in away {
            state.streaks.remove(&kind);
        }
        if state.fault.is_some_and(|fault| away.contains(&fault.kind)) {
            state.fault = None;
            self.limiter.resume();
            info!(target: "supervisor", answered = true; "system fault is over, Calendly answers");
        }
    }

    /// The database answers again.
    pub fn database_is_back(&self) {
        let mut state = lock(&self.state);
        state.streaks.remove(&Kind::DatabaseAway);
        if state.fault.is_some_and(|fault| fault.kind == Kind::DatabaseAway) {
            state.fault = None;
            self.limiter.resume();
            info!(target: "supervisor", answered = true; "system fault is over, the database answers");
        }
    }

    /// Whether this connection is among those refused since the last success.
    #[must_use]
    pub fn is_refused(&self, id: &ConnectionId) -> bool {
        lock(&self.state).streaks.get(&Kind::EverybodyRefused).is_some_and(|streak| streak.contains(id))
    }

    /// Notes that a connection's refusal was withheld.
    pub fn withhold(&self, id: &ConnectionId) {
        lock(&self.state).withheld.insert(id.clone());
    }

    /// A connection's turn to have its withheld refusal confirmed, or not; `None` at once for all others.
    pub async fn turn(&self, id: &ConnectionId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if !lock(&self.state).withheld.contains(id) {
            return None;
        }
        let turn = self.confirming.lock().await;
        lock(&self.state).withheld.remove(id);
        Some(turn)
    }

    /// How many refreshes have succeeded so far.
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
        if self.successes() == before && self.current().is_none() && !self.many_refused() {
            let _ = tokio::time::timeout(grace, changed).await;
        }
        match self.current() {
            Some(_) => Evidence::Withheld,
            None if self.successes() > before => Evidence::Stands,
            None => Evidence::None,
        }
    }

    /// Counts a refusal among those since the last success.
    pub fn note_refusal(&self, id: &ConnectionId) {
        self.count(Kind::EverybodyRefused, id);
    }

    /// More distinct connections than a few were refused since the last success.
    #[must_use]
    pub fn many_refused(&self) -> bool {
        lock(&self.state).streaks.get(&Kind::EverybodyRefused).is_some_and(|streak| streak.len() > MANY)
    }

    /// Whether this connection's refusal was withheld and waits to be confirmed.
    #[must_use]
    pub fn is_withheld(&self, id: &ConnectionId) -> bool {
        lock(&self.state).withheld.contains(id)
    }

    /// One witness at a time: its success speaks for all who were refused before.
    pub async fn calling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.calling.lock().await
    }

    /// Ends when something has changed since this call, even before it is first polled: a fault began, or a refresh
    /// succeeded.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ConnectionId {
        format!("c{n}").parse().unwrap()
    }

    fn faults() -> Arc<SystemFault> {
        Arc::new(SystemFault::new(Limiter::new(4)))
    }

    #[test]
    fn five_refusals_are_five_users_and_the_sixth_is_the_system() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        for n in 0..5 {
            assert!(!faults.failed(Kind::EverybodyRefused, &id(n), now));
        }
        assert!(!faults.failed(Kind::EverybodyRefused, &id(0), now), "the same user twice counts once");
        assert!(faults.failed(Kind::EverybodyRefused, &id(6), now));
        assert_eq!(faults.current().map(|fault| fault.kind), Some(Kind::EverybodyRefused));
        faults.succeeded(now);
        assert_eq!(faults.current(), None);
    }

    #[test]
    fn a_success_between_them_starts_the_count_anew_and_another_kind_does_not() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        for n in 0..30 {
            assert!(!faults.failed(Kind::EverybodyRefused, &id(n), now));
            if n % 5 == 4 {
                faults.succeeded(now);
            }
        }
        for n in 0..5 {
            assert!(!faults.failed(Kind::EverybodyRefused, &id(n), now));
            assert!(!faults.failed(Kind::CalendlyFailing, &id(n), now));
        }
        assert!(faults.failed(Kind::EverybodyRefused, &id(5), now));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_only_when_a_success_follows_it() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        let (grace, one) = (Duration::from_secs(2), id(1));
        faults.succeeded(now);
        let before = faults.successes();
        assert_eq!(faults.evidence(&one, before, grace).await, Evidence::None, "an earlier one says nothing");
        let (evidence, ()) =
            tokio::join!(faults.evidence(&one, before, grace), async { faults.succeeded(now) });
        assert_eq!(evidence, Evidence::Stands);
    }
}
