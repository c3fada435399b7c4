//! The JSON that Calendly sends and takes: lenient about what is not needed, strict about what a decision rests on.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use url::Url;

use crate::domain::subscription::{Found, State};

/// Most answers wrap what they are about.
#[derive(Deserialize)]
pub(super) struct Resource<T> {
    pub(super) resource: T,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) uri: String,
    pub(super) current_organization: String,
}

/// A subscription; without one of the first five nothing could be concluded from it.
#[derive(Deserialize)]
pub(super) struct Subscription {
    uri: String,
    callback_url: String,
    state: String,
    events: BTreeSet<String>,
    scope: String,
    #[serde(default, deserialize_with = "time")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    retry_started_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
pub(super) struct NewSubscription<'a> {
    pub(super) url: &'a str,
    pub(super) events: &'a BTreeSet<String>,
    pub(super) organization: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'a str>,
    pub(super) scope: &'static str,
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) collection: Vec<T>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
pub(super) struct Pagination {
    #[serde(default)]
    next_page: Option<String>,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// What follows a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    End,
    Token(String),
    /// There is a next page, and no telling which.
    Unclear,
}

impl<T> Page<T> {
    /// The token of the next page, if need be out of its URL; the URL itself is never called, a token goes along.
    pub(super) fn next(&self) -> Next {
        self.pagination.as_ref().map_or(Next::End, Pagination::next)
    }
}

impl Pagination {
    /// The same.
    pub(super) fn next(&self) -> Next {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (given(&self.next_page_token), given(&self.next_page)) {
            (Some(token), _) => Next::Token(token),
            (None, None) => Next::End,
            (None, Some(url)) => token_in(&url).map_or(Next::Unclear, Next::Token),
        }
    }
}

fn token_in(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.query_pairs()
        .find(|(key, value)| key == "page_token" && !value.is_empty())
        .map(|(_, value)| value.into())
}

impl From<Subscription> for Found {
    fn from(it: Subscription) -> Self {
        Self {
            uri: it.uri,
            callback_url: it.callback_url,
            state: match it.state.as_str() {
                "active" => State::Active,
                "disabled" => State::Disabled,
                _ => State::Other(it.state),
            },
            events: it.events,
            scope: it.scope,
            created_at: it.created_at,
            retry_started_at: it.retry_started_at,
        }
    }
}

/// An error's body, the API's or OAuth's (RFC 6749 section 5.2); empty where it is neither.
#[derive(Default)]
pub(super) struct ErrorBody {
    pub(super) title: String,
    pub(super) message: String,
    pub(super) details: Vec<Detail>,
    pub(super) required_scopes: Vec<String>,
}

#[derive(Default)]
pub(super) struct Detail {
    pub(super) parameter: String,
    pub(super) message: String,
}

impl ErrorBody {
    pub(super) fn read(body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let either = |one: &str, other: &str| {
            if json[one].is_string() { text(&json[one]) } else { text(&json[other]) }
        };
        let list = |key: &str| json[key].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            title: either("title", "error"),
            message: either("message", "error_description"),
            details: list("details")
                .iter()
                .map(|detail| Detail {
                    parameter: text(&detail["parameter"]),
                    message: text(&detail["message"]),
                })
                .collect(),
            required_scopes: list("required_scopes")
                .iter()
                .map(text)
                .filter(|scope| !scope.is_empty())
                .collect(),
        }
    }
}

/// Reads an answer. The error says where reading ended and not what stood there.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        let kind = if error.is_data() { "a field is missing or of another kind" } else { "no whole JSON" };
        format!("{kind} (line {}, column {})", error.line(), error.column())
    })
}

/// A time, or none where it is absent or cannot be read: no decision rests on it alone.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    let parsed =
        value.as_ref().and_then(Value::as_str).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    Ok(parsed.map(|time| time.with_timezone(&Utc)))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
