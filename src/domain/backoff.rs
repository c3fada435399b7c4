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

    proptest! {
        #[test]
        fn a_delay_is_between_half_the_least_and_the_cap(attempt in 0_u32.., jitter in -1.0..2.0) {
            let delay = POLICY.delay(attempt, jitter);
            prop_assert!(delay >= POLICY.min / 2 && delay <= POLICY.max);
        }
    }
}
