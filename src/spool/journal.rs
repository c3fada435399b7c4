//! The rotation journal: sealed records in a spool of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::record::{decode, encode};
use super::{Home, Spool, Visit};
use crate::domain::journal::{Journalled, Record};
use crate::ports::{Clock, Journal, JournalError, Receipt, Sealer};

const KIND: &str = "rotations";
const COLUMN: &str = "journal";

/// Where a journal is and whose.
#[derive(Clone, Debug)]
pub struct Place {
    /// Made where it is missing.
    pub directory: PathBuf,
    /// The id of the database that it stands beside.
    pub database: String,
}

/// A [`Journal`] in files.
pub struct JournalFile {
    spool: Spool,
    home: Home,
    seals: Seals,
}

#[derive(Clone)]
struct Seals {
    sealer: Arc<dyn Sealer>,
    database: Arc<str>,
}

impl JournalFile {
    /// Opens it, and looks whether all that is there can be read.
    ///
    /// # Errors
    /// Where a file is of another database, sealed with another key, or damaged; nothing is changed then.
    pub async fn open(
        place: Place,
        sealer: Arc<dyn Sealer>,
        clock: Arc<dyn Clock>,
        handle: &Handle,
    ) -> Result<Self, JournalError> {
        let seals = Seals { sealer, database: place.database.as_str().into() };
        let home = Home { directory: place.directory, kind: KIND, database: place.database };
        let checking = seals.clone();
        let visit: Visit = Box::new(move |record| checking.open(&record).map(drop));
        let spool = Spool::open(home.clone(), clock, handle, visit).await?;
        Ok(Self { spool, home, seals })
    }
}

#[async_trait]
impl Journal for JournalFile {
    async fn append(&self, record: Record) -> Result<Receipt, JournalError> {
        let sealed = self.seals.seal(&record)?;
        self.spool.append(sealed).await
    }

    async fn settle(&self, receipt: Receipt) {
        self.spool.settle(receipt).await;
    }

    async fn known(&self) -> Result<Journalled, JournalError> {
        let all = Arc::new(Mutex::new(Journalled::default()));
        let (seals, into) = (self.seals.clone(), all.clone());
        let visit: Visit = Box::new(move |record| {
            let record = seals.open(&record)?;
            into.lock().unwrap_or_else(PoisonError::into_inner).add(record);
            Ok(())
        });
        self.spool.read(visit).await?;
        let known = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(known)
    }

    async fn settle_known(&self, wrote: bool) {
        self.spool.settle_read(wrote).await;
    }

    async fn reached(&self) -> Result<Option<i64>, JournalError> {
        let home = self.home.clone();
        let read = spawn_blocking(move || home.reached()).await;
        read.map_err(|error| unwritable(&error))?.map_err(|error| unwritable(&error))
    }

    async fn note_reached(&self, count: i64) -> Result<(), JournalError> {
        let home = self.home.clone();
        let noted = spawn_blocking(move || home.note_reached(count)).await;
        noted.map_err(|error| unwritable(&error))?.map_err(|error| unwritable(&error))
    }

    async fn tidy(&self) {
        self.spool.tidy().await;
    }

    async fn keys(&self) -> Result<BTreeSet<String>, JournalError> {
        let all = Arc::new(Mutex::new(BTreeSet::new()));
        let (sealer, into) = (self.seals.sealer.clone(), all.clone());
        let visit: Visit = Box::new(move |record| {
            into.lock().unwrap_or_else(PoisonError::into_inner).extend(sealer.sealed_with(&record));
            Ok(())
        });
        self.spool.read(visit).await?;
        let keys = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(keys)
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Unwritable(error.to_string())
}

impl Seals {
    fn seal(&self, record: &Record) -> Result<Vec<u8>, JournalError> {
        let sealed = encode(record).and_then(|text| self.sealer.seal(&self.database, COLUMN, &text));
        sealed.ok_or_else(|| JournalError::Unwritable("a record could not be sealed".into()))
    }

    fn open(&self, sealed: &[u8]) -> Result<Record, String> {
        let Some(text) = self.sealer.open(&self.database, COLUMN, sealed) else {
            let key = self.sealer.sealed_with(sealed).unwrap_or_else(|| "?".into());
            return Err(format!(
                "was sealed with the key {key:?}, which no configured one is: add it to encryption.keys, behind those \
                 that are there"
            ));
        };
        decode(&text).map_err(|error: serde_json::Error| {
            // The error's own text could quote a token.
            format!(
                "holds a record that this version does not understand (column {}): run the newer version that wrote it",
                error.column()
            )
        })
    }
}

impl std::fmt::Debug for JournalFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalFile").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
