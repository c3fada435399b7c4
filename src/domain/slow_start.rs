//! Slow start: after a start or a fault one at a time, then 2, 4, ... while all goes well, so that no herd forms.

/// How many may be under way at once; grows by one with each success (so it doubles each round), falls to one at a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStart {
    allowed: usize,
    max: usize,
}

impl SlowStart {
    /// Starts at one, up to `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { allowed: 1, max: max.max(1) }
    }

    /// How many may be under way now.
    #[must_use]
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    /// One went well.
    pub fn succeeded(&mut self) {
        self.allowed = (self.allowed + 1).min(self.max);
    }

    /// A fault of the whole system: start over.
    pub fn restart(&mut self) {
        self.allowed = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_doubles_up_to_the_maximum() {
        let mut start = SlowStart::new(10);
        let mut rounds = vec![];
        for _ in 0..6 {
            rounds.push(start.allowed());
            for _ in 0..start.allowed() {
                start.succeeded();
            }
        }
        assert_eq!(rounds, [1, 2, 4, 8, 10, 10]);
        start.restart();
        assert_eq!(start.allowed(), 1);
    }
}
