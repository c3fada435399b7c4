//! Who works: a file lock among the keepers of one data directory, and on PostgreSQL one among all of a database.

mod file;
mod hold;
mod postgres;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::file::{Attempt, FileLock};
pub(super) use self::postgres::DatabaseLock;
use super::session::MayClaim;
use crate::ports::{Clock, Lock, StoreError};

/// The keeper lock of one process.
pub(super) struct KeeperLock {
    required: bool,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    files: Mutex<Files>,
    database: Option<DatabaseLock>,
}

/// The lock files, directory and name, and those held: all or none.
struct Files {
    places: Vec<(PathBuf, OsString)>,
    held: Vec<FileLock>,
}

impl Files {
    fn are_held(&self) -> bool {
        !self.held.is_empty() && self.held.iter().all(FileLock::is_in_place)
    }
}

impl KeeperLock {
    pub(super) fn new(
        required: bool,
        data_dir: PathBuf,
        sqlite: Option<&Path>,
        clock: Arc<dyn Clock>,
        database: Option<DatabaseLock>,
    ) -> Self {
        let mut places = vec![(data_dir.clone(), OsString::from("keeper.lock"))];
        // Two data directories may name one SQLite file: then the lock beside it tells.
        if let Some((folder, name)) = sqlite.and_then(beside) {
            places.push((folder, name));
        }
        Self { required, data_dir, clock, files: Mutex::new(Files { places, held: vec![] }), database }
    }

    pub(super) fn may_claim(&self) -> MayClaim {
        if !self.required {
            return MayClaim::Yes;
        }
        match &self.database {
            Some(database) => database.session().map_or(MayClaim::No, MayClaim::While),
            None if self.files().are_held() => MayClaim::Yes,
            None => MayClaim::No,
        }
    }

    pub(super) async fn keep(&self) -> Result<Lock, StoreError> {
        let other = self.keep_file()?;
        match (other, &self.database) {
            (None, Some(database)) => database.keep(self.clock.boot()).await,
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
        self.files().held.clear();
        Ok(())
    }

    /// Takes the file locks or looks whether they are still there; who else has one, where they are not ours.
    fn keep_file(&self) -> Result<Option<String>, StoreError> {
        let mut files = self.files();
        if files.are_held() {
            return Ok(None);
        }
        files.held.clear();
        let mut taken = vec![];
        for (folder, name) in &files.places {
            let unusable = |error: std::io::Error| {
                StoreError::Unavailable(format!("the lock file in {}: {error}", folder.display()))
            };
            match FileLock::take(folder, name, self.clock.now()).map_err(unusable)? {
                Attempt::Taken(lock) => taken.push(lock),
                Attempt::Held(holder) => return Ok(Some(holder)),
            }
        }
        files.held = taken;
        Ok(None)
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock beside a database file; links to one file lead to one lock.
fn beside(file: &Path) -> Option<(PathBuf, OsString)> {
    let file = file.canonicalize().ok()?;
    let mut name = file.file_name()?.to_owned();
    name.push(".lock");
    Some((file.parent()?.to_owned(), name))
}
