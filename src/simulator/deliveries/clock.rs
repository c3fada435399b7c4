//! The time that passes for deliveries: faster than real time, or put forward, so that a day takes a moment.

use std::time::Duration;

use tokio::time::Instant;

/// Microseconds since its start; what it says never goes back.
pub(super) struct DeliveryClock {
    factor: f64,
    since: Instant,
    shown: i64,
}

impl DeliveryClock {
    pub(super) fn new(factor: f64) -> Self {
        Self { factor, since: Instant::now(), shown: 0 }
    }

    pub(super) fn now(&self) -> i64 {
        let passed = self.since.elapsed().as_secs_f64() * self.factor;
        self.shown.saturating_add((passed * 1e6) as i64)
    }

    /// How long it really takes until that moment.
    pub(super) fn until(&self, moment: i64) -> Duration {
        let micros = moment.saturating_sub(self.now()).max(0) as f64;
        Duration::from_secs_f64(micros / 1e6 / self.factor)
    }

    pub(super) fn set_factor(&mut self, factor: f64) {
        self.shown = self.now();
        self.since = Instant::now();
        self.factor = factor;
    }

    pub(super) fn pass(&mut self, micros: i64) {
        self.shown = self.shown.saturating_add(micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[tokio::test(start_paused = true)]
    async fn hours_pass_in_seconds_and_another_pace_changes_only_what_comes() {
        let mut clock = DeliveryClock::new(3600.0);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(), 7200 * SECOND);
        clock.set_factor(1.0);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), 7205 * SECOND);
        clock.pass(95 * SECOND);
        assert_eq!(clock.now(), 7300 * SECOND);
        clock.set_factor(10.0);
        assert_eq!(clock.until(7400 * SECOND), Duration::from_secs(10));
        assert_eq!(clock.until(0), Duration::ZERO);
    }
}
