//! At most half of each user's rate for what nobody waits for: the rest is the application's, and the repairs'.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::rate::number;
use crate::ports::Clock;

const MINUTE: Duration = Duration::from_secs(60);
/// Calls a minute, until an answer says otherwise: the least that Calendly allows any plan.
const LEAST: u32 = 50;
/// Of the limit, at once; with what comes again within a minute it is half.
const AT_ONCE: f64 = 0.1;
const COMES_AGAIN: f64 = 0.4;
const MOST_USERS: usize = 1 << 16;

/// What each user's calls of this kind have used.
pub(super) struct Half {
    clock: Arc<dyn Clock>,
    users: Mutex<HashMap<Box<str>, Used>>,
}

/// Calls are paid back evenly; until `paid` (boot time) those made so far are.
#[derive(Clone, Copy)]
struct Used {
    limit: u32,
    paid: Duration,
}

impl Half {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, users: Mutex::default() }
    }

    /// Counts a call that is about to be made.
    ///
    /// # Errors
    /// How long to wait before it may be.
    pub(super) fn admit(&self, user: &str) -> Result<(), Duration> {
        let now = self.clock.boot();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MOST_USERS && !users.contains_key(user) {
            users.retain(|_, used| used.paid > now);
        }
        let used = users.entry(user.into()).or_insert(Used { limit: LEAST, paid: now });
        let limit = f64::from(used.limit.max(1));
        let each = MINUTE.div_f64(limit * COMES_AGAIN);
        let at_once = each.mul_f64((limit * AT_ONCE).max(1.0));
        let paid = used.paid.max(now) + each;
        // Rounding must not make a call that has waited as told wait again.
        match (paid - now).checked_sub(at_once).filter(|wait| *wait > Duration::from_millis(1)) {
            Some(wait) => Err(wait),
            None => {
                used.paid = paid;
                Ok(())
            }
        }
    }

    /// Notes what an answer says about the user's limit.
    pub(super) fn observe(&self, user: &str, headers: &HeaderMap) {
        let Some(limit) = number(headers, "x-ratelimit-limit") else { return };
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = users.get_mut(user) {
            used.limit = u32::try_from(limit).unwrap_or(u32::MAX).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use reqwest::header::HeaderValue;

    use super::*;

    struct HandClock(Mutex<Duration>);

    impl Clock for HandClock {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }

        fn boot(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    /// How many calls a caller who waits as told makes in each minute.
    fn calls_a_minute(limit: Option<u32>, minutes: u64) -> Vec<usize> {
        let clock = Arc::new(HandClock(Mutex::new(Duration::from_secs(500))));
        let half = Half::new(clock.clone());
        let mut headers = HeaderMap::new();
        if let Some(limit) = limit {
            headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        }
        let mut calls = vec![];
        while clock.boot() < Duration::from_secs(500) + MINUTE * minutes as u32 {
            match half.admit("anna") {
                Ok(()) => {
                    half.observe("anna", &headers);
                    calls.push(clock.boot());
                }
                Err(wait) => *clock.0.lock().unwrap() += wait,
            }
        }
        calls
            .iter()
            .map(|from| calls.iter().filter(|at| *at >= from && **at - *from < MINUTE).count())
            .collect()
    }

    #[test]
    fn no_minute_has_more_than_half_of_the_limit_and_nearly_half_is_used() {
        for (limit, half) in [(None, 25), (Some(50), 25), (Some(500), 250), (Some(10), 5)] {
            let most = calls_a_minute(limit, 5).into_iter().max().unwrap();
            assert!((half * 3 / 4..=half + 1).contains(&most), "{most} of {limit:?}");
        }
    }

    #[test]
    fn one_user_keeps_nobody_else_waiting() {
        let half = Half::new(Arc::new(HandClock(Mutex::default())));
        while half.admit("anna").is_ok() {}
        assert_eq!(half.admit("ben"), Ok(()));
        assert!(half.admit("anna").unwrap_err() <= Duration::from_secs(4));
    }
}
