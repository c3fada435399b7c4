//! The one retry policy: exponential, capped, jittered.

use std::time::Duration;

/// Delays that double from `min` to `max`; each is drawn between its half and its whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay's upper bound.
    pub min: Duration,
    /// No delay is longer.
    pub max: Duration,
}

impl Backoff {
    /// The delay before try number `attempt` + 1, `attempt` counting failures from 1; `jitter` between 0 and 1.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled =
            self.min.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        let ceiling = doubled.min(self.max);
        ceiling.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// For something that must succeed within `left`: no delay is longer than a quarter of that, so that the tries
    /// get denser as the end comes near. Where nothing is left there is no hurry any more.
    #[must_use]
    pub fn within(self, left: Duration) -> Self {
        if left.is_zero() {
            return self;
        }
        Self { max: (left / 4).max(self.min).min(self.max), ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn delays_double_up_to_the_cap() {
        let delays: Vec<_> = (1..=8).map(|n| POLICY.delay(n, 1.0).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn in_a_hurry_there_are_more_tries_before_the_end_and_none_the_faster_after_it() {
        let mut left = Duration::from_secs(12);
        let mut tries = 0;
        while !left.is_zero() {
            tries += 1;
            left = left.saturating_sub(POLICY.within(left).delay(tries, 1.0));
        }
        assert!(tries >= 6, "{tries}");
        assert_eq!(POLICY.within(Duration::ZERO), POLICY);
        assert_eq!(POLICY.within(Duration::from_secs(3600)), POLICY);
    }

    proptest! {
        #[test]
        fn a_delay_is_between_half_the_least_and_the_cap(attempt in 0_u32.., jitter in -1.0..2.0) {
            let delay = POLICY.delay(attempt, jitter);
            prop_assert!(delay >= POLICY.min / 2 && delay <= POLICY.max);
        }
    }
}
