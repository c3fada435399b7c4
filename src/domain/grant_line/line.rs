//! A line's values as a grant, or why they are none. Pure; no reason quotes a token.

use chrono::{DateTime, Utc};
use url::Url;

use super::super::grant::NewGrant;
use super::super::ids::{ConnectionId, GrantId, InvalidConnectionId};
use super::super::secrets::{AccessToken, RefreshToken};
use super::super::token::{DEFAULT_LIFETIME, Lifetime};
use super::fields::Fields;
use super::time::{self, BadTime};

/// No token of Calendly's is nearly as long.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// Why a line is no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    #[error("has no id")]
    NoId,
    #[error("{0}")]
    Id(#[from] InvalidConnectionId),
    #[error("has no refresh_token, and without one nothing can be kept alive; ask the user to connect again")]
    NoRefreshToken,
    #[error("{0} holds blanks or characters that no token has; check how it was exported")]
    NotAToken(&'static str),
    #[error("{0} is too long")]
    TooLong(&'static str),
    #[error("access_token and refresh_token are the same; check which column is which")]
    SameTokens,
    #[error("{0}")]
    Time(#[from] BadTime),
    #[error("expires_at is more than a year ahead; check its time zone and unit")]
    FarAhead,
    #[error(
        "expires_in is no number of seconds between 1 and a year; it is a token's whole lifetime, 7200 for most"
    )]
    Lifetime,
    #[error("{0} is no URI; write it like https://api.calendly.com/users/AAAA")]
    NotAUri(&'static str),
    #[error("{0} holds control characters")]
    Control(&'static str),
}

/// Checks the values and makes a grant of them. `expires_in` alone does not say when the token ends, so without
/// `expires_at` the token is refreshed at once.
pub(crate) fn grant(
    fields: &Fields,
    grant_id: GrantId,
    now: DateTime<Utc>,
    client_id: Option<&str>,
) -> Result<NewGrant, BadLine> {
    let id: ConnectionId = fields.get("id").ok_or(BadLine::NoId)?.parse()?;
    let refresh_token = token(fields, "refresh_token")?.ok_or(BadLine::NoRefreshToken)?;
    let access_token = token(fields, "access_token")?;
    if access_token == Some(refresh_token) {
        return Err(BadLine::SameTokens);
    }
    let lifetime = match fields.get("expires_in") {
        None => DEFAULT_LIFETIME,
        Some(text) => seconds(text).and_then(Lifetime::from_seconds).ok_or(BadLine::Lifetime)?,
    };
    let expires_at = fields.get("expires_at").map(|text| time::parse(text.trim())).transpose()?;
    if expires_at.is_some_and(|at| (at - now).num_days() > 366) {
        return Err(BadLine::FarAhead);
    }
    let user = uri(fields, "calendly_user")?;
    let organization = uri(fields, "calendly_organization")?;
    let scope = text(fields, "scope")?;
    Ok(NewGrant {
        id,
        grant_id,
        granted_at: now,
        client_id: client_id.map(Into::into),
        access_token: access_token.map(AccessToken::new),
        refresh_token: RefreshToken::new(refresh_token),
        expires_at,
        lifetime,
        scope,
        user,
        organization,
        replace: false,
    })
}

/// RFC 6749, appendix A: tokens are made of visible ASCII characters (and blanks, which nobody uses).
fn token<'f>(fields: &'f Fields, name: &'static str) -> Result<Option<&'f str>, BadLine> {
    match fields.get(name) {
        Some(text) if text.len() > MAX_TOKEN_BYTES => Err(BadLine::TooLong(name)),
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(BadLine::NotAToken(name)),
        other => Ok(other),
    }
}

fn text(fields: &Fields, name: &'static str) -> Result<Option<Box<str>>, BadLine> {
    match fields.get(name).map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.len() > MAX_TEXT_BYTES => Err(BadLine::TooLong(name)),
        Some(text) if text.contains(char::is_control) => Err(BadLine::Control(name)),
        other => Ok(other.map(Into::into)),
    }
}

fn uri(fields: &Fields, name: &'static str) -> Result<Option<Box<str>>, BadLine> {
    let text = text(fields, name)?;
    let is_uri =
        |text: &str| Url::parse(text).is_ok_and(|url| url.has_host()) && !text.contains(char::is_whitespace);
    match text {
        Some(text) if !is_uri(&text) => Err(BadLine::NotAUri(name)),
        other => Ok(other),
    }
}

/// `7200`, and `7200.0` as some exports write it.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

#[cfg(test)]
mod tests;
