//! Opens SQLite: checks whose file it is, migrates it, and makes the pools.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use diesel::prelude::*;
use diesel_async::pooled_connection::SetupCallback;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;

use super::backend::sqlite::Conn;
use super::migrations;
use super::options::OpenError;
use super::pool::{Db, pool};

/// In this order: what comes after the first may have to wait for a lock. FULL, because a rotation that was
/// acknowledged must survive a power cut.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON;";
/// Rotations touch pages all over the file: with the default cache (2 MB) and checkpoint (4 MB) most are read again and
/// written twice.
const WRITER: &str = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000;";
const READER: &str = "PRAGMA query_only = ON;";

/// What every SQLite file begins with; an empty one is a database, too.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

pub(super) async fn open(path: &Path, max_connections: usize) -> Result<Db, OpenError> {
    check_kind(path)?;
    create(path)?;
    let name = name(path)?.to_owned();
    let file = path.to_owned();
    let migrated = tokio::task::spawn_blocking(move || migrations::sqlite(&mut connect(&file)?, &file));
    migrated.await.map_err(|error| OpenError::Unavailable(error.to_string()))??;
    Ok(Db::Sqlite {
        write: pool(&name, 1, setup(format!("{PRAGMAS} {WRITER}")))?,
        read: pool(&name, max_connections.saturating_sub(1).max(1), setup(format!("{PRAGMAS} {READER}")))?,
    })
}

/// Whether a file holds anything sealed; false where there is none.
pub(super) fn holds_ciphertext(path: &Path) -> Result<bool, OpenError> {
    if !check_kind(path)? {
        return Ok(false);
    }
    migrations::sqlite_holds_ciphertext(&mut connect(path)?)
}

fn setup(pragmas: String) -> SetupCallback<Conn> {
    Box::new(move |name| {
        let (name, pragmas) = (name.to_owned(), pragmas.clone());
        async move {
            let mut db = Conn::establish(&name).await?;
            db.batch_execute(&pragmas).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
            Ok(db)
        }
        .boxed()
    })
}

fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    Ok(SqliteConnection::establish(name(path)?)?)
}

/// Only a look, so that a file of another kind is left as it is. False where there is nothing in it.
fn check_kind(path: &Path) -> Result<bool, OpenError> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(16).read_to_end(&mut start).map_err(|error| unusable(path, &error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unusable(path, &error)),
    };
    if !start.is_empty() && start != MAGIC {
        return Err(OpenError::Configuration(format!(
            "{}: this is no SQLite database; it was left as it is, name another file in database.url",
            path.display()
        )));
    }
    Ok(!start.is_empty())
}

/// Readable by its owner alone; SQLite gives its side files the same mode.
fn create(path: &Path) -> Result<(), OpenError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    }
    let created =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    created.map(drop).map_err(|error| unusable(path, &error))
}

fn name(path: &Path) -> Result<&str, OpenError> {
    path.to_str().ok_or_else(|| OpenError::Configuration(format!("{}: must be valid UTF-8", path.display())))
}

fn unusable(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Configuration(format!("{}: {error}", path.display()))
}
