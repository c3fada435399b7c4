//! A lock file: `keeper.lock` in the data directory, and for SQLite one beside the database.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

/// Held as long as this lives, and no longer than the process.
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

/// How an attempt to take it ended.
pub(crate) enum Attempt {
    /// It is ours.
    Taken(FileLock),
    /// Somebody else's, as he wrote into it.
    Held(String),
}

impl FileLock {
    /// Tries to take the lock of that name in a directory. `now` is written into it for others to read.
    pub(crate) fn take(directory: &Path, name: &OsStr, now: DateTime<Utc>) -> std::io::Result<Attempt> {
        // Two ways to one directory must lead to one file.
        let path = directory.canonicalize()?.join(name);
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Ok(Attempt::Held(holder.trim().into()));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let lock = Self { file, path };
        if !lock.is_in_place() {
            return Ok(Attempt::Held("another process that has just made the lock file anew".into()));
        }
        lock.file.set_len(0)?;
        let mut file = &lock.file;
        file.rewind()?;
        write!(file, "process {} since {}", std::process::id(), now.format("%FT%TZ"))?;
        Ok(Attempt::Taken(lock))
    }

    /// Whether the file at the path is still the one that is locked. Unlinked and made anew, two would hold "it".
    pub(crate) fn is_in_place(&self) -> bool {
        let there = std::fs::metadata(&self.path);
        let ours = self.file.metadata();
        matches!((there, ours), (Ok(there), Ok(ours)) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "keeper.lock";

    fn take(data_dir: &Path) -> Attempt {
        FileLock::take(data_dir, OsStr::new(NAME), DateTime::from_timestamp(1_800_000_000, 0).unwrap())
            .unwrap()
    }

    fn taken(attempt: Attempt) -> FileLock {
        match attempt {
            Attempt::Taken(lock) => lock,
            Attempt::Held(holder) => panic!("held by {holder}"),
        }
    }

    #[test]
    fn only_one_holds_it_and_the_other_learns_who() {
        let data_dir = tempfile::tempdir().unwrap();
        let lock = taken(take(data_dir.path()));

        let detour = data_dir.path().join("..").join(data_dir.path().file_name().unwrap());
        let Attempt::Held(holder) = take(&detour) else { panic!("taken twice") };

        assert_eq!(holder, format!("process {} since 2027-01-15T08:00:00Z", std::process::id()));
        drop(lock);
        taken(take(data_dir.path()));
    }

    #[test]
    fn a_lock_whose_file_was_made_anew_is_lost() {
        let data_dir = tempfile::tempdir().unwrap();
        let lock = taken(take(data_dir.path()));
        std::fs::remove_file(data_dir.path().join(NAME)).unwrap();
        assert!(!lock.is_in_place());
        let new = taken(take(data_dir.path()));
        assert!(!lock.is_in_place() && new.is_in_place());
    }
}
