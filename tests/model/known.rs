//! What is known of each state, by its hash: one word a state, so that millions fit.

/// The search has come to it.
pub(crate) const SEEN: u64 = 1;
/// Some way leads on from it to calm.
pub(crate) const CALM: u64 = 2;

const MARKS: u64 = SEEN | CALM;

/// An open table of hashes; their two lowest bits are the marks. No word is 0: every state in it has a mark.
pub(crate) struct Known {
    words: Vec<u64>,
    used: usize,
    seen: usize,
}

impl Known {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; 1 << 10], used: 0, seen: 0 }
    }

    /// How many states the search has come to.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    pub(crate) fn has(&self, hash: u64, mark: u64) -> bool {
        self.words[self.place(hash)] & mark != 0
    }

    /// Sets the mark; whether it is new.
    pub(crate) fn mark(&mut self, hash: u64, mark: u64) -> bool {
        if self.used * 4 > self.words.len() * 3 {
            self.grow();
        }
        let place = self.place(hash);
        let before = self.words[place];
        if before & mark != 0 {
            return false;
        }
        self.used += usize::from(before == 0);
        self.seen += usize::from(mark == SEEN);
        self.words[place] = hash & !MARKS | before & MARKS | mark;
        true
    }

    /// Where the hash is, or would be.
    fn place(&self, hash: u64) -> usize {
        let last = self.words.len() - 1;
        let mut place = (hash >> 2) as usize & last;
        loop {
            let word = self.words[place];
            if word == 0 || word & !MARKS == hash & !MARKS {
                return place;
            }
            place = (place + 1) & last;
        }
    }

    fn grow(&mut self) {
        let larger = vec![0; self.words.len() * 2];
        for word in std::mem::replace(&mut self.words, larger) {
            if word != 0 {
                let place = self.place(word);
                self.words[place] = word;
            }
        }
    }
}

#[test]
fn a_table_that_grows_forgets_no_mark() {
    let mut known = Known::new();
    let hash = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for number in 1..5000 {
        assert!(known.mark(hash(number), if number % 2 == 0 { SEEN } else { CALM }));
    }
    assert_eq!(known.seen(), 2499);
    for number in 1..5000 {
        let even = number % 2 == 0;
        assert_eq!((known.has(hash(number), SEEN), known.has(hash(number), CALM)), (even, !even));
        assert!(known.mark(hash(number), if even { CALM } else { SEEN }));
        assert!(!known.mark(hash(number), SEEN) && !known.mark(hash(number), CALM));
    }
    assert_eq!(known.seen(), 4999);
}
