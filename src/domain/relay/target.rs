//! The application as it answers: up, down, or wanting no more.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::event::Line;
use crate::domain::slow_start::SlowStart;

/// So many failures without a success between them mean that it is down for all.
const DOWN_AFTER: u32 = 5;
/// Where it answers, and only says no, they have to be of so many lines: else it is one invitee's trouble.
const LINES: usize = 3;
/// One event at a time shows whether it is back.
const PROBE_EVERY: TimeDelta = TimeDelta::seconds(10);
/// One that answers may take an event that was not tried yet: they are tried so far from each other.
const TRY_EVERY: TimeDelta = TimeDelta::milliseconds(100);

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered, or something before the application did.
    NoAnswer,
    /// It said no, perhaps to this event alone.
    Refused,
}

impl Failure {
    /// From an answer's status, where there was an answer.
    #[must_use]
    pub fn of(status: Option<u16>) -> Self {
        match status {
            None | Some(408 | 429 | 502..=504) => Self::NoAnswer,
            Some(_) => Self::Refused,
        }
    }
}

/// How many events may be on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// So many of those that are due.
    Due(usize),
    /// One, due or not.
    Probe,
    /// None until then.
    NotBefore(DateTime<Utc>),
    /// None: it wants no more.
    Paused,
}

/// What an attempt changed for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// It is down.
    Down,
    /// It is back: what waits is due. Down for so long.
    Back(Duration),
    /// It wants no more.
    Paused,
}

/// The application's endpoint.
#[derive(Clone, Debug)]
pub struct Target {
    start: SlowStart,
    failures: u32,
    unanswered: u32,
    /// Of the failures, a few.
    lines: HashSet<Line>,
    down_since: Option<DateTime<Utc>>,
    /// While it is down: it answered the latest one.
    answers: bool,
    probe_at: DateTime<Utc>,
    try_at: DateTime<Utc>,
    paused: bool,
}

impl Target {
    /// Held to be up; begins with one at a time, up to `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let start = SlowStart::new(max);
        Self {
            start,
            failures: 0,
            unanswered: 0,
            lines: HashSet::new(),
            down_since: None,
            answers: false,
            probe_at: DateTime::<Utc>::MIN_UTC,
            try_at: DateTime::<Utc>::MIN_UTC,
            paused: false,
        }
    }

    /// How many may be on their way now.
    #[must_use]
    pub fn allowed(&self, now: DateTime<Utc>) -> Allowed {
        match self.down_since {
            _ if self.paused => Allowed::Paused,
            Some(_) if !waits(now, self.probe_at, PROBE_EVERY) => Allowed::Probe,
            Some(_) if !self.answers => Allowed::NotBefore(self.probe_at),
            Some(_) if waits(now, self.try_at, TRY_EVERY) => Allowed::NotBefore(self.try_at),
            Some(_) => Allowed::Due(1),
            None => Allowed::Due(self.start.allowed()),
        }
    }

    /// A probe begins: the next one later.
    pub fn probing(&mut self, now: DateTime<Utc>) {
        self.probe_at = now + PROBE_EVERY;
    }

    /// It took one.
    pub fn took(&mut self, now: DateTime<Utc>) -> Changed {
        (self.failures, self.unanswered) = (0, 0);
        self.lines.clear();
        match self.down_since.take() {
            Some(since) => Changed::Back((now - since).to_std().unwrap_or_default()),
            None => {
                self.start.succeeded();
                Changed::Nothing
            }
        }
    }

    /// It did not take one of this line.
    pub fn failed(&mut self, now: DateTime<Utc>, how: Failure, line: &Line) -> Changed {
        self.failures = self.failures.saturating_add(1);
        self.answers = how == Failure::Refused;
        self.unanswered = self.unanswered.saturating_add(u32::from(!self.answers));
        self.try_at = now + TRY_EVERY;
        if self.lines.len() < LINES {
            self.lines.insert(line.clone());
        }
        let is_down =
            self.unanswered >= DOWN_AFTER || self.failures >= DOWN_AFTER && self.lines.len() >= LINES;
        if self.down_since.is_some() || !is_down {
            return Changed::Nothing;
        }
        self.down_since = Some(now);
        self.start.restart();
        self.probing(now);
        Changed::Down
    }

    /// It answered 410.
    pub fn gone(&mut self) -> Changed {
        if std::mem::replace(&mut self.paused, true) { Changed::Nothing } else { Changed::Paused }
    }

    /// Somebody says that it wants events again. Whether it had been paused.
    pub fn resume(&mut self) -> bool {
        (self.failures, self.unanswered) = (0, 0);
        std::mem::replace(&mut self.paused, false)
    }

    /// Since when it is down, as far as known.
    #[must_use]
    pub fn down_since(&self) -> Option<DateTime<Utc>> {
        self.down_since
    }

    /// Whether it wants no more.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }
}

/// Whether that is still to come: nothing is further away than it was put, but for a clock that was set back.
fn waits(now: DateTime<Utc>, until: DateTime<Utc>, put: TimeDelta) -> bool {
    now < until && until - now <= put
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
