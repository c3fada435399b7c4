//! Restart intensity as in Erlang/OTP: how many restarts in which period are borne before a child is given up.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;

/// The supervision policy of one kind of child.
#[derive(Clone, Copy, Debug)]
pub struct RestartPolicy {
    /// So many restarts within `period` are borne; one more is too many.
    pub max_restarts: usize,
    /// The sliding window.
    pub period: Duration,
    /// The delay before a restart.
    pub backoff: Backoff,
}

/// What to do with a child that has just failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AfterFailure {
    /// Start it again after `delay`; it is the `nth` failure in the period.
    Restart {
        /// Counts from 1.
        nth: usize,
        /// How long to wait first.
        delay: Duration,
    },
    /// Too many: park it.
    Quarantine,
}

/// A child's failures within the period, oldest first; times are monotonic, from any fixed start.
#[derive(Debug, Default)]
pub struct History(VecDeque<Duration>);

impl History {
    /// Notes a failure at `now` and says what follows.
    pub fn failed(&mut self, now: Duration, policy: &RestartPolicy, jitter: f64) -> AfterFailure {
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) > policy.period) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        let nth = self.0.len();
        if nth > policy.max_restarts {
            AfterFailure::Quarantine
        } else {
            AfterFailure::Restart { nth, delay: policy.backoff.delay(nth as u32, jitter) }
        }
    }
}

/// Tells a fault of all from faults of single children: many that fail within one period, and a large share of all.
#[derive(Debug, Default)]
pub struct Storm {
    /// When the period began.
    since: Duration,
    failed: HashSet<Arc<str>>,
    on: bool,
}

/// What has become of the weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// So many children failed within a period.
    StormBegins(usize),
    /// A whole period went by without that.
    StormEnds,
}

impl Storm {
    /// Fewer children than these are never a storm.
    const MANY: usize = 5;
    /// More than one of so many.
    const SHARE: usize = 4;

    /// Notes that a child failed at `now`; a child that fails again and again counts once a period.
    pub fn note(&mut self, child: Arc<str>, now: Duration) {
        if self.failed.is_empty() && !self.on {
            self.since = now;
        }
        self.failed.insert(child);
    }

    /// Says what has changed, of so many children in all. To be asked after each failure and now and then.
    pub fn look(&mut self, children: usize, now: Duration, period: Duration) -> Option<Weather> {
        let many = self.failed.len();
        let storm = many > Self::MANY && many * Self::SHARE > children;
        let over = now.saturating_sub(self.since) > period;
        if over {
            self.failed.clear();
            self.since = now;
        }
        if storm && !self.on {
            self.on = true;
            return Some(Weather::StormBegins(many));
        }
        if self.on && over && !storm {
            self.on = false;
            return Some(Weather::StormEnds);
        }
        None
    }

    /// Whether one is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }
}

/// How long a quarantined child is left alone before the `nth` new try (from 1): 10 minutes, doubling to 6 hours.
#[must_use]
pub fn quarantine_delay(nth: u32, jitter: f64) -> Duration {
    const REST: Backoff = Backoff { min: Duration::from_secs(600), max: Duration::from_secs(6 * 3600) };
    REST.delay(nth, jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RestartPolicy {
        RestartPolicy {
            max_restarts: 5,
            period: Duration::from_secs(60),
            backoff: Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) },
        }
    }

    #[test]
    fn the_sixth_failure_in_a_minute_is_one_too_many() {
        let mut history = History::default();
        for second in 0..5 {
            let verdict = history.failed(Duration::from_secs(second), &policy(), 0.5);
            assert!(matches!(verdict, AfterFailure::Restart { nth, .. } if nth == second as usize + 1));
        }
        assert_eq!(history.failed(Duration::from_secs(6), &policy(), 0.5), AfterFailure::Quarantine);
    }

    #[test]
    fn failures_far_apart_are_borne_for_ever() {
        let mut history = History::default();
        for n in 0..1000 {
            let verdict = history.failed(Duration::from_secs(13 * n), &policy(), 0.5);
            assert!(matches!(verdict, AfterFailure::Restart { nth, .. } if nth <= 5));
        }
    }

    const PERIOD: Duration = Duration::from_secs(60);

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn fail(storm: &mut Storm, children: std::ops::Range<usize>, now: Duration) {
        children.for_each(|n| storm.note(n.to_string().into(), now));
    }

    #[test]
    fn a_large_share_of_all_within_a_period_is_a_storm_and_said_once() {
        let mut storm = Storm::default();
        fail(&mut storm, 0..25, second(100));
        assert_eq!(storm.look(100, second(100), PERIOD), None, "a quarter is not more than a quarter");
        fail(&mut storm, 25..26, second(130));
        assert_eq!(storm.look(100, second(130), PERIOD), Some(Weather::StormBegins(26)));
        assert_eq!(storm.look(100, second(131), PERIOD), None);
        assert!(storm.is_on());
    }

    #[test]
    fn one_that_fails_again_and_again_is_no_storm_nor_are_few_of_few() {
        let mut storm = Storm::default();
        for n in 0..1000 {
            fail(&mut storm, 0..1, second(n));
            assert_eq!(storm.look(4, second(n), PERIOD), None);
        }
        fail(&mut storm, 0..5, second(1000));
        assert_eq!(storm.look(5, second(1000), PERIOD), None);
    }

    #[test]
    fn failures_far_apart_are_no_storm() {
        let mut storm = Storm::default();
        for n in 0..100 {
            fail(&mut storm, n..n + 1, second(20 * n as u64));
            assert_eq!(storm.look(10, second(20 * n as u64), PERIOD), None, "{n}");
        }
    }

    #[test]
    fn a_storm_ends_with_the_first_period_that_is_calm_and_may_come_again() {
        let mut storm = Storm::default();
        fail(&mut storm, 0..10, second(0));
        assert_eq!(storm.look(10, second(0), PERIOD), Some(Weather::StormBegins(10)));
        assert_eq!(storm.look(10, second(61), PERIOD), None, "the period that has ended was none");
        fail(&mut storm, 0..2, second(62));
        assert_eq!(storm.look(10, second(90), PERIOD), None);
        assert_eq!(storm.look(10, second(122), PERIOD), Some(Weather::StormEnds));
        fail(&mut storm, 0..10, second(500));
        assert_eq!(storm.look(10, second(500), PERIOD), Some(Weather::StormBegins(10)));
    }

    #[test]
    fn quarantine_rests_double_from_ten_minutes_to_six_hours() {
        let rests: Vec<_> = (1..=7).map(|n| quarantine_delay(n, 1.0).as_secs() / 60).collect();
        assert_eq!(rests, [10, 20, 40, 80, 160, 320, 360]);
    }
}
