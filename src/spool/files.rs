//! The files of a spool: their names, their order, and what is found wrong with them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::segment::{self, Contents, Damage};
use super::{Home, Visit};
use crate::ports::JournalError;

const EXTENSION: &str = "spool";

/// What mends a file that is not whole.
const PUT_BACK: &str = "put back a whole copy where there is one";

/// What was read of a file.
pub(super) struct FileRead {
    pub(super) name: String,
    /// Up to the end of the last whole group.
    pub(super) good: u64,
}

impl Home {
    /// Makes the directory, for the keeper's eyes only.
    pub(super) fn prepare(&self) -> Result<(), JournalError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(|error| {
            JournalError::Unwritable(format!(
                "the directory {} cannot be made: {error}",
                self.directory.display()
            ))
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Names sort in the order in which files are begun; two processes never choose the same.
    pub(super) fn name(&self, begun_at: i64, nonce: u32, number: u32) -> String {
        format!("{begun_at:015}-{nonce:08x}-{number:06}.{EXTENSION}")
    }

    /// The time in a name.
    pub(super) fn begun_at(name: &str) -> Option<i64> {
        name.split('-').next()?.parse().ok()
    }

    /// The names there are, in their order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION)
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Visits the records of all files, oldest first. Changes nothing.
    pub(super) fn read(&self, mut visit: Visit) -> Result<Vec<FileRead>, JournalError> {
        let failed = |error: io::Error| unusable(&self.directory, &format!("cannot be read: {error}"));
        let mut read: Vec<FileRead> = Vec::new();
        for name in self.names().map_err(failed)? {
            let path = self.path(&name);
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // another process was done with it
                Err(error) => return Err(failed(error)),
            };
            let contents = segment::read(&bytes).map_err(|damage| damaged(&path, &damage))?;
            self.check(&path, &contents, &read)?;
            if contents.torn > 0 {
                log::warn!(target: "journal", file = name, bytes = contents.torn;
                    "the last write into the journal was torn by a crash, ignored");
            }
            for record in contents.records {
                visit(record).map_err(|why| unusable(&path, &why))?;
            }
            read.push(FileRead { name, good: contents.good });
        }
        Ok(read)
    }

    fn check(&self, path: &Path, contents: &Contents, earlier: &[FileRead]) -> Result<(), JournalError> {
        let header = &contents.header;
        if header.kind != self.kind {
            return Err(unusable(path, &format!("holds {}, not {}", header.kind, self.kind)));
        }
        if header.database != self.database {
            let remedy = "give database.url and data_dir that belong together";
            return Err(unusable(
                path,
                &format!("belongs to another database than the configured one: {remedy}"),
            ));
        }
        let Some(before) = &header.before else { return Ok(()) };
        match earlier.iter().find(|file| file.name == before.name) {
            Some(file) if file.good < before.length => Err(unusable(
                &self.path(&file.name),
                &format!(
                    "was cut: {} bytes of it are whole, it had {}; {PUT_BACK}",
                    file.good, before.length
                ),
            )),
            _ => Ok(()), // whole, or settled and removed
        }
    }

    /// Removes a file that was settled, unless somebody writes into it or has added to it since it was read.
    pub(super) fn remove(&self, name: &str, settled_length: u64) -> io::Result<bool> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        if file.try_lock().is_err() {
            return Ok(false);
        }
        let contents = segment::read(&fs::read(&path)?);
        if contents.is_ok_and(|contents| contents.good > settled_length) {
            return Ok(false);
        }
        fs::remove_file(&path)?;
        Ok(true)
    }
}

fn damaged(path: &Path, damage: &Damage) -> JournalError {
    match damage {
        Damage::NoSpool => unusable(
            path,
            &format!("is no journal of calendly-keeper, or its beginning was cut off; {PUT_BACK}"),
        ),
        Damage::At(offset) => {
            unusable(path, &format!("is damaged at byte {offset}, and whole records follow; {PUT_BACK}"))
        }
    }
}

/// What is in it may be the only living tokens of some users: it is left as it is.
fn unusable(path: &Path, what: &str) -> JournalError {
    JournalError::Unusable(format!(
        "{} {what}; if it is not needed, move it away and start again (pairs that only it holds are lost then)",
        path.display()
    ))
}
