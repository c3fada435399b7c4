//! Which events an application should have seen, and every attempt to tell it. Numbers go on when old entries go.

use std::collections::VecDeque;
use std::sync::Arc;

/// An event that happened.
pub(in crate::simulator) struct Due {
    pub name: &'static str,
    pub invitee: u32,
    pub at: i64,
    /// How many subscriptions there were for it.
    pub subscriptions: u32,
    /// How many deliveries of it were answered 2xx.
    pub delivered: u32,
}

/// A delivery that was tried.
pub(in crate::simulator) struct Attempt {
    /// The number of its event.
    pub event: u64,
    pub subscription: u128,
    pub url: Arc<str>,
    pub at: i64,
    /// The how manieth of this delivery.
    pub attempt: u32,
    pub repeated: bool,
    pub posted: Posted,
    /// Microseconds.
    pub latency: i64,
}

/// What became of a POST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::simulator) enum Posted {
    Answered(u16),
    /// No answer, and why.
    Failed(&'static str),
}

impl Posted {
    pub(super) fn is_success(self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

pub(in crate::simulator) struct DeliveryLedger {
    pub due: Numbered<Due>,
    pub attempts: Numbered<Attempt>,
}

impl DeliveryLedger {
    pub(super) fn new(cap: usize) -> Self {
        Self { due: Numbered::new(cap), attempts: Numbered::new(cap) }
    }
}

/// Entries that are counted from 1; of too many the oldest go.
pub(in crate::simulator) struct Numbered<T> {
    cap: usize,
    forgotten: u64,
    entries: VecDeque<T>,
}

impl<T> Numbered<T> {
    fn new(cap: usize) -> Self {
        Self { cap, forgotten: 0, entries: VecDeque::new() }
    }

    /// The new entry's number.
    pub(super) fn push(&mut self, entry: T) -> u64 {
        self.entries.push_back(entry);
        let number = self.forgotten + self.entries.len() as u64;
        if self.entries.len() > self.cap {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        number
    }

    /// How many have gone.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.entries.get(self.place(number)?)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = self.place(number)?;
        self.entries.get_mut(place)
    }

    /// Those with a number above `after`, oldest first.
    pub(super) fn after(&self, after: u64) -> impl Iterator<Item = (u64, &T)> {
        let skipped = usize::try_from(after.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        (self.forgotten + 1..).zip(&self.entries).skip(skipped)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.forgotten + 1)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_when_the_oldest_go() {
        let mut numbered = Numbered::new(2);
        assert_eq!(["a", "b", "c"].map(|entry| numbered.push(entry)), [1, 2, 3]);
        assert_eq!((numbered.forgotten(), numbered.get(1), numbered.get(2)), (1, None, Some(&"b")));
        assert_eq!(numbered.after(0).collect::<Vec<_>>(), [(2, &"b"), (3, &"c")]);
        assert_eq!(numbered.after(2).collect::<Vec<_>>(), [(3, &"c")]);
        assert_eq!(numbered.after(9).count(), 0);
    }
}
