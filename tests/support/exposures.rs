//! How long new tokens were in memory alone, as keepers tell it in their status lines.

use std::time::Duration;

/// Of many lives, each of which measured for itself.
#[derive(Debug, Default)]
pub(crate) struct Exposures {
    medians: Vec<Duration>,
    p99s: Vec<Duration>,
}

impl Exposures {
    /// Takes in what a process has told last, where it refreshed something.
    pub(crate) fn life(&mut self, said: &str) {
        let told = |key| last_status(said, key).map(duration);
        if let Some((median, p99)) = told("exposure_median=").zip(told("exposure_p99=")) {
            self.medians.push(median);
            self.p99s.push(p99);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.medians.is_empty()
    }

    /// How many lives.
    pub(crate) fn len(&self) -> usize {
        self.medians.len()
    }

    /// The median of the lives' medians and that of their 99th percentiles, and the longest of these.
    pub(crate) fn figures(&self) -> (Duration, Duration, Duration) {
        let middle = |of: &[Duration]| {
            let mut sorted = of.to_vec();
            sorted.sort();
            sorted.get(sorted.len() / 2).copied().unwrap_or_default()
        };
        let worst = self.p99s.iter().max().copied().unwrap_or_default();
        (middle(&self.medians), middle(&self.p99s), worst)
    }
}

/// What stands behind `key` in the supervisor's last line that has it.
pub(crate) fn last_status<'a>(said: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = said.lines().rev();
    let status = lines.find(|line| line.contains(" supervisor ") && line.contains(key))?;
    status.split_whitespace().find_map(|word| word.strip_prefix(key))
}

/// As `Duration`'s own `{:?}` writes it.
fn duration(shown: &str) -> Duration {
    let unit = shown.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number: f64 = shown.trim_end_matches(unit).parse().unwrap();
    let seconds = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => panic!("{shown}: no duration"),
    };
    Duration::from_secs_f64(number * seconds)
}
