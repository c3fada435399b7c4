//! What the answer of the token endpoint means: the table of outcomes, decided by the body first, then by the status.

use std::time::Duration;

use serde_json::Value;

use super::loose_json;
use super::secrets::{AccessToken, RefreshToken};
use super::token::Lifetime;

/// What came of sending a refresh token.
#[derive(Debug)]
pub enum Reply<'a> {
    /// No connection was made: nothing was sent.
    NotSent,
    /// Sent, or perhaps sent, and no whole answer came: reset, timeout, a body cut short.
    Lost,
    /// A whole answer.
    Whole {
        /// HTTP status.
        status: u16,
        /// The body's bytes.
        body: &'a [u8],
        /// How long the headers say to wait.
        wait: Option<Duration>,
    },
}

/// What that means for the grant.
#[derive(Debug)]
pub enum Outcome {
    /// A new access token, whatever else the answer says: keep it.
    Success(Box<TokenAnswer>),
    /// The server says that the grant is gone.
    InvalidGrant,
    /// Our configuration is wrong: every connection is affected, none is broken.
    ClientRefused(ClientFault),
    /// Not consumed, asked to wait.
    Throttled {
        /// As the headers say.
        wait: Option<Duration>,
    },
    /// Not consumed: no connection could be made.
    NotSent,
    /// It may have been consumed.
    Unknown(Doubt),
}

/// Why no connection can be refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFault {
    /// `invalid_client`: client id or secret are wrong.
    InvalidClient,
    /// `unauthorized_client`: the application may not refresh.
    UnauthorizedClient,
    /// A redirect: the URL is not the token endpoint's.
    Redirected,
}

/// Why it is not known whether the refresh token was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No whole answer.
    Lost,
    /// A status that says nothing about the token.
    Status(u16),
    /// A success without a token in it.
    Unreadable,
}

/// A new pair and what was said about it.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The new access token.
    pub access_token: AccessToken,
    /// The new refresh token; `None`: the old one stays (RFC 6749 section 6).
    pub refresh_token: Option<RefreshToken>,
    /// `expires_in`; `None` where absent or absurd.
    pub lifetime: Option<Lifetime>,
    /// Granted scopes, separated by blanks.
    pub scope: Option<String>,
    /// The user's URI.
    pub owner: Option<String>,
    /// The organization's URI.
    pub organization: Option<String>,
    /// `created_at`, Unix seconds by Calendly's clock.
    pub created_at: Option<i64>,
    /// What was odd, for the timeline. Never a reason to drop the pair.
    pub oddities: Vec<&'static str>,
}

/// Reads the reply. Total: every reply has exactly one outcome.
#[must_use]
pub fn judge(reply: &Reply<'_>) -> Outcome {
    let (status, body, wait) = match reply {
        Reply::NotSent => return Outcome::NotSent,
        Reply::Lost => return Outcome::Unknown(Doubt::Lost),
        Reply::Whole { status, body, wait } => (*status, *body, *wait),
    };
    let json = loose_json::members(body).map_or(Value::Null, Value::Object);
    if let Some(answer) = TokenAnswer::read(&json, status) {
        return Outcome::Success(Box::new(answer));
    }
    match (json["error"].as_str(), status) {
        (Some("invalid_grant"), _) => Outcome::InvalidGrant,
        (Some("invalid_client"), _) => Outcome::ClientRefused(ClientFault::InvalidClient),
        (Some("unauthorized_client"), _) => Outcome::ClientRefused(ClientFault::UnauthorizedClient),
        (_, 300..=399) => Outcome::ClientRefused(ClientFault::Redirected),
        (_, 429) => Outcome::Throttled { wait },
        (_, 200..=299) => Outcome::Unknown(Doubt::Unreadable),
        (_, other) => Outcome::Unknown(Doubt::Status(other)),
    }
}

impl TokenAnswer {
    fn read(json: &Value, status: u16) -> Option<Self> {
        let text = |key: &str| json[key].as_str().filter(|text| !text.is_empty());
        let access_token = AccessToken::new(text("access_token")?);
        let refresh_token = text("refresh_token").map(RefreshToken::new);
        let mut oddities = vec![];
        let mut odd = |found: bool, what: &'static str| {
            if found {
                oddities.push(what);
            }
        };
        let lifetime = integer(&json["expires_in"]).and_then(Lifetime::from_seconds);
        odd(lifetime.is_none(), "expires_in is absent or absurd, two hours assumed");
        odd(lifetime.is_some() && !json["expires_in"].is_number(), "expires_in is not a number");
        odd(refresh_token.is_none(), "no refresh_token, the old one stays");
        odd(text("scope").is_none(), "no scope");
        let created_at = integer(&json["created_at"]);
        odd(created_at.is_none(), "created_at is absent or unreadable");
        odd(!(200..=299).contains(&status), "a token with an error status");
        odd(
            text("token_type").is_none_or(|kind| !kind.eq_ignore_ascii_case("bearer")),
            "token_type is not Bearer",
        );
        Some(Self {
            access_token,
            refresh_token,
            lifetime,
            scope: text("scope").map(Into::into),
            owner: text("owner").map(Into::into),
            organization: text("organization").map(Into::into),
            created_at,
            oddities,
        })
    }
}

fn integer(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|f| f.is_finite() && f.abs() < 1e15).map(|f| f as i64))
        .or_else(|| value.as_str()?.trim().parse().ok())
}

impl ClientFault {
    /// What the operator reads.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::Redirected => "token_endpoint_redirects",
        }
    }

    /// What the operator can do.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::InvalidClient => "check calendly.client_id and calendly.client_secret",
            Self::UnauthorizedClient => "check that the Calendly app may use the refresh_token grant",
            Self::Redirected => {
                "check calendly.auth_url and calendly.token_url: the token endpoint must not redirect"
            }
        }
    }
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => f.write_str("no_whole_answer"),
            Self::Status(status) => write!(f, "status_{status}"),
            Self::Unreadable => f.write_str("unreadable_answer"),
        }
    }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
