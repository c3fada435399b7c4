//! What holds of every answer's bytes, whoever sends them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::errors::{Refusal, refused};
use super::rate::{self, Rate};
use super::skew::Skew;
use super::wire::{self, Next};
use crate::domain::subscription::Found;
use crate::ports::{ApiErrorClass, Clock};

/// A page of a list, a user, a subscription: read or refused, and a refusal quotes nothing.
pub fn list_answer(body: &[u8]) {
    let page = wire::read::<wire::Page<wire::Subscription>>(body);
    if let Ok(page) = page {
        assert!(page.next() != Next::Token(String::new()), "an empty token asks for the first page for ever");
        let found: Vec<_> = page.collection.into_iter().map(Found::from).collect();
        assert!(found.len() <= body.len());
    }
    let others = [
        wire::read::<wire::Page<wire::Subscription>>(body).map(drop),
        wire::read::<wire::Resource<wire::Subscription>>(body).map(drop),
        wire::read::<wire::Resource<wire::User>>(body).map(drop),
    ];
    for refusal in others.into_iter().filter_map(Result::err) {
        let place = refusal.split_once(" (line ").map_or("", |(_, place)| place);
        assert!(!place.contains(|c: char| c.is_alphabetic() && !"column".contains(c)), "quoted: {refusal}");
    }
}

/// An error's body, in whose middle a server quotes what it was sent: one bounded line without that. What is not the
/// API's own words says nothing about a user's rights.
pub fn error_body(status: u16, body: &[u8]) {
    const SENT: &str = "sent4w9zx1";
    let mut quoting = body.to_vec();
    let middle = body.len() / 2;
    quoting.splice(middle..middle, SENT.bytes());
    let headers = HeaderMap::new();
    for body in [body, &quoting] {
        let error =
            refused("test", &Refusal { status, headers: &headers, body, now: DateTime::UNIX_EPOCH }, &[SENT]);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SENT), "{shown}");
        assert!(!error.detail.contains(char::is_control) && error.detail.chars().count() <= 501, "{shown}");
        let verdict = matches!(
            error.class,
            ApiErrorClass::InsufficientScope(_)
                | ApiErrorClass::PermissionDenied
                | ApiErrorClass::InvalidRequest
                | ApiErrorClass::AlreadyExists
        );
        let readable = serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|json| json.is_object());
        assert!(readable || !verdict || status == 409, "a verdict out of nothing: {shown}");
    }
}

/// Headers, one a line as in `name: value`: a wait is at least a second and at most an hour, and a user is never
/// held up for longer.
pub fn rate_headers(lines: &[u8]) {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(Still);
    let asked = rate::wait(&headers, clock.now());
    assert!(asked.is_none_or(|wait| (Duration::from_secs(1)..=HOUR).contains(&wait)), "{asked:?}");
    for refused in [false, true] {
        let rate = Rate::new(clock.clone());
        rate.observe("anna", &headers, refused);
        assert!(rate.admit("anna").err().is_none_or(|wait| !wait.is_zero() && wait <= HOUR));
        assert_eq!(rate.admit("bea"), Ok(()), "one user's limit is nobody else's");
        assert!(!refused || asked.is_none() || rate.admit("anna") == Err(asked.unwrap_or_default()));
    }
    let skew = Skew::new(clock);
    skew.observe(&headers);
    assert!(skew.seconds().is_none_or(|seconds| seconds != i64::MIN));
}

/// The time does not pass while headers are read.
struct Still;

impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(1000)
    }
}
