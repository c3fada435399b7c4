//! Restart intensity as in Erlang/OTP: how many restarts in which period are borne before a child is given up.

use std::collections::VecDeque;
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

    #[test]
    fn quarantine_rests_double_from_ten_minutes_to_six_hours() {
        let rests: Vec<_> = (1..=7).map(|n| quarantine_delay(n, 1.0).as_secs() / 60).collect();
        assert_eq!(rests, [10, 20, 40, 80, 160, 320, 360]);
    }
}
