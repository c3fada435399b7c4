//! What a database's error means for whoever asked.

use diesel::result::{DatabaseErrorKind as Kind, Error};

use crate::ports::StoreError;

/// An operation that failed. Messages never hold values of a row.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The database cannot be reached: nobody needs to try now.
    Away(String),
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
                    Kind::UnableToSendCommand | Kind::ClosedConnection | Kind::ReadOnlyTransaction => {
                        Self::Away(message)
                    }
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

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            // What is not certain to be the row's fault is tried again: giving a pair up could lose a grant.
            Failure::Away(message) | Failure::Unclear(message) => Self::Unavailable(message),
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
