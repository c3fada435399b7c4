//! Who works: a file lock among the keepers of one data directory, and on PostgreSQL one among all of a database.

mod file;
mod hold;
mod postgres;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::file::{Attempt, FileLock};
pub(super) use self::postgres::DatabaseLock;
use super::backend::postgres::statements::LockSession;
use crate::ports::{Clock, Lock, StoreError};

/// PostgreSQL's name for the keeper lock, as two numbers: "keep", "lock".
pub(super) const KEEPER_LOCK: (i32, i32) = (0x6b65_6570, 0x6c6f_636b);

/// The keeper lock of one process.
pub(super) struct KeeperLock {
    required: bool,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    file: Mutex<Option<FileLock>>,
    database: Option<DatabaseLock>,
}

/// What a claim needs to know about the lock.
#[derive(Clone, Copy)]
pub(super) enum MayClaim {
    /// It is not held: no claim.
    No,
    /// It is held, or nobody asks for it.
    Yes,
    /// The database has to see that this session still holds it.
    While(LockSession),
}

impl KeeperLock {
    pub(super) fn new(
        required: bool,
        data_dir: PathBuf,
        clock: Arc<dyn Clock>,
        database: Option<DatabaseLock>,
    ) -> Self {
        Self { required, data_dir, clock, file: Mutex::new(None), database }
    }

    pub(super) fn may_claim(&self) -> MayClaim {
        if !self.required {
            return MayClaim::Yes;
        }
        match &self.database {
            Some(database) => database.session().map_or(MayClaim::No, MayClaim::While),
            None if self.file().is_some() => MayClaim::Yes,
            None => MayClaim::No,
        }
    }

    pub(super) async fn keep(&self) -> Result<Lock, StoreError> {
        let other = self.keep_file()?;
        match (other, &self.database) {
            (None, Some(database)) => database.keep().await,
            (None, None) => Ok(Lock::Ours { exchange_in: Duration::ZERO }),
            (Some(holder), None) => Ok(Lock::Theirs { holder }),
            // Two keepers with one instance id could not tell each other's claims from their own.
            (Some(holder), Some(_)) => Err(StoreError::Refused(format!(
                "{holder} uses the data directory {}: give each keeper on a database a data_dir of its own",
                self.data_dir.display()
            ))),
        }
    }

    pub(super) async fn unlock(&self, clean: bool) -> Result<(), StoreError> {
        if let Some(database) = &self.database {
            database.unlock(clean).await?;
        }
        drop(self.file().take());
        Ok(())
    }

    /// Takes the file lock or looks whether it is still there; who else has it, where it is not ours.
    fn keep_file(&self) -> Result<Option<String>, StoreError> {
        let mut file = self.file();
        if file.as_ref().is_some_and(FileLock::is_in_place) {
            return Ok(None);
        }
        drop(file.take());
        let unusable = |error: std::io::Error| {
            StoreError::Unavailable(format!("the lock file in {}: {error}", self.data_dir.display()))
        };
        match FileLock::take(&self.data_dir, self.clock.now()).map_err(unusable)? {
            Attempt::Taken(lock) => {
                *file = Some(lock);
                Ok(None)
            }
            Attempt::Held(holder) => Ok(Some(holder)),
        }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, Option<FileLock>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
