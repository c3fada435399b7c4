//! A connection as an import line.

use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use crate::domain::secrets::AccessToken;
use crate::ports::Handed;

/// The names that `import` knows.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendly_user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendly_organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// The line, without its end.
pub(super) fn of(handed: &Handed) -> serde_json::Result<Zeroizing<String>> {
    let connection = &handed.connection;
    let line = Line {
        id: connection.id.as_str(),
        access_token: connection.access_token.as_ref().map(AccessToken::expose),
        refresh_token: handed.refresh_token.expose(),
        expires_at: connection.expires_at.map(time),
        expires_in: connection.lifetime.seconds(),
        calendly_user: connection.user.as_deref(),
        calendly_organization: connection.organization.as_deref(),
        scope: connection.scope.as_deref(),
    };
    serde_json::to_string(&line).map(Zeroizing::new)
}

/// As exact as the database has it: what is imported is no later than what is stored.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
