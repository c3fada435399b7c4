//! What a database's error means for whoever asked.

use diesel::result::{DatabaseErrorKind as Kind, Error};

use crate::ports::StoreError;

/// An operation that failed. Messages never hold values of a row.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The database cannot be reached: nobody needs to try now.
    Away(String),
    /// It takes no writes: nobody needs to try now either.
    Unwritable(String),
    /// This very row is refused.
    Refused(String),
    /// A row cannot be understood.
    Unreadable(String),
    /// Anything else: perhaps the row, perhaps the database.
    Unclear(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::DatabaseError(kind, information) => {
                let message = information.message().to_owned();
                match kind {
                    Kind::UniqueViolation
                    | Kind::ForeignKeyViolation
                    | Kind::NotNullViolation
                    | Kind::CheckViolation
                    | Kind::RestrictViolation
                    | Kind::ExclusionViolation => Self::Refused(message),
                    Kind::UnableToSendCommand | Kind::ClosedConnection => Self::Away(message),
                    Kind::ReadOnlyTransaction => Self::Unwritable(message),
                    _ if takes_no_writes(&message) => Self::Unwritable(message),
                    _ if message == LOCKED => Self::Away(message),
                    _ => Self::Unclear(message),
                }
            }
            Error::SerializationError(_) => Self::Refused(error.to_string()),
            Error::DeserializationError(_) => Self::Unreadable(error.to_string()),
            Error::BrokenTransactionManager => Self::Away(error.to_string()),
            _ => Self::Unclear(error.to_string()),
        }
    }
}

/// SQLite's words where another program held the lock for longer than is waited for it. Whoever tried row by row would wait
/// as long for each.
const LOCKED: &str = "database is locked";

/// SQLite's words for a file that is read-only or a disk that is full, and PostgreSQL's, which passes on what the system
/// said; both have codes for it that diesel does not hand on.
fn takes_no_writes(message: &str) -> bool {
    [
        "attempt to write a readonly database",
        "database or disk is full",
        "No space left on device",
        "Disk quota exceeded",
    ]
    .iter()
    .any(|words| message.contains(words))
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            // What is not certain to be the row's fault is tried again: giving a pair up could lose a grant.
            Failure::Away(message) | Failure::Unclear(message) => Self::Unavailable(message),
            Failure::Unwritable(message) => Self::Unwritable(message),
            Failure::Refused(message) => Self::Refused(message),
            Failure::Unreadable(message) => Self::Unreadable(message),
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;

    use super::*;

    /// What a statement fails with on a database that these pragmas were set for.
    fn failing(pragmas: &str, statement: &str) -> Failure {
        let mut db = SqliteConnection::establish(":memory:").unwrap();
        db.batch_execute("CREATE TABLE t (v BLOB NOT NULL UNIQUE)").unwrap();
        db.batch_execute(pragmas).unwrap();
        Failure::from(diesel::sql_query(statement).execute(&mut db).unwrap_err())
    }

    #[test]
    fn a_database_that_takes_no_writes_is_told_from_a_bad_row() {
        let insert = "INSERT INTO t VALUES (zeroblob(1000000))";
        assert!(matches!(failing("PRAGMA query_only = ON", insert), Failure::Unwritable(_)));
        assert!(matches!(failing("PRAGMA max_page_count = 10", insert), Failure::Unwritable(_)));
        let nothing = "INSERT INTO t VALUES (NULL)";
        assert!(matches!(failing("", nothing), Failure::Refused(_)));
    }

    #[test]
    fn a_file_that_another_program_locks_is_no_fault_of_a_row() {
        let home = tempfile::tempdir().unwrap();
        let open = || SqliteConnection::establish(home.path().join("db").to_str().unwrap()).unwrap();
        let (mut db, mut other) = (open(), open());
        db.batch_execute("CREATE TABLE t (v INTEGER)").unwrap();
        other.batch_execute("BEGIN EXCLUSIVE").unwrap();
        let failure =
            Failure::from(diesel::sql_query("INSERT INTO t VALUES (1)").execute(&mut db).unwrap_err());
        assert!(matches!(failure, Failure::Away(_)), "{failure:?}");
    }

    #[test]
    fn a_full_disk_is_known_by_postgresql_s_words() {
        let words = "could not extend file \"base/16384/16402\": No space left on device".to_owned();
        let full = Error::DatabaseError(Kind::Unknown, Box::new(words));
        assert!(matches!(Failure::from(full), Failure::Unwritable(_)));
    }
}
