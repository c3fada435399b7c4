//! The ledger of gaps: the times in which events may have been lost. Only a counted backfill closes one.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::backfill::Progress;
use crate::domain::ids::ConnectionId;

/// Time in which events may have been lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub connection: ConnectionId,
    /// From when on.
    pub from: DateTime<Utc>,
    /// When it was found and repaired.
    pub opened_at: DateTime<Utc>,
    /// Machine-readable.
    pub reason: String,
}

/// A gap that is not closed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenGap {
    /// Its number in the ledger.
    pub number: i64,
    /// What it is.
    pub gap: Gap,
    /// How far its backfill has come; `None` where it has not begun.
    pub progress: Option<Progress>,
    /// Events that were found so far.
    pub found: u64,
}

/// The ledger as the database keeps it. Every operation runs to its end even when its caller goes away.
#[async_trait]
pub trait Gaps: Send + Sync {
    /// A new row. Told twice it is one; told again after it was closed it is open again.
    ///
    /// # Errors
    /// Where the database does not answer; so for all operations here.
    async fn open_gap(&self, gap: Gap) -> Result<(), StoreError>;
    /// Those that are not closed, in the order in which they were opened, after a number.
    async fn open_gaps(&self, after: i64, limit: usize) -> Result<Vec<OpenGap>, StoreError>;
    /// Notes how far these have come, and how many more events were found for each of some.
    async fn note_progress(
        &self,
        gaps: Vec<i64>,
        progress: Progress,
        found: Vec<(i64, u64)>,
    ) -> Result<(), StoreError>;
    /// Everything in them has been found.
    async fn close_gaps(&self, gaps: Vec<i64>, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// When a keeper last took deliveries with this database, by [`Gaps::note_alive`].
    async fn alive_at(&self) -> Result<Option<DateTime<Utc>>, StoreError>;
    /// Notes that one does.
    async fn note_alive(&self, at: DateTime<Utc>) -> Result<(), StoreError>;
}
