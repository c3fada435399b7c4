//! Texts that are the same in most rows, kept once in memory: scopes, the OAuth client.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// More different ones are not the same in most rows.
const MOST: usize = 1_000;

/// Every text that was asked for, up to a limit.
#[derive(Debug, Default)]
pub(super) struct SharedText(Mutex<HashSet<Arc<str>>>);

impl SharedText {
    /// The text as everybody has it.
    pub(super) fn get(&self, text: &str) -> Arc<str> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(text) {
            return shared.clone();
        }
        let new: Arc<str> = text.into();
        if known.len() < MOST {
            known.insert(new.clone());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_kept_once_and_many_texts_are_not_kept() {
        let shared = SharedText::default();
        assert!(Arc::ptr_eq(&shared.get("a b"), &shared.get("a b")));
        for n in 0..2 * MOST {
            assert_eq!(&*shared.get(&n.to_string()), n.to_string());
        }
        assert_eq!(shared.0.lock().unwrap().len(), MOST);
    }
}
