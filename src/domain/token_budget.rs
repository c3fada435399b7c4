//! Calendly issues at most 8 tokens per user and minute: a sliding window that keeps within it.

use std::collections::VecDeque;
use std::time::Duration;

/// The documented limit.
pub const TOKENS_PER_MINUTE: usize = 8;

/// When one user's latest tokens were asked for; times are monotonic, from any fixed start.
#[derive(Debug, Default)]
pub struct TokenBudget(VecDeque<Duration>);

impl TokenBudget {
    const WINDOW: Duration = Duration::from_secs(60);

    /// Takes one token out of the budget, or says how long to wait until there is one.
    ///
    /// # Errors
    /// The wait, where the window is full.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) >= Self::WINDOW) {
            self.0.pop_front();
        }
        match self.0.front() {
            Some(oldest) if self.0.len() >= TOKENS_PER_MINUTE => {
                Err((*oldest + Self::WINDOW).saturating_sub(now))
            }
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }

    /// Nothing was asked for within the window: the entry can be forgotten.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        self.0.back().is_none_or(|at| now.saturating_sub(*at) >= Self::WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ninth_token_waits_for_the_first_to_leave_the_window() {
        let mut budget = TokenBudget::default();
        for second in 0..8 {
            assert_eq!(budget.take(Duration::from_secs(second)), Ok(()));
        }
        assert_eq!(budget.take(Duration::from_secs(10)), Err(Duration::from_secs(50)));
        assert_eq!(budget.take(Duration::from_secs(60)), Ok(()));
    }

    proptest! {
        #[test]
        fn no_minute_ever_sees_more_than_eight(mut times in prop::collection::vec(0_u64..300_000, 0..200)) {
            times.sort_unstable();
            let mut budget = TokenBudget::default();
            let granted: Vec<u64> =
                times.into_iter().filter(|t| budget.take(Duration::from_millis(*t)).is_ok()).collect();
            for (n, first) in granted.iter().enumerate() {
                let within = granted[n..].iter().take_while(|t| **t < first + 60_000).count();
                prop_assert!(within <= TOKENS_PER_MINUTE);
            }
        }
    }
}
