//! What was announced about whom, in memory, with the time at which each is to be looked at again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::notice::{After, Announced, Delivery, Next, Open, Standing, Subject};

/// Everybody with something to say.
#[derive(Debug, Default)]
pub(super) struct Book {
    known: BTreeMap<Subject, Known>,
    /// When who is due.
    times: BTreeSet<(DateTime<Utc>, Subject)>,
    /// Not saved yet, or not any more.
    unsaved: HashSet<Subject>,
}

#[derive(Debug, Default)]
struct Known {
    announced: Announced,
    due: Option<DateTime<Utc>>,
    /// An attempt is under way; whether it may have arrived before that.
    under_way: Option<bool>,
}

impl Book {
    /// As it was saved.
    pub(super) fn load(&mut self, saved: Vec<(Subject, Announced)>) {
        for (subject, announced) in saved {
            self.known.insert(subject, Known { announced, ..Known::default() });
        }
    }

    pub(super) fn contains(&self, subject: &Subject) -> bool {
        self.known.contains_key(subject)
    }

    /// All of them.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        self.known.keys().cloned().collect()
    }

    /// The system faults among them.
    pub(super) fn faults(&self) -> Vec<Subject> {
        self.known.range(Subject::System("".into())..).map(|(subject, _)| subject.clone()).collect()
    }

    /// Compares how it stands with what was announced; `since` is noted where something is wrong. True where an attempt is
    /// due.
    pub(super) fn look(
        &mut self,
        subject: &Subject,
        (standing, since): (Standing, Option<DateTime<Utc>>),
        now: DateTime<Utc>,
    ) -> bool {
        if !self.contains(subject) && !matches!(standing, Standing::Wrong(_)) {
            return false;
        }
        let known = self.known.entry(subject.clone()).or_default();
        if known.under_way.is_some() {
            return false; // its end comes first, and then it is looked at
        }
        let before = known.announced.clone();
        if matches!(standing, Standing::Wrong(_)) {
            known.announced.since = since;
        }
        let next = known.announced.look(subject, standing, now, Uuid::new_v4);
        if known.announced != before {
            self.unsaved.insert(subject.clone());
        }
        match next {
            Next::Forget => self.forget(subject),
            Next::Wait(at) => self.set_due(subject, at),
            Next::Send => {
                self.set_due(subject, Some(now));
                return true;
            }
        }
        false
    }

    fn forget(&mut self, subject: &Subject) {
        self.set_due(subject, None);
        self.known.remove(subject);
        self.unsaved.insert(subject.clone());
    }

    fn set_due(&mut self, subject: &Subject, due: Option<DateTime<Utc>>) {
        let Some(known) = self.known.get_mut(subject) else { return };
        if let Some(before) = std::mem::replace(&mut known.due, due) {
            self.times.remove(&(before, subject.clone()));
        }
        self.times.extend(due.map(|due| (due, subject.clone())));
    }

    /// Those whose time has come, the longest overdue first, so many at most.
    pub(super) fn due(&self, now: DateTime<Utc>, at_most: usize) -> Vec<Subject> {
        self.times
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(at_most)
            .map(|(_, who)| who.clone())
            .collect()
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.times.first().map(|(due, _)| *due)
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, subject: &Subject, now: DateTime<Utc>) {
        self.set_due(subject, None);
        if let Some(known) = self.known.get_mut(subject) {
            known.under_way = Some(known.announced.begin(now));
            self.unsaved.insert(subject.clone());
        }
    }

    /// What is on its way.
    pub(super) fn open(&self, subject: &Subject) -> Option<(Open, &Announced)> {
        let known = &self.known.get(subject)?.announced;
        Some((known.open?, known))
    }

    /// The attempt has ended; it is to be looked at again.
    pub(super) fn end(&mut self, subject: &Subject, delivery: Delivery, now: DateTime<Utc>) -> After {
        let Some(known) = self.known.get_mut(subject) else { return After::Taken };
        let before = known.under_way.take().unwrap_or_default();
        self.unsaved.insert(subject.clone());
        known.announced.end(before, delivery, now)
    }

    /// What has to be saved.
    pub(super) fn take_unsaved(&mut self) -> Vec<(Subject, Option<Announced>)> {
        let subjects = std::mem::take(&mut self.unsaved);
        let state = |subject: &Subject| self.known.get(subject).map(|known| known.announced.clone());
        subjects.into_iter().map(|subject| (subject.clone(), state(&subject))).collect()
    }

    pub(super) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// They could not be saved.
    pub(super) fn still_unsaved(&mut self, subjects: Vec<Subject>) {
        self.unsaved.extend(subjects);
    }
}
