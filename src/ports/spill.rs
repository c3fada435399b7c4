//! Where deliveries are kept while the database is away.

use async_trait::async_trait;

/// Why nothing can be kept there now.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SpillError(pub String);

/// A durable place on this machine for deliveries that the database could not take.
#[async_trait]
pub trait Spill: Send + Sync {
    /// Whether something is there that was not taken in yet, as far as known at the start.
    fn holds_some(&self) -> bool;
    /// Durable when it returns.
    ///
    /// # Errors
    /// Where the disk does not take it.
    async fn append(&self, record: Vec<u8>) -> Result<(), SpillError>;
    /// The next records that [`Spill::took`] was not told of, oldest first, about so many bytes of them; none where
    /// there are no more.
    ///
    /// # Errors
    /// Where they cannot be read.
    async fn next(&self, bytes: usize) -> Result<Vec<Vec<u8>>, SpillError>;
    /// Keeps a record apart that the database does not take, for people to look at.
    ///
    /// # Errors
    /// Where the disk does not take it.
    async fn set_aside(&self, record: Vec<u8>) -> Result<(), SpillError>;
    /// Removes what was taken long enough ago.
    async fn tidy(&self);
    /// What [`Spill::next`] said last is in the database. Records are kept ten minutes longer, for one that goes back, and
    /// are said again by the next start.
    async fn took(&self);
}
