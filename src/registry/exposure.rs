//! How long new tokens were in memory alone: from the answer's arrival to the first durable write.

use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::lock;

/// Longer ones count as an hour.
const LONGEST: u64 = 3_600_000_000;

/// Counts durations, in microseconds, to three digits.
pub struct Exposure(Mutex<Option<Histogram<u64>>>);

/// What was measured since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// Half were no longer.
    pub median: Duration,
    /// 99 of 100 were no longer.
    pub p99: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Exposure {
    fn default() -> Self {
        Self(Mutex::new(Histogram::new_with_bounds(1, LONGEST, 3).ok()))
    }
}

impl Exposure {
    /// One more rotation.
    pub fn record(&self, exposed: Duration) {
        if let Some(histogram) = &mut *lock(&self.0) {
            let micros = u64::try_from(exposed.as_micros()).unwrap_or(LONGEST);
            histogram.saturating_record(micros.max(1));
        }
    }

    /// `None` while nothing was measured.
    #[must_use]
    pub fn read(&self) -> Option<Exposed> {
        let histogram = lock(&self.0);
        let histogram = histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        let at = |quantile| Duration::from_micros(histogram.value_at_quantile(quantile));
        Some(Exposed { median: at(0.5), p99: at(0.99), longest: Duration::from_micros(histogram.max()) })
    }
}

impl Exposure {
    /// How many were longer than the bound before and at most as long as this one, for each of these bounds in seconds,
    /// and how many were longer than all.
    #[must_use]
    pub fn buckets(&self, bounds: &[f64]) -> Vec<(f64, u64)> {
        let histogram = lock(&self.0);
        let mut from = 0;
        let counts = bounds.iter().copied().chain([f64::MAX]).map(|bound| {
            let to = if bound == f64::MAX { u64::MAX } else { (bound * 1e6) as u64 };
            let count = histogram.as_ref().map_or(0, |histogram| histogram.count_between(from, to));
            from = to.saturating_add(1);
            (bound, count)
        });
        counts.collect()
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        let histogram = lock(&self.0);
        let sum = histogram.as_ref().map_or(0.0, |histogram| histogram.mean() * histogram.len() as f64);
        Duration::from_micros(sum as u64)
    }
}

impl std::fmt::Debug for Exposure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Exposure").field(&self.read()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_under_its_bound() {
        let exposure = Exposure::default();
        for millis in [1, 2, 3, 50, 4000] {
            exposure.record(Duration::from_millis(millis));
        }
        let counts: Vec<_> =
            exposure.buckets(&[0.0025, 0.1, 1.0]).into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 2, 0, 1]);
        assert!(exposure.sum().abs_diff(Duration::from_millis(4056)) < Duration::from_millis(5));
    }

    #[test]
    fn nothing_is_said_before_something_was_measured() {
        let exposure = Exposure::default();
        assert_eq!(exposure.read(), None);
        for millis in 1..=100 {
            exposure.record(Duration::from_millis(millis));
        }
        let exposed = exposure.read().unwrap();
        let near =
            |is: Duration, millis: u64| is.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1);
        assert!(
            near(exposed.median, 50) && near(exposed.p99, 99) && near(exposed.longest, 100),
            "{exposed:?}"
        );
    }
}
