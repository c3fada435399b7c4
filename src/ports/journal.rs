//! The rotation journal, and what seals its records.

use std::collections::BTreeSet;

use async_trait::async_trait;
use secrecy::zeroize::Zeroizing;

use crate::domain::journal::{Journalled, Record};

/// Which part of a journal a record went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt(pub u32);

/// Why the journal could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing can be made durable now: the disk is full, or gone.
    #[error("the rotation journal cannot be written: {0}")]
    Unwritable(String),
    /// What is there is of another database, sealed with another key, or damaged.
    #[error("the rotation journal cannot be used: {0}")]
    Unusable(String),
}

/// A durable place on this machine for what the database may lack.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Durable when it returns.
    ///
    /// # Errors
    /// Where the disk does not take it.
    async fn append(&self, record: Record) -> Result<Receipt, JournalError>;
    /// What that append wrote is in the database; it may go ten minutes from now.
    async fn settle(&self, receipt: Receipt);
    /// All that is kept, newest for each connection, also what other processes wrote into this data directory.
    ///
    /// # Errors
    /// Where it cannot be read.
    async fn known(&self) -> Result<Journalled, JournalError>;
    /// What [`Journal::known`] said last is in the database. `wrote`: some of it only since just now, so that the ten
    /// minutes begin anew; else they go on from where they were first settled, by whatever process.
    async fn settle_known(&self, wrote: bool);
    /// How far the database had come, as [`Journal::note_reached`] noted it last.
    ///
    /// # Errors
    /// Where that cannot be read.
    async fn reached(&self) -> Result<Option<i64>, JournalError>;
    /// Notes how far the database has come, for the next start.
    ///
    /// # Errors
    /// Where the disk does not take it.
    async fn note_reached(&self, count: i64) -> Result<(), JournalError>;
    /// Removes what may go.
    async fn tidy(&self);
    /// The ids of the keys that what is kept was sealed with; none where nothing is sealed. It is a read like any other:
    /// not to be called between [`Journal::known`] and [`Journal::settle_known`].
    ///
    /// # Errors
    /// Where it cannot be read.
    async fn keys(&self) -> Result<BTreeSet<String>, JournalError> {
        Ok(BTreeSet::new())
    }
}

/// Seals and opens secrets for adapters that keep some. `row` and `column` say where: what is moved does not open.
pub trait Sealer: Send + Sync {
    /// `None` only where there is no key.
    fn seal(&self, row: &str, column: &str, text: &[u8]) -> Option<Vec<u8>>;
    /// `None` where no key opens it.
    fn open(&self, row: &str, column: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
    /// The id of the key that sealed something, for a message.
    fn sealed_with(&self, sealed: &[u8]) -> Option<String>;
}
