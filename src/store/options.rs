//! How a store is opened, and why it could not be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::failure::Failure;
use super::key_ring::KeyRing;
use crate::ports::{Clock, StoreError};

/// Everything that [`super::open`] needs.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://keeper.db` (relative to `data_dir`) or `postgres://…`.
    pub url: String,
    /// Holds the lock file and the instance id, and SQLite's database.
    pub data_dir: PathBuf,
    /// What tokens are sealed with.
    pub keys: KeyRing,
    /// Connections at most, one of them SQLite's writer.
    pub max_connections: usize,
    /// The runtime that every operation runs on, to its end. Must be a multi-thread one that outlives the callers.
    pub handle: Handle,
    /// Says since when the lock is held.
    pub clock: Arc<dyn Clock>,
    /// Claims are granted only while the keeper lock is held. Off for commands and tests that take no lock.
    pub require_lock: bool,
}

/// Why a store could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// Something has to be configured otherwise, or the database is of another kind or version.
    #[error("{0}")]
    Configuration(String),
    /// What is stored was sealed with a key that is not configured.
    #[error("{0}")]
    Unreadable(String),
    /// The database cannot be reached: perhaps later.
    #[error("the database cannot be opened: {0}")]
    Unavailable(String),
}

impl OpenError {
    /// Whether trying again without a change is of no use.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Unavailable(_))
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Away(message) | Failure::Unclear(message) | Failure::Unwritable(message) => {
                Self::Unavailable(message)
            }
            Failure::Refused(message) => Self::Configuration(message),
            Failure::Unreadable(message) => Self::Unreadable(message),
        }
    }
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<diesel::ConnectionError> for OpenError {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unavailable(message) => Self::Unavailable(message),
            OpenError::Configuration(message) | OpenError::Unreadable(message) => Self::Unreadable(message),
        }
    }
}

/// Which database a URL names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A server; the URL may hold a password.
    Postgres(String),
}

impl Location {
    pub(super) fn parse(url: &str, data_dir: &Path) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.into()));
        }
        let wrong = |what: &str| Err(OpenError::Configuration(format!("database.url: {what}")));
        let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else {
            // What was given may be a PostgreSQL URL with a slip in its scheme, and hold a password.
            return wrong("must begin with sqlite:// or postgres://, as in \"sqlite://keeper.db\"");
        };
        match path {
            "" => wrong("names no file, write \"sqlite://keeper.db\""),
            ":memory:" => wrong("a database in memory forgets every grant at the end, name a file"),
            _ if path.contains(['?', '#']) => wrong("a SQLite URL takes no parameters, write only the file"),
            _ => Ok(Self::Sqlite(data_dir.join(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_file_in_the_data_directory_or_a_server() {
        let parse = |url| Location::parse(url, Path::new("/data")).unwrap();
        assert_eq!(parse("sqlite://keeper.db"), Location::Sqlite("/data/keeper.db".into()));
        assert_eq!(parse("sqlite:keeper.db"), Location::Sqlite("/data/keeper.db".into()));
        assert_eq!(parse("sqlite:///var/k.db"), Location::Sqlite("/var/k.db".into()));
        assert_eq!(parse("postgres://a/b"), Location::Postgres("postgres://a/b".into()));
    }

    #[test]
    fn other_urls_are_refused_without_showing_them() {
        for url in
            ["postgress://u:secret@h/d", "sqlite://", "sqlite://:memory:", "sqlite://secret?mode=ro", ""]
        {
            let error = Location::parse(url, Path::new("/data")).unwrap_err();
            assert!(error.is_configuration());
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
