//! Faults of the whole system: recognised as such, said once, probed, and never blamed on a single connection.

mod kind;
mod refusals;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log::{info, warn};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

pub use self::kind::Kind;
pub use self::refusals::Evidence;

use self::kind::Group;
use super::limiter::Limiter;
use crate::domain::ids::ConnectionId;
use crate::ports::StoreError;
use crate::registry::lock;

/// So many connections in a row, without a success between them, are not their own fault any more.
const MANY: usize = 5;

/// Where there are fewer connections, all of them are as good as many, if they failed so often together.
const AGAIN: usize = 3;

/// Where writes fail again so soon after a write went well, only a refresh that succeeds says that all is well.
const STUBBORN: TimeDelta = TimeDelta::minutes(1);

/// A fault that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub kind: Kind,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Watches what comes of all rotations together.
#[derive(Debug)]
pub struct SystemFault {
    limiter: Arc<Limiter>,
    state: Mutex<State>,
    changed: Notify,
    /// Counts up when a fault begins or ends.
    faults: watch::Sender<u64>,
    /// Refusals that were withheld are confirmed one by one, or they would look like everybody's again.
    confirming: tokio::sync::Mutex<()>,
    calling: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    faults: BTreeMap<Kind, DateTime<Utc>>,
    /// Distinct connections that failed alike since the last success.
    streaks: HashMap<Kind, Streak>,
    /// Connections whose refusal was withheld, and how many successes there had been then.
    withheld: HashMap<ConnectionId, u64>,
    successes: u64,
    /// When the latest came, by boot time.
    succeeded_at: Duration,
    /// Something was not written as it should have been, and nothing has been written since.
    doubts_database: bool,
    database_back: Option<DateTime<Utc>>,
    stubborn: bool,
}

#[derive(Debug, Default)]
struct Streak {
    /// No more than it takes to be many.
    ids: HashSet<ConnectionId>,
    times: usize,
}

impl State {
    fn is_holding(&self) -> bool {
        self.faults.keys().any(|kind| kind.holds())
    }

    fn holds_any_of(&self, group: Group) -> Option<Kind> {
        self.faults.keys().copied().find(|kind| kind.group() == group)
    }
}

impl SystemFault {
    /// Holds and resumes `limiter`.
    #[must_use]
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self {
            limiter,
            state: Mutex::default(),
            changed: Notify::new(),
            faults: watch::Sender::new(0),
            confirming: tokio::sync::Mutex::default(),
            calling: tokio::sync::Mutex::default(),
        }
    }

    /// The fault that is shown now.
    #[must_use]
    pub fn current(&self) -> Option<Fault> {
        let state = lock(&self.state);
        state.faults.first_key_value().map(|(&kind, &since)| Fault { kind, since })
    }

    /// All that hold now.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        lock(&self.state).faults.iter().map(|(&kind, &since)| Fault { kind, since }).collect()
    }

    /// Hears when one begins or ends.
    #[must_use]
    pub fn faults_changed(&self) -> watch::Receiver<u64> {
        self.faults.subscribe()
    }

    /// Whether this one is there, shown or not.
    #[must_use]
    pub fn is(&self, kind: Kind) -> bool {
        lock(&self.state).faults.contains_key(&kind)
    }

    /// Whether refreshing stops for all.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        lock(&self.state).is_holding()
    }

    /// Something that is wrong for all by its nature. False where it was so already, or is hidden by another.
    pub fn begin(&self, kind: Kind, now: DateTime<Utc>, detail: &str) -> bool {
        let mut state = lock(&self.state);
        let mut since = now;
        if state.faults.contains_key(&kind) {
            return false;
        }
        match state.holds_any_of(kind.group()) {
            Some(other) if kind.group() == Group::Database => {
                since = state.faults.remove(&other).unwrap_or(now); // it goes on as another one
            }
            Some(_) if kind.holds() => return false,
            _ => {}
        }
        state.faults.insert(kind, since);
        if kind.holds() {
            self.limiter.hold(); // under the lock: a success at the same time must not resume before this holds
        }
        drop(state);
        self.changed.notify_waiters();
        self.faults.send_modify(|count| *count += 1);
        let fault = kind.as_str();
        if kind.holds() {
            warn!(target: "supervisor", fault, hint = detail; "system fault, refreshing stops for all");
        } else {
            warn!(target: "supervisor", fault, hint = detail; "system fault, the connections concerned are left alone");
        }
        true
    }

    /// This one is over.
    pub fn end(&self, kind: Kind, now: DateTime<Utc>) {
        self.end_where(now, |of| of == kind, |_| {});
    }

    /// Ends those that `which` names, after `change`.
    fn end_where(&self, now: DateTime<Utc>, which: impl Fn(Kind) -> bool, change: impl FnOnce(&mut State)) {
        let ended = {
            let mut state = lock(&self.state);
            change(&mut state);
            let held = state.is_holding();
            let mut ended = vec![];
            state.faults.retain(|&kind, &mut since| {
                let over = which(kind);
                if over {
                    ended.push((kind, since));
                }
                !over
            });
            if held && !state.is_holding() {
                self.limiter.resume();
            }
            ended
        };
        if !ended.is_empty() {
            self.changed.notify_waiters();
            self.faults.send_modify(|count| *count += 1);
        }
        for (kind, since) in ended {
            let lasted = (now - since).num_seconds().max(0).unsigned_abs();
            let lasted = humantime::format_duration(Duration::from_secs(lasted));
            info!(target: "supervisor", fault = kind.as_str(), lasted:% = lasted; "system fault is over");
        }
    }

    /// One connection failed in a way that many may share, `among` so many that there are. True where a fault of that kind
    /// holds now.
    pub fn failed(&self, kind: Kind, id: &ConnectionId, among: usize, now: DateTime<Utc>) -> bool {
        if self.count(kind, id) || self.have_all_failed(kind, among) {
            self.begin(kind, now, "no connection is marked; it ends by itself when a refresh succeeds");
        }
        self.is(kind)
    }

    /// The store failed a connection, for a reason that may be everybody's.
    pub fn store_failed(&self, error: &StoreError, id: &ConnectionId, now: DateTime<Utc>) {
        let Some(kind) = Kind::of_store(error) else { return };
        self.doubt_database();
        if self.count(kind, id) {
            {
                let mut state = lock(&self.state);
                if state.holds_any_of(Group::Database).is_none() {
                    state.stubborn = state.database_back.is_some_and(|back| now - back < STUBBORN);
                }
            }
            self.begin(kind, now, &error.to_string());
        }
    }

    /// Counts a connection among those that failed alike since the last success; true where they are many.
    fn count(&self, kind: Kind, id: &ConnectionId) -> bool {
        let mut state = lock(&self.state);
        let streak = state.streaks.entry(kind).or_default();
        streak.times += 1;
        if streak.ids.len() <= MANY {
            streak.ids.insert(id.clone());
        }
        streak.ids.len() > MANY
    }

    fn have_all_failed(&self, kind: Kind, among: usize) -> bool {
        let state = lock(&self.state);
        state.streaks.get(&kind).is_some_and(|streak| streak.ids.len() >= among && streak.times >= AGAIN)
    }

    /// A refresh succeeded, and its pair is in the database: whatever kept it from that is over.
    pub fn succeeded(&self, now: DateTime<Utc>) {
        let answered = |kind: Kind| matches!(kind.group(), Group::Calendly | Group::Database);
        self.end_where(now, answered, |state| {
            state.streaks.clear();
            state.doubts_database = false;
            state.stubborn = false;
            self.limiter.succeeded();
        });
        self.changed.notify_waiters();
    }

    /// The token endpoint has answered sensibly, though not with tokens: it is neither away nor failing.
    pub fn answered(&self, now: DateTime<Utc>) {
        let away = [Kind::CalendlyUnreachable, Kind::CalendlyFailing, Kind::EverybodyThrottled];
        self.end_where(
            now,
            |kind| away.contains(&kind),
            |state| {
                state.streaks.retain(|kind, _| !away.contains(kind));
            },
        );
    }

    /// Something that the database should have done was not done, or takes its time: it is to be tried.
    pub fn doubt_database(&self) {
        lock(&self.state).doubts_database = true;
    }

    /// Whether the database has to show that it takes writes.
    #[must_use]
    pub fn doubts_database(&self) -> bool {
        let state = lock(&self.state);
        state.doubts_database || state.holds_any_of(Group::Database).is_some()
    }

    /// The database answers, and has taken a write where that was in doubt.
    pub fn database_is_back(&self, now: DateTime<Utc>) {
        if lock(&self.state).stubborn {
            return;
        }
        self.end_where(
            now,
            |kind| kind.group() == Group::Database,
            |state| {
                state.streaks.retain(|kind, _| kind.group() != Group::Database);
                state.doubts_database = false;
                if state.holds_any_of(Group::Database).is_some() {
                    state.database_back = Some(now);
                }
            },
        );
    }

    /// Ends when something has changed since this call, even before it is first polled: a fault began or ended, or a
    /// refresh succeeded.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

#[cfg(test)]
mod tests;
