//! An event: as it is fetched, and with how it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::shown;
use crate::domain::event::{Attempt, Kept, Summary};

/// Readers of JSON go so deep, and many not much deeper.
const DEEPEST: usize = 100;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView<'a> {
    /// The same in every delivery, attempt, replay and backfill.
    pub id: &'a str,
    /// `invitee.created` and so on; `null` where the body is no event.
    pub event: Option<&'a str>,
    /// Whose; `null` where that is not known.
    pub connection: Option<&'a str>,
    /// When it happened, where it says so.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Found by a backfill: it never came as a delivery.
    pub backfilled: bool,
    /// Calendly's whole body, unchanged; `null` where it was erased, or is no JSON.
    #[schema(value_type = Option<serde_json::Value>)]
    pub payload: Option<&'a RawValue>,
    /// The body where it is no JSON, or nested deeper than most readers go.
    pub payload_base64: Option<String>,
}

/// An event, how it stands and what was tried.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EventInFull)]
pub struct EventInFullView<'a> {
    /// What it is.
    #[serde(flatten)]
    pub event: EventView<'a>,
    /// `pending`, `delivered`, `dead` (given up) or `kept` (for whoever fetches it).
    pub state: &'static str,
    /// When it is sent next.
    pub next_at: Option<DateTime<Utc>>,
    /// Since when it is delivered or dead.
    pub settled_at: Option<DateTime<Utc>>,
    /// Each time that it was sent to the application, oldest first.
    pub attempts: Vec<AttemptView<'a>>,
}

/// One time that an event was sent to the application.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView<'a> {
    /// When it began.
    pub at: DateTime<Utc>,
    /// Of the answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<&'a str>,
    /// Milliseconds until the answer.
    pub took_ms: u64,
}

/// An event in a list of the inbox: how it stands, without what is in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InboxEvent)]
pub struct SummaryView<'a> {
    /// The same in every delivery, attempt, replay and backfill.
    pub id: &'a str,
    /// `invitee.created` and so on; `null` where the body is no event.
    pub event: Option<&'a str>,
    /// Whose; `null` where that is not known.
    pub connection: Option<&'a str>,
    /// When it happened, where it says so.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Found by a backfill.
    pub backfilled: bool,
    /// `pending`, `delivered`, `dead` or `kept`.
    pub state: &'static str,
    /// How often it was sent to the application.
    pub attempts: u32,
    /// When it is sent next.
    pub next_at: Option<DateTime<Utc>>,
    /// Since when it is delivered or dead.
    pub settled_at: Option<DateTime<Utc>>,
}

impl<'a> EventView<'a> {
    /// Of an event.
    #[must_use]
    pub fn of(kept: &'a Kept) -> Self {
        let summary = &kept.summary;
        let payload = kept.body.as_deref().and_then(json);
        let bytes = kept.body.as_deref().filter(|_| payload.is_none());
        Self {
            id: summary.id.as_str(),
            event: name(summary),
            connection: summary.connection.as_ref().map(super::super::domain::ids::ConnectionId::as_str),
            occurred_at: summary.occurred_at.map(shown),
            received_at: shown(summary.received_at),
            backfilled: summary.backfilled,
            payload,
            payload_base64: bytes.map(|bytes| STANDARD.encode(bytes)),
        }
    }
}

impl<'a> EventInFullView<'a> {
    /// Of an event with its attempts.
    #[must_use]
    pub fn of(kept: &'a Kept, attempts: &'a [Attempt]) -> Self {
        Self {
            event: EventView::of(kept),
            state: kept.summary.state.as_str(),
            next_at: kept.summary.next_at.map(shown),
            settled_at: kept.summary.settled_at.map(shown),
            attempts: attempts.iter().map(AttemptView::of).collect(),
        }
    }
}

impl<'a> AttemptView<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        Self {
            at: shown(attempt.at),
            status: attempt.status,
            error: attempt.error.as_deref(),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl<'a> SummaryView<'a> {
    /// Of an event's summary.
    #[must_use]
    pub fn of(summary: &'a Summary) -> Self {
        Self {
            id: summary.id.as_str(),
            event: name(summary),
            connection: summary.connection.as_ref().map(super::super::domain::ids::ConnectionId::as_str),
            occurred_at: summary.occurred_at.map(shown),
            received_at: shown(summary.received_at),
            backfilled: summary.backfilled,
            state: summary.state.as_str(),
            attempts: summary.attempts,
            next_at: summary.next_at.map(shown),
            settled_at: summary.settled_at.map(shown),
        }
    }
}

fn name(summary: &Summary) -> Option<&str> {
    Some(&*summary.event).filter(|name| !name.is_empty())
}

/// The body as JSON that a reader of the answer can read.
fn json(body: &[u8]) -> Option<&RawValue> {
    let text = std::str::from_utf8(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)).ok()?;
    let value = serde_json::from_str::<&RawValue>(text).ok()?;
    (depth(text) <= DEEPEST).then_some(value)
}

/// How deep valid JSON is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::{Arrival, NewEvent, State, recognise};

    fn kept(body: &'static [u8]) -> Kept {
        let received_at = DateTime::from_timestamp(1_800_000_000, 123_456_789).unwrap();
        let arrival = Arrival {
            path: None,
            signature: None,
            content_type: None,
            received_at,
            body: Bytes::from_static(body),
        };
        let about = recognise(body);
        let event = NewEvent::of(&arrival, about.as_ref(), Some("anna".parse().unwrap()), true);
        let summary = Summary {
            ordinal: 7,
            id: event.id,
            connection: event.connection,
            event: event.event,
            occurred_at: event.occurred_at,
            received_at,
            queued_at: received_at,
            backfilled: false,
            state: State::Pending,
            attempts: 1,
            next_at: Some(received_at),
            settled_at: None,
        };
        Kept { summary, line: event.line, signature: None, content_type: None, body: Some(event.body) }
    }

    #[test]
    fn the_shape_is_the_one_that_other_tools_are_written_against_and_the_body_is_unchanged() {
        let body = r#"{"event":"invitee.created", "created_at":"2026-01-02T03:04:05.000000Z","z":1.10,"a":"\ud800","payload":{"uri":"I"}}"#;
        let kept = kept(body.as_bytes());
        let attempt = Attempt {
            at: DateTime::from_timestamp(1_800_000_001, 0).unwrap(),
            status: Some(503),
            error: None,
            took: Duration::from_micros(12_900),
        };
        let text = serde_json::to_string(&EventInFullView::of(&kept, &[attempt])).unwrap();
        assert!(text.contains(&format!(r#""payload":{body},"#)), "{text}");
        let view: Value = serde_json::from_str(&text.replace(r#"\ud800"#, "")).unwrap();
        let expected = json!({
            "id": kept.summary.id.as_str(),
            "event": "invitee.created",
            "connection": "anna",
            "occurred_at": "2026-01-02T03:04:05Z",
            "received_at": "2027-01-15T08:00:00.123456Z",
            "backfilled": false,
            "payload": view["payload"],
            "payload_base64": null,
            "state": "pending",
            "next_at": "2027-01-15T08:00:00.123456Z",
            "settled_at": null,
            "attempts": [{"at": "2027-01-15T08:00:01Z", "status": 503, "error": null, "took_ms": 12}],
        });
        assert_eq!(view, expected);
        let listed = serde_json::to_value(SummaryView::of(&kept.summary)).unwrap();
        assert_eq!(
            (&listed["attempts"], &listed["state"], &listed["payload"]),
            (&json!(1), &json!("pending"), &Value::Null)
        );
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_told_by_its_bytes() {
        let deep: &'static str =
            Box::leak(format!("{}{}", "[".repeat(101), "]".repeat(101)).into_boxed_str());
        for body in [&b""[..], b"\0", b"no", b"{\"event\":\"a\",\"x\":\"\xff\"}", b"{} {}", deep.as_bytes()] {
            let kept = kept(body);
            let view = EventView::of(&kept);
            assert!(view.payload.is_none());
            assert_eq!(STANDARD.decode(view.payload_base64.unwrap()).unwrap(), body);
        }
        let erased = Kept { body: None, ..kept(b"{}") };
        let view = EventView::of(&erased);
        assert!(view.payload.is_none() && view.payload_base64.is_none());
        assert_eq!(view.event, None);
    }

    #[test]
    fn brackets_in_texts_nest_nothing() {
        let text = format!(r#"["{}\"[", {{"a":[]}}]"#, "[".repeat(500));
        assert_eq!(depth(&text), 3);
        let body = &*Box::leak(format!("\u{feff}{text}").into_boxed_str());
        assert_eq!(EventView::of(&kept(body.as_bytes())).payload.map(RawValue::get), Some(&*text));
    }
}
