//! Whose tokens may be used up, since the database went back further than anybody remembers.

use std::collections::HashSet;
use std::sync::Mutex;

use super::Journalling;
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// Until their next pair is committed.
#[derive(Default)]
pub(super) struct Doubted(Mutex<HashSet<ConnectionId>>);

impl Journalling {
    /// The database went back: these connections' tokens may be used up.
    pub fn doubt(&self, ids: impl Iterator<Item = ConnectionId>) {
        lock(&self.doubted.0).extend(ids);
    }

    /// Whether a connection's token may be used up since the database went back.
    #[must_use]
    pub fn is_doubted(&self, id: &ConnectionId) -> bool {
        lock(&self.doubted.0).contains(id)
    }

    /// It has a new one.
    pub(super) fn is_doubted_no_more(&self, id: &ConnectionId) {
        let mut doubted = lock(&self.doubted.0);
        if !doubted.is_empty() {
            doubted.remove(id);
        }
    }
}
