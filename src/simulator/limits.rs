//! Minute windows: how many calls a user has left. What a refused call is answered stands in `errors`.

use super::time::SECOND;

pub(super) const MINUTE: i64 = 60;

/// One user's fixed window of a minute, opened by its first call.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    opened_at: i64,
    used: u32,
}

/// What the X-RateLimit headers say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the window resets.
    pub reset: u32,
}

impl Window {
    /// Takes one call out of the window; false when none is left. A `limit` of 0 allows any number.
    pub(crate) fn take(&mut self, limit: u32, now: i64) -> bool {
        self.roll(now);
        if limit > 0 && self.used >= limit {
            return false;
        }
        self.used = self.used.saturating_add(1);
        true
    }

    pub(crate) fn allowance(&mut self, limit: u32, now: i64) -> Allowance {
        self.roll(now);
        let reset = (self.opened_at + MINUTE * SECOND - now + SECOND - 1) / SECOND;
        Allowance { limit, remaining: limit.saturating_sub(self.used), reset: reset.clamp(1, MINUTE) as u32 }
    }

    fn roll(&mut self, now: i64) {
        if now - self.opened_at >= MINUTE * SECOND {
            *self = Self { opened_at: now, used: 0 };
        }
    }
}

impl Allowance {
    /// Of a caller nobody knows.
    pub(crate) fn untouched(limit: u32) -> Self {
        Self { limit, remaining: limit, reset: MINUTE as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_refuses_the_call_above_its_limit_and_opens_again_after_a_minute() {
        let mut window = Window::default();
        let start = 1_000 * MINUTE * SECOND;
        assert!((0..8).all(|_| window.take(8, start)));
        assert!(!window.take(8, start + 59 * SECOND));
        assert_eq!(window.allowance(8, start + 59 * SECOND).reset, 1);
        assert!(window.take(8, start + 60 * SECOND));
        assert_eq!(window.allowance(8, start + 60 * SECOND).remaining, 7);
    }

    #[test]
    fn a_limit_of_zero_never_refuses() {
        let mut window = Window::default();
        assert!((0..1000).all(|_| window.take(0, SECOND)));
    }
}
