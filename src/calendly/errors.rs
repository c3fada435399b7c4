//! A refused or failed call as an [`ApiError`]: classed by status and title, never by the wording of a message.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;

use super::http::explain;
use super::rate;
use super::wire::ErrorBody;
use crate::ports::{ApiError, ApiErrorClass};

const LONGEST_DETAIL: usize = 500;

/// An answer that is no success.
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// To tell a date in `Retry-After` by.
    pub(super) now: DateTime<Utc>,
}

/// Turns it into an error. `secrets` are what was sent: a server that quotes them does not get them into our log.
pub(super) fn refused(what: &'static str, refusal: &Refusal<'_>, secrets: &[&str]) -> ApiError {
    let body = ErrorBody::read(refusal.body);
    let class = match refusal.status {
        401 => ApiErrorClass::Unauthenticated,
        403 if body.title.trim().eq_ignore_ascii_case("insufficient scope") => {
            ApiErrorClass::InsufficientScope(
                body.required_scopes.iter().map(|scope| clean(scope, secrets)).collect(),
            )
        }
        // Only Calendly's own words count: the page of a proxy or a firewall says nothing about a user's rights.
        400..=403 | 405..=407 | 410..=424 | 426..=428 | 430..=499 if body.title.is_empty() => {
            ApiErrorClass::Unavailable
        }
        403 => ApiErrorClass::PermissionDenied,
        404 => ApiErrorClass::NotFound,
        409 => ApiErrorClass::AlreadyExists,
        429 => ApiErrorClass::Throttled(rate::wait(refusal.headers, refusal.now)),
        // The server gave up waiting, or wants it later: nothing is wrong with what was asked.
        408 | 425 => ApiErrorClass::Unavailable,
        400..=499 => ApiErrorClass::InvalidRequest,
        500..=599 => ApiErrorClass::Unavailable,
        _ => ApiErrorClass::Unreadable,
    };
    ApiError { class, what, detail: clean(&sentence(refusal.status, &body), secrets) }
}

/// No whole answer came.
pub(super) fn failed(what: &'static str, error: reqwest::Error, secrets: &[&str]) -> ApiError {
    ApiError { class: ApiErrorClass::Unavailable, what, detail: clean(&explain(error), secrets) }
}

pub(super) fn unavailable(what: &'static str, detail: &str) -> ApiError {
    ApiError { class: ApiErrorClass::Unavailable, what, detail: detail.into() }
}

/// An answer came that is not what Calendly sends.
pub(super) fn unreadable(what: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError { class: ApiErrorClass::Unreadable, what, detail: detail.into() }
}

fn sentence(status: u16, body: &ErrorBody) -> String {
    let mut text = status.to_string();
    let mut add = |separator: &str, part: &str| {
        if !part.trim().is_empty() {
            text.push_str(separator);
            text.push_str(part.trim());
        }
    };
    add(" ", &body.title);
    add(": ", &body.message);
    for detail in &body.details {
        add("; ", &detail.parameter);
        add(if detail.parameter.is_empty() { "; " } else { ": " }, &detail.message);
    }
    text
}

/// One line of bounded length without secrets. The secrets go first: a cut would leave half of one unrecognised.
pub(super) fn clean(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .take(LONGEST_DETAIL + 1)
        .collect();
    if line.chars().count() > LONGEST_DETAIL {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
