//! The service's objective: the share of refreshes that succeeded, over the last day, so that a bad hour is forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use crate::registry::counters::Counted;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The counters once an hour, for a day.
#[derive(Debug, Default)]
pub(super) struct LastDay(VecDeque<(Duration, Counted)>);

impl LastDay {
    /// In percent, where it is below all: `99.98%`.
    pub(super) fn objective(&mut self, now: Duration, counted: &Counted) -> Option<String> {
        let latest = self.0.back().map(|(at, _)| now.saturating_sub(*at));
        if latest.is_none_or(|age| age >= HOUR) {
            // The first covers what came before it.
            let counted = if latest.is_none() { Counted::default() } else { *counted };
            self.0.push_back((now, counted));
        }
        while self.0.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= DAY) {
            self.0.pop_front();
        }
        let (_, then) = self.0.front()?;
        let share = counted.since(then).objective().filter(|share| *share < 10_000)?;
        Some(format!("{}.{:02}%", share / 100, share % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(refreshed: u64, transient: u64, refused: u64) -> Counted {
        Counted { refreshed, transient, refused, ..Counted::default() }
    }

    #[test]
    fn it_is_shown_below_all_without_the_refused_and_rounded_down() {
        let mut day = LastDay::default();
        assert_eq!(day.objective(HOUR, &counted(0, 0, 0)), None);
        assert_eq!(day.objective(HOUR, &counted(100, 0, 7)), None);
        assert_eq!(day.objective(HOUR, &counted(99_999, 1, 7)).as_deref(), Some("99.99%"));
        assert_eq!(day.objective(HOUR, &counted(0, 3, 7)).as_deref(), Some("0.00%"));
    }

    #[test]
    fn a_failure_is_forgotten_after_a_day() {
        let mut day = LastDay::default();
        let shown: Vec<bool> = (0..30)
            .map(|hour| day.objective(hour * HOUR, &counted(100 + u64::from(hour), 1, 0)).is_some())
            .collect();
        assert!(shown[..24].iter().all(|shown| *shown), "{shown:?}");
        assert!(shown[26..].iter().all(|shown| !shown), "{shown:?}");
    }
}
