//! What was announced about a subject, and what follows from it: when is something said, said again, or left out.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Kind, Standing, Subject};

/// A change waits so long before it is said: what is taken back by then was none.
const SETTLE: TimeDelta = TimeDelta::seconds(2);
/// So many notices an hour about one subject; what comes then is summed up in the next one.
const AN_HOUR: usize = 4;
const HOUR: TimeDelta = TimeDelta::hours(1);
/// Between two attempts, doubling.
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(5);
const LAST_RETRY: TimeDelta = TimeDelta::minutes(10);
/// Who has not taken it by then, will not.
const GIVE_UP: TimeDelta = TimeDelta::days(3);
/// When it is said again, in days after it was first said; later every 30 days.
const REMINDERS: [u32; 5] = [1, 3, 7, 14, 30];
const AND_THEN_EVERY: u32 = 30;

/// What is known about the notices of one subject. Whoever is well and was never talked about has none of this.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announced {
    /// What the receiver holds to be wrong.
    pub told: Option<Told>,
    /// What is to be sent, and is sent until it is taken. At most one.
    pub open: Option<Open>,
    /// What was last seen to be wrong.
    pub seen: Option<Kind>,
    /// Since when, for whoever tells of its end.
    pub since: Option<DateTime<Utc>>,
    /// When notices were sent for the first time, in the last hour.
    pub recent: Vec<DateTime<Utc>>,
    /// Changes that the receiver may not know of: not said, since too much had been, or said and lost.
    pub withheld: u32,
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// That this is wrong.
    pub kind: Kind,
    /// When it was first taken.
    pub at: DateTime<Utc>,
    /// The reminders that are behind.
    pub reminders: u32,
}

/// A notice on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The same in every attempt.
    pub id: Uuid,
    /// What it says.
    pub kind: Kind,
    /// When it was opened.
    pub at: DateTime<Utc>,
    /// So far.
    pub attempts: u32,
    /// The next one.
    pub next_at: DateTime<Utc>,
    /// It may have arrived, though nobody said so.
    pub reached: bool,
    /// How many changes it sums up, where that was too much to be said one by one.
    pub changes: u32,
    /// Which reminder it is; 0: none.
    pub reminder: u32,
}

/// What is to be done about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is nothing left to remember.
    Forget,
    /// Nothing until then, or until it stands otherwise.
    Wait(Option<DateTime<Utc>>),
    /// An attempt is due.
    Send,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// With 2xx.
    Taken,
    /// Not, and whether something may have arrived.
    Failed {
        /// It may.
        reached: bool,
    },
}

/// What became of the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is taken.
    Taken,
    /// It is sent again.
    Again,
    /// It was tried for too long.
    GivenUp,
}

impl Announced {
    /// Compares how the subject stands with what was announced. `id` makes one for a new notice.
    pub fn look(
        &mut self,
        subject: &Subject,
        standing: Standing,
        now: DateTime<Utc>,
        id: impl FnOnce() -> Uuid,
    ) -> Next {
        let wrong = match standing {
            Standing::Gone => return Next::Forget,
            Standing::Hidden => return Next::Wait(None),
            Standing::Well => None,
            Standing::Wrong(kind) => Some(kind),
        };
        self.recent.retain(|at| (now - *at).abs() < HOUR); // the other way round where the clock was set back
        if wrong != self.seen {
            self.seen = wrong;
            self.withheld += u32::from(self.recent.len() >= AN_HOUR);
        }
        if let Some(open) = self.open.take_if(|open| open.kind.wrong() != wrong) {
            self.take_back(open);
        }
        if let Some(open) = &mut self.open {
            open.next_at = open.next_at.min(now + LAST_RETRY); // a clock that was set back delays nothing for long
            return if open.next_at <= now { Next::Send } else { Next::Wait(Some(open.next_at)) };
        }
        if self.told.map(|told| told.kind) != wrong || self.withheld > 0 {
            if self.recent.len() >= AN_HOUR {
                return Next::Wait(self.recent.first().map(|oldest| *oldest + HOUR));
            }
            let changes = std::mem::take(&mut self.withheld);
            let kind = wrong.unwrap_or_else(|| subject.recovered());
            let open = Open { changes, next_at: now + SETTLE, ..Open::new(id(), kind, now) };
            self.open = Some(open);
            return Next::Wait(Some(open.next_at));
        }
        match self.told.filter(|told| told.kind.is_repeated()) {
            Some(told) if told.next_reminder() <= now => {
                let reminder = told.reminders + 1;
                self.open = Some(Open { reminder, ..Open::new(id(), told.kind, now) });
                Next::Send
            }
            Some(told) => Next::Wait(Some(told.next_reminder())),
            None if self.told.is_some() => Next::Wait(None),
            // As long as it may come again, how often it was said is remembered.
            None => self.recent.first().map_or(Next::Forget, |oldest| Next::Wait(Some(*oldest + HOUR))),
        }
    }

    /// An attempt begins. From now on it may have arrived, whatever becomes of this process; answers whether it may
    /// have before.
    pub fn begin(&mut self, now: DateTime<Utc>) -> bool {
        let Some(open) = &mut self.open else { return false };
        if open.attempts == 0 {
            self.recent.push(now);
        }
        open.attempts = open.attempts.saturating_add(1);
        std::mem::replace(&mut open.reached, true)
    }

    /// The attempt has ended; `before` is what [`Announced::begin`] said.
    pub fn end(&mut self, before: bool, delivery: Delivery, now: DateTime<Utc>) -> After {
        let Some(mut open) = self.open.take() else { return After::Taken };
        let reached = match delivery {
            Delivery::Taken => {
                self.believe(open, now);
                return After::Taken;
            }
            Delivery::Failed { reached } => before || reached,
        };
        if now - open.at >= GIVE_UP {
            self.believe(open, now); // else it would be opened anew at once
            return After::GivenUp;
        }
        open.reached = reached;
        open.next_at = now + retry_after(open.attempts);
        self.open = Some(open);
        After::Again
    }

    /// What it says is not so any more. Where it may have arrived, nobody knows what the receiver believes: it is told how
    /// things stand, even if that is what it was told before.
    fn take_back(&mut self, open: Open) {
        self.withheld = self.withheld.saturating_add(open.changes).max(open.reached.into());
    }

    /// The receiver has heard it.
    fn believe(&mut self, open: Open, now: DateTime<Utc>) {
        let before = self.told.take();
        self.told = open.kind.wrong().map(|kind| match before.filter(|told| told.kind == kind) {
            // Reminders that nobody was there to send are not made up for.
            Some(told) => Told { reminders: told.reminders.max(open.reminder).max(told.due(now)), ..told },
            None => Told { kind, at: now, reminders: 0 },
        });
    }
}

impl Open {
    fn new(id: Uuid, kind: Kind, now: DateTime<Utc>) -> Self {
        Self { id, kind, at: now, attempts: 0, next_at: now, reached: false, changes: 0, reminder: 0 }
    }
}

impl Told {
    fn next_reminder(&self) -> DateTime<Utc> {
        self.at + TimeDelta::days(days_of(self.reminders).into())
    }

    /// How many reminders should have been by now.
    fn due(&self, now: DateTime<Utc>) -> u32 {
        (self.reminders..)
            .find(|nth| self.at + TimeDelta::days(days_of(*nth).into()) > now)
            .unwrap_or_default()
    }
}

/// The days after which the reminder comes that has so many before it.
fn days_of(before: u32) -> u32 {
    let regular = before.saturating_sub(REMINDERS.len() as u32 - 1);
    REMINDERS
        .get(before as usize)
        .copied()
        .unwrap_or(AND_THEN_EVERY.saturating_mul(regular.saturating_add(1)))
}

fn retry_after(attempts: u32) -> TimeDelta {
    let doubled = 1_i32.checked_shl(attempts.saturating_sub(1)).filter(|times| *times > 0 && *times <= 1024);
    doubled.map_or(LAST_RETRY, |times| (FIRST_RETRY * times).min(LAST_RETRY))
}

#[cfg(test)]
#[path = "announced_tests.rs"]
mod tests;
