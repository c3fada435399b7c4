//! The application as it answers: up, down, or wanting no more.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::slow_start::SlowStart;

/// So many failures without a success between them mean that it is down for all.
const DOWN_AFTER: u32 = 5;
/// One event at a time shows whether it is back.
const PROBE_EVERY: TimeDelta = TimeDelta::seconds(10);

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
    down_since: Option<DateTime<Utc>>,
    probe_at: DateTime<Utc>,
    paused: bool,
}

impl Target {
    /// Held to be up; begins with one at a time, up to `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let start = SlowStart::new(max);
        Self { start, failures: 0, down_since: None, probe_at: DateTime::<Utc>::MIN_UTC, paused: false }
    }

    /// How many may be on their way now.
    #[must_use]
    pub fn allowed(&self, now: DateTime<Utc>) -> Allowed {
        match self.down_since {
            _ if self.paused => Allowed::Paused,
            Some(_) if now < self.probe_at => Allowed::NotBefore(self.probe_at),
            Some(_) => Allowed::Probe,
            None => Allowed::Due(self.start.allowed()),
        }
    }

    /// A probe begins: the next one later.
    pub fn probing(&mut self, now: DateTime<Utc>) {
        self.probe_at = now + PROBE_EVERY;
    }

    /// It took one.
    pub fn took(&mut self, now: DateTime<Utc>) -> Changed {
        self.failures = 0;
        match self.down_since.take() {
            Some(since) => Changed::Back((now - since).to_std().unwrap_or_default()),
            None => {
                self.start.succeeded();
                Changed::Nothing
            }
        }
    }

    /// It did not take one.
    pub fn failed(&mut self, now: DateTime<Utc>) -> Changed {
        self.failures = self.failures.saturating_add(1);
        if self.failures < DOWN_AFTER || self.down_since.is_some() {
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
        self.failures = 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn down() -> Target {
        let mut target = Target::new(8);
        let changes: Vec<_> = (0..5).map(|second| target.failed(at(second))).collect();
        assert_eq!(changes[..4], [Changed::Nothing; 4]);
        assert_eq!(changes[4], Changed::Down);
        target
    }

    #[test]
    fn one_that_is_down_is_probed_every_ten_seconds() {
        let mut target = down();
        assert_eq!(target.allowed(at(5)), Allowed::NotBefore(at(14)));
        assert_eq!(target.allowed(at(14)), Allowed::Probe);
        target.probing(at(14));
        assert_eq!(target.failed(at(15)), Changed::Nothing);
        assert_eq!(target.allowed(at(15)), Allowed::NotBefore(at(24)));
    }

    #[test]
    fn when_a_probe_is_taken_all_goes_on_slowly_at_first() {
        let mut target = down();
        assert_eq!(target.took(at(64)), Changed::Back(Duration::from_secs(60)));
        assert_eq!(target.allowed(at(64)), Allowed::Due(1));
        for _ in 0..20 {
            assert_eq!(target.took(at(65)), Changed::Nothing);
        }
        assert_eq!(target.allowed(at(65)), Allowed::Due(8));
    }

    #[test]
    fn a_success_between_failures_keeps_it_up() {
        let mut target = Target::new(8);
        for second in 0..100 {
            assert_eq!(target.failed(at(second)), Changed::Nothing);
            if second % 4 == 3 {
                assert_eq!(target.took(at(second)), Changed::Nothing);
            }
        }
        assert!(target.down_since().is_none());
    }

    #[test]
    fn one_that_wants_no_more_gets_none_until_somebody_says_so() {
        let mut target = Target::new(8);
        assert_eq!((target.gone(), target.gone()), (Changed::Paused, Changed::Nothing));
        assert_eq!(target.allowed(at(1_000_000)), Allowed::Paused);
        assert!(target.resume() && !target.resume());
        assert_eq!(target.allowed(at(0)), Allowed::Due(1));
    }
}
