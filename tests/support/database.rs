//! The database and how it goes away: PostgreSQL is stopped or crashes, a SQLite file is locked by another program.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use super::postgres::{Durability, Postgres, Stop, psql};
use super::rig::SQLITE;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

pub(crate) enum Database {
    Sqlite { locked: Option<SqliteConnection> },
    Postgres { server: Postgres, url: String },
}

impl Database {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite { locked: None },
            Backend::Postgres => {
                let server = Postgres::new(Durability::Durable);
                let url = server.create_database();
                Self::Postgres { server, url }
            }
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Sqlite { .. } => SQLITE,
            Self::Postgres { url, .. } => url,
        }
    }

    /// From now on it takes nothing.
    pub(crate) fn leave(&mut self, home: &Path, how: Stop) {
        match self {
            Self::Sqlite { locked } => {
                let file = home.join("keeper.db");
                let mut other = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
                other.batch_execute("PRAGMA busy_timeout = 20000; BEGIN EXCLUSIVE").unwrap();
                *locked = Some(other);
            }
            Self::Postgres { server, .. } => server.stop(how),
        }
    }

    pub(crate) fn come_back(&mut self) {
        match self {
            Self::Sqlite { locked } => drop(locked.take()),
            Self::Postgres { server, .. } => server.start(),
        }
    }

    /// Ends the session with the keeper lock, as when the network between has failed.
    pub(crate) fn end_lock_session(&self) {
        if let Self::Postgres { url, .. } = self {
            psql(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted",
            );
        }
    }
}
