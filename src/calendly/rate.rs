//! Each user's rate limit as the headers tell it, so that a call is not made which can only be refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::ports::Clock;

/// More than the users that are asked about within one window (a minute) even where there are a million of them.
const MOST_USERS: usize = 1 << 16;
/// Calendly's window is a minute; a header that says more than an hour means something else.
const LONGEST: Duration = Duration::from_secs(3600);
/// Seconds are whole and answers overtake one another: windows that end this close together are the same.
const SAME_WINDOW: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What is left to each user.
pub(super) struct Rate {
    clock: Arc<dyn Clock>,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    windows: HashMap<Box<str>, Window>,
    swept: Duration,
}

/// Until `ends` (boot time), `remaining` calls may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    remaining: u32,
    ends: Duration,
}

impl Rate {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, users: Mutex::default() }
    }

    /// Counts a call that is about to be made.
    ///
    /// # Errors
    /// The user's window is exhausted for so long.
    pub(super) fn admit(&self, user: &str) -> Result<(), Duration> {
        let now = self.clock.boot();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        match users.windows.get_mut(user) {
            Some(window) if window.ends <= now => {
                users.windows.remove(user);
                Ok(())
            }
            Some(Window { remaining: 0, ends }) => Err(*ends - now),
            Some(window) => {
                window.remaining -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes what an answer says about the user's window; `refused` where it was a 429.
    pub(super) fn observe(&self, user: &str, headers: &HeaderMap, refused: bool) {
        let remaining =
            number(headers, "x-ratelimit-remaining").map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let (remaining, lasts) = match (refused, remaining) {
            (true, _) => (0, wait(headers, self.clock.now())),
            (false, Some(remaining)) => (remaining, reset(headers)),
            (false, None) => return,
        };
        let Some(lasts) = lasts else { return };
        let now = self.clock.boot();
        let seen = Window { remaining, ends: now + lasts };
        self.users.lock().unwrap_or_else(PoisonError::into_inner).note(user, seen, now);
    }
}

impl Users {
    fn note(&mut self, user: &str, seen: Window, now: Duration) {
        if let Some(known) = self.windows.get_mut(user) {
            *known = known.and(seen, now);
            return;
        }
        if self.windows.len() >= MOST_USERS && self.swept + SWEEP_EVERY <= now {
            self.swept = now;
            self.windows.retain(|_, window| window.ends > now);
        }
        // Forgetting costs a refused call at worst.
        if self.windows.len() < MOST_USERS {
            self.windows.insert(user.into(), seen);
        }
    }
}

impl Window {
    /// Answers of one window may come in any order, so the least counts; another window replaces this one.
    fn and(self, seen: Self, now: Duration) -> Self {
        let same = now < self.ends && seen.ends.abs_diff(self.ends) <= SAME_WINDOW;
        let earlier = seen.ends < self.ends && now < self.ends;
        match (same, earlier, self.remaining) {
            (true, ..) => {
                Self { remaining: self.remaining.min(seen.remaining), ends: self.ends.max(seen.ends) }
            }
            // A wait once asked for stands, whatever an overtaken answer says.
            (false, true, 0) => self,
            _ => seen,
        }
    }
}

/// How long the headers ask to wait: `Retry-After`, seconds or a date, else until the window is reset.
pub(super) fn wait(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| {
        let text = value.to_str().ok()?.trim();
        match text.parse::<u64>() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => Some((http_date(text)? - now).to_std().unwrap_or_default()),
        }
    });
    // A wait of nothing would be a loop, a wait of a year a connection that is dead for no reason.
    retry_after.or_else(|| reset(headers)).map(|wait| wait.clamp(Duration::from_secs(1), LONGEST))
}

fn reset(headers: &HeaderMap) -> Option<Duration> {
    let seconds = number(headers, "x-ratelimit-reset")?;
    Some(Duration::from_secs(seconds).clamp(Duration::from_secs(1), LONGEST))
}

pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// RFC 9110's date, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|date| date.with_timezone(&Utc))
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
