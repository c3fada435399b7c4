//! How far the database has come: what shows that it went back further than the journal and memory know.

use std::sync::Mutex;

use log::{debug, warn};

use super::Journalling;
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// The sum of all generations, as far as this process knows.
#[derive(Default)]
pub(super) struct Reached(Mutex<State>);

#[derive(Default)]
struct State {
    /// `None`: nothing is known.
    count: Option<i64>,
    /// As it was noted for the next start.
    noted: Option<i64>,
    /// So many generations are lacking that could not be written again.
    lacks: i64,
    /// Changes when the database is asked, and when it has answered.
    asked: u64,
}

/// How far the database must have come, by what was known when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(Option<i64>);

/// From before a pair was on its way into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Journalling {
    /// To be taken when a pair has arrived, for [`Journalling::committed`].
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(lock(&self.reached.0).asked)
    }

    /// The database has one more generation. Where it was asked since the `mark`, its answer may have had this one
    /// already: counted twice, the database would seem to have gone back the next time.
    pub fn committed(&self, id: &ConnectionId, mark: Mark) {
        lock(&self.reached.0).committed(mark);
        self.is_doubted_no_more(id);
    }

    /// To be taken before the database is asked how far it has come: what is committed while it answers may be in its answer
    /// or not.
    #[must_use]
    pub fn ask(&self) -> Asked {
        lock(&self.reached.0).ask()
    }

    /// Compares how far the database has come with how far it had come: by memory, and by the note of the time before.
    pub async fn compare(&self, asked: Asked, now: i64) {
        let noted = self.journal.reached().await.unwrap_or_else(|failure| {
            warn!(target: "journal", error:% = failure; "how far the database had come cannot be read");
            None
        });
        lock(&self.reached.0).compare(asked, now, noted);
    }

    /// Notes how far the database has come, where that has changed.
    pub async fn note_reached(&self) {
        let Some(count) = lock(&self.reached.0).take_news() else { return };
        if let Err(failure) = self.journal.note_reached(count).await {
            lock(&self.reached.0).noted = None;
            debug!(target: "journal", error:% = failure; "how far the database has come could not be noted");
        }
    }

    /// By how many generations that nobody knows the database went back since this was last called.
    pub fn take_went_back(&self) -> Option<i64> {
        Some(std::mem::take(&mut lock(&self.reached.0).lacks)).filter(|lacks| *lacks > 0)
    }
}

impl State {
    fn committed(&mut self, mark: Mark) {
        if mark == Mark(self.asked) {
            self.count = self.count.map(|count| count + 1);
        }
    }

    fn ask(&mut self) -> Asked {
        self.asked += 1;
        Asked(self.count)
    }

    fn compare(&mut self, Asked(count): Asked, now: i64, noted: Option<i64>) {
        self.asked += 1;
        self.count = Some(now);
        let before = count.max(noted);
        if let Some(before) = before.filter(|before| now < *before) {
            self.lacks = before - now;
            self.noted = None;
        }
    }

    fn take_news(&mut self) -> Option<i64> {
        let count = self.count?;
        (self.noted.replace(count) != Some(count)).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(state: &mut State, now: i64, noted: Option<i64>) {
        let asked = state.ask();
        state.compare(asked, now, noted);
    }

    fn mark(state: &State) -> Mark {
        Mark(state.asked)
    }

    #[test]
    fn a_database_that_lacks_what_memory_or_the_note_had_went_back() {
        let mut state = State::default();
        compare(&mut state, 10, None);
        assert_eq!((state.lacks, state.take_news()), (0, Some(10)));
        state.committed(mark(&state));
        assert_eq!((state.take_news(), state.take_news()), (Some(11), None));
        compare(&mut state, 9, Some(11));
        assert_eq!((state.lacks, state.take_news()), (2, Some(9)), "from there it goes on");

        let mut next = State::default();
        compare(&mut next, 9, Some(11));
        assert_eq!(next.lacks, 2);
    }

    /// After each outage the keeper said at its next start that the database had gone back.
    #[test]
    fn a_pair_that_was_on_its_way_while_the_database_was_asked_is_not_counted_twice() {
        let mut state = State::default();
        compare(&mut state, 10, None);
        let on_its_way = mark(&state);
        compare(&mut state, 11, None); // a replay has written it, or its commit was just done
        state.committed(on_its_way);
        assert_eq!(state.take_news(), Some(11));
        compare(&mut state, 11, Some(11));
        assert_eq!(state.lacks, 0);
    }

    /// After an outage with many pairs in hand one of them was committed between the question and the answer, and for hours
    /// the database was said to have gone back.
    #[test]
    fn a_pair_that_was_committed_while_the_database_answered_is_not_lacking() {
        for taken_before in [true, false] {
            let mut state = State::default();
            compare(&mut state, 10, None);
            let early = mark(&state);
            let asked = state.ask();
            let one = if taken_before { early } else { mark(&state) };
            state.committed(one); // after the answer was made
            state.compare(asked, 10, Some(10));
            assert_eq!(state.lacks, 0);
            let late = mark(&state);
            state.committed(late);
            assert_eq!(state.take_news(), Some(11), "no further than it is");
        }
    }
}
