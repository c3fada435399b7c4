//! What an error means to a shell, and how it is told.

use std::fmt::Write as _;

use super::api::ApiFailure;
use crate::config::ConfigError;
use crate::config::api_token_file::ApiTokenFileError;
use crate::config::key_file::KeyError;
use crate::server::BindError;
use crate::telemetry::log::scrubbed;

/// The command ran and something did not work.
pub const FAILED: u8 = 1;
/// Wrong usage or configuration: trying again without a change is of no use.
pub const USAGE: u8 = 2;

/// A mistake in how a command was called that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// 2 where the configuration or the call is wrong, else 1.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let configured = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<KeyError>()
            || cause.is::<ApiTokenFileError>()
            || cause.is::<BindError>()
            || cause.is::<Usage>()
            || cause.downcast_ref::<ApiFailure>().is_some_and(ApiFailure::is_configuration)
            || super::open::is_configuration(cause)
    });
    if configured { USAGE } else { FAILED }
}

/// `error: what, because of what, …`, without what looks like a secret.
#[must_use]
pub fn message(error: &anyhow::Error) -> String {
    let mut text = String::from("error: ");
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // thiserror's `{0}` repeats a cause in its effect.
        if said.contains(&cause) {
            continue;
        }
        let separator = if said.is_empty() { "" } else { "\n  because: " };
        let _ = write!(said, "{separator}{cause}"); // writing to a String does not fail
    }
    text.push_str(&scrubbed(&said));
    text
}

/// Whether standard output went away.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_wrong_configuration_is_told_from_a_failure() {
        assert_eq!(exit_code(&anyhow!("the database is not available")), FAILED);
        assert_eq!(exit_code(&anyhow::Error::from(ConfigError(vec![])).context("starting")), USAGE);
        assert_eq!(exit_code(&anyhow::Error::from(KeyError::NotConfigured)), USAGE);
        assert_eq!(exit_code(&anyhow::Error::from(Usage("x".into()))), USAGE);
    }

    #[test]
    fn causes_follow_each_other_and_secrets_are_hidden() {
        let error = anyhow!("no route to postgres://k:hunter2@db/k").context("the store cannot be opened");
        assert_eq!(
            message(&error),
            "error: the store cannot be opened\n  because: no route to postgres://k:***@db/k"
        );
    }
}
