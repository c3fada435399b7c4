//! Faults of the whole system: recognised as such, said once, probed, and never blamed on a single connection.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use log::{info, warn};
use tokio::sync::Notify;

use super::limiter::Limiter;
use crate::domain::backoff::Backoff;
use crate::domain::ids::ConnectionId;
use crate::registry::lock;
use crate::runtime::{IoRuntime, sleep};
use crate::shutdown::Shutdown;

/// So many connections in a row, without a success between them, are not their own fault any more.
const MANY: usize = 5;

const PROBE: Backoff = Backoff { min: Duration::from_secs(5), max: Duration::from_secs(60) };

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
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Distinct connections that failed alike since the last success.
    streaks: HashMap<Kind, HashSet<ConnectionId>>,
    successes: u64,
    /// Refused since the last success.
    refused: HashSet<ConnectionId>,
    /// Refused before a success of another: to be refused again tells nothing about all.
    suspects: HashSet<ConnectionId>,
}

impl SystemFault {
    /// Holds and resumes `limiter`.
    #[must_use]
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter, state: Mutex::default(), changed: Notify::new() }
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
        drop(state);
        self.limiter.hold();
        self.changed.notify_waiters();
        warn!(target: "supervisor", fault = kind.as_str(), hint = detail; "system fault, refreshing stops for all");
    }

    /// One connection failed in a way that many may share. True where a fault of that kind holds now.
    pub fn failed(&self, kind: Kind, id: &ConnectionId, now: DateTime<Utc>) -> bool {
        let many = {
            let mut state = lock(&self.state);
            let is_suspect = kind == Kind::EverybodyRefused && {
                state.refused.insert(id.clone());
                state.suspects.contains(id)
            };
            let streak = state.streaks.entry(kind).or_default();
            if streak.len() <= MANY && !is_suspect {
                streak.insert(id.clone());
            }
            streak.len() > MANY
        };
        if many {
            self.begin(kind, now, "no connection is marked; it ends by itself when a refresh succeeds");
        }
        self.current().is_some_and(|fault| fault.kind == kind)
    }

    /// A connection's refresh succeeded: whatever held is over.
    pub fn succeeded(&self, id: &ConnectionId, now: DateTime<Utc>) {
        let ended = {
            let mut state = lock(&self.state);
            state.streaks.clear();
            state.successes += 1;
            let refused = std::mem::take(&mut state.refused);
            state.suspects.extend(refused);
            state.suspects.remove(id);
            state.fault.take()
        };
        self.changed.notify_waiters();
        self.limiter.succeeded();
        if let Some(fault) = ended {
            let lasted = humantime::format_duration(Duration::from_secs(
                (now - fault.since).num_seconds().max(0).unsigned_abs(),
            ));
            info!(target: "supervisor", fault = fault.kind.as_str(), lasted:% = lasted; "system fault is over");
            self.limiter.resume();
        }
    }

    /// How many refreshes have succeeded so far.
    #[must_use]
    pub fn successes(&self) -> u64 {
        lock(&self.state).successes
    }

    /// Looks for evidence about a refusal, `grace` at most: a success after the first `before`, or a fault of all.
    pub async fn evidence(
        &self,
        id: &ConnectionId,
        before: u64,
        now: DateTime<Utc>,
        grace: Duration,
    ) -> Evidence {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if self.successes() == before && !self.failed(Kind::EverybodyRefused, id, now) {
            let _ = tokio::time::timeout(grace, changed).await;
        }
        match self.current() {
            Some(_) => Evidence::Withheld,
            None if self.successes() > before => Evidence::Stands,
            None => Evidence::None,
        }
    }

    /// Lets a probe through from time to time while a fault holds, until the keeper stops.
    pub fn watch(self: &Arc<Self>, io: &IoRuntime, shutdown: Shutdown) {
        let this = self.clone();
        io.spawn_loop(async move {
            let watching = async {
                loop {
                    let changed = this.changed.notified();
                    if this.current().is_none() {
                        changed.await;
                        continue;
                    }
                    let mut attempt = 0;
                    while this.current().is_some() {
                        attempt += 1;
                        sleep(PROBE.delay(attempt, 1.0)).await;
                        if this.current().is_some() && !this.limiter.admit_probe() {
                            attempt -= 1; // nobody waited: no probe was made
                        }
                    }
                }
            };
            tokio::select! {
                () = watching => {}
                () = shutdown.requested() => {}
            }
        });
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
        faults.succeeded(&id(99), now);
        assert_eq!(faults.current(), None);
    }

    #[test]
    fn a_success_between_them_starts_the_count_anew_and_another_kind_does_not() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        for n in 0..30 {
            assert!(!faults.failed(Kind::EverybodyRefused, &id(n), now));
            if n % 5 == 4 {
                faults.succeeded(&id(99), now);
            }
        }
        for n in 30..35 {
            assert!(!faults.failed(Kind::EverybodyRefused, &id(n), now));
            assert!(!faults.failed(Kind::CalendlyFailing, &id(n), now));
        }
        assert!(faults.failed(Kind::EverybodyRefused, &id(35), now));
    }

    #[test]
    fn who_was_refused_before_others_succeeded_does_not_count_again_until_it_succeeds() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        let refused = |ids: std::ops::Range<usize>| {
            ids.fold(false, |_, n| faults.failed(Kind::EverybodyRefused, &id(n), now))
        };
        assert!(refused(0..8));
        faults.succeeded(&id(99), now);
        assert!(!refused(0..8), "known to be refused while others are not");
        assert!(refused(20..26), "others are news");
        (0..8).for_each(|n| faults.succeeded(&id(n), now));
        assert!(refused(0..8), "they had recovered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_only_when_a_success_follows_it() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        let (grace, one) = (Duration::from_secs(2), id(1));
        faults.succeeded(&id(99), now);
        let before = faults.successes();
        assert_eq!(
            faults.evidence(&one, before, now, grace).await,
            Evidence::None,
            "an earlier one says nothing"
        );
        let (evidence, ()) =
            tokio::join!(faults.evidence(&one, before, now, grace), async { faults.succeeded(&id(99), now) });
        assert_eq!(evidence, Evidence::Stands);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_many_at_once_are_all_withheld() {
        let faults = faults();
        let now = DateTime::UNIX_EPOCH;
        let refusals = (0..20).map(|n| {
            let faults = faults.clone();
            async move { faults.evidence(&id(n), 0, now, Duration::from_secs(2)).await }
        });
        let evidence = futures_util::future::join_all(refusals).await;
        assert!(evidence.iter().all(|evidence| *evidence == Evidence::Withheld));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_probed_after_5_then_10_then_20_seconds() {
        let limiter = Limiter::new(4);
        let faults = Arc::new(SystemFault::new(limiter.clone()));
        faults.watch(&IoRuntime::new(tokio::runtime::Handle::current()), Shutdown::default());
        tokio::task::yield_now().await;
        faults.begin(Kind::ClientRefused, DateTime::UNIX_EPOCH, "");
        let start = tokio::time::Instant::now();
        for expected in [5, 15, 35] {
            drop(limiter.permit(0, None).await.unwrap());
            assert_eq!(start.elapsed().as_secs(), expected);
        }
    }
}
