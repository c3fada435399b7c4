//! Consumers that fetch: what they have not acknowledged is kept for them, as long as they are seen.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

use crate::registry::lock;

/// Each note is a write; nothing that is kept for days depends on hours.
const NOTED_EVERY: TimeDelta = TimeDelta::hours(1);
/// More names than any application has. Beyond, the memory begins anew.
const MOST: usize = 10_000;

/// When each consumer was last noted.
#[derive(Debug, Default)]
pub struct Readers(Mutex<HashMap<Box<str>, DateTime<Utc>>>);

impl Readers {
    /// Whether this one is to be noted now.
    pub(super) fn is_due(&self, name: &str, now: DateTime<Utc>) -> bool {
        let noted = lock(&self.0);
        // A clock that was set back would else keep one from being noted.
        noted.get(name).is_none_or(|at| (now - *at).abs() >= NOTED_EVERY)
    }

    /// It was.
    pub(super) fn noted(&self, name: &str, now: DateTime<Utc>) {
        let mut noted = lock(&self.0);
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(name.into(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_noted_once_an_hour() {
        let (readers, now) = (Readers::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        assert!(readers.is_due("crm", now));
        readers.noted("crm", now);
        assert!(!readers.is_due("crm", now + TimeDelta::minutes(59)) && readers.is_due("billing", now));
        assert!(
            readers.is_due("crm", now + TimeDelta::hours(1))
                && readers.is_due("crm", now - TimeDelta::hours(1))
        );
    }
}
