//! How the store can fail, by what whoever asked does about it.

/// A failure of the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, too slow, or shutting down: try again later. A write may have happened.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// It answers, but takes no writes: read-only, or its disk is full. Nothing was written.
    #[error("the database takes no writes: {0}")]
    Unwritable(String),
    /// The database refused this very row: trying again does not help.
    #[error("the database refused the row: {0}")]
    Refused(String),
    /// What is stored cannot be read: wrong key, damage, another version.
    #[error("{0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether it is about the database and not about a row: trying again later helps.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unwritable(_))
    }
}
