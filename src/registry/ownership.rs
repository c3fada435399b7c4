//! Which connections are this keeper's: all of them, until shards are leased to several keepers.

use crate::domain::ids::ConnectionId;

/// What this keeper works on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Every connection in the database.
    #[default]
    All,
}

impl Ownership {
    /// Whether a connection is this keeper's.
    #[must_use]
    pub fn includes(self, _id: &ConnectionId) -> bool {
        match self {
            Self::All => true,
        }
    }
}
