//! The life of an access token: how long it lives and when it is refreshed.

use chrono::{DateTime, TimeDelta, Utc};

/// What an access token lives where Calendly does not say or says something absurd.
pub const DEFAULT_LIFETIME: Lifetime = Lifetime(7200);

/// An odd `expires_in` must not make a storm: at most one refresh a minute comes of it.
pub const MIN_INTERVAL_AFTER_ODD_EXPIRY: TimeDelta = TimeDelta::seconds(60);

/// An access token's whole lifetime in seconds, at least 1, at most a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lifetime(u32);

impl Lifetime {
    const MAX: i64 = 366 * 24 * 3600;

    /// From `expires_in`; `None` where no sane lifetime is said.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&seconds).then_some(Self(seconds as u32))
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        i64::from(self.0)
    }

    /// As a duration.
    #[must_use]
    pub fn delta(self) -> TimeDelta {
        TimeDelta::seconds(self.seconds())
    }
}

/// When a token that ends at `expires_at` is to be refreshed:
/// a fifth of its lifetime before the end (5 s at least, 15 min at most), and up to a twentieth earlier by jitter,
/// so that tokens issued together are not refreshed together; never before half the lifetime.
///
/// `jitter` is between 0 and 1.
#[must_use]
pub fn refresh_at(expires_at: DateTime<Utc>, lifetime: Lifetime, jitter: f64) -> DateTime<Utc> {
    let whole = lifetime.seconds() * 1000;
    let margin = (whole / 5).clamp(5_000, 15 * 60 * 1000);
    let spread = (whole as f64 / 20.0 * jitter.clamp(0.0, 1.0)) as i64;
    expires_at - TimeDelta::milliseconds((margin + spread).min(whole / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_two_hour_token_is_refreshed_a_quarter_of_an_hour_before_its_end() {
        assert_eq!(refresh_at(at(7200), DEFAULT_LIFETIME, 0.0), at(7200 - 900));
        assert_eq!(refresh_at(at(7200), DEFAULT_LIFETIME, 1.0), at(7200 - 900 - 360));
    }

    #[test]
    fn a_minute_token_is_refreshed_twelve_seconds_before_its_end() {
        assert_eq!(refresh_at(at(60), Lifetime::from_seconds(60).unwrap(), 0.0), at(48));
    }

    #[test]
    fn absurd_lifetimes_are_none() {
        for seconds in [i64::MIN, -1, 0, Lifetime::MAX + 1, i64::MAX] {
            assert_eq!(Lifetime::from_seconds(seconds), None);
        }
    }

    proptest! {
        #[test]
        fn a_refresh_falls_into_the_second_half_of_the_life(seconds in 1_i64..=Lifetime::MAX, jitter in 0.0..=1.0) {
            let lifetime = Lifetime::from_seconds(seconds).unwrap();
            let due = refresh_at(at(seconds), lifetime, jitter);
            prop_assert!(due < at(seconds));
            prop_assert!(due >= at(0) + lifetime.delta() / 2);
        }

        #[test]
        fn more_jitter_is_never_later(seconds in 1_i64..=100_000, a in 0.0..=1.0, b in 0.0..=1.0) {
            let lifetime = Lifetime::from_seconds(seconds).unwrap();
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(refresh_at(at(0), lifetime, more) <= refresh_at(at(0), lifetime, less));
        }
    }
}
