//! A found event in the shape in which Calendly would have delivered it, so that nobody has to tell the two apart.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::Happened;
use crate::domain::event::{Arrival, NewEvent, recognise};
use crate::domain::ids::ConnectionId;

/// Lists have it, deliveries do not.
const LISTED_ONLY: &str = "calendar_event";

/// The body of a delivery. `user` is whose meeting it is; the invitee stands as it is now.
#[must_use]
pub fn body_of(happened: Happened, user: &str, scheduled: &Value, invitee: &Value) -> Bytes {
    let mut scheduled = scheduled.clone();
    if let Some(scheduled) = scheduled.as_object_mut() {
        scheduled.remove(LISTED_ONLY);
    }
    let mut payload = invitee.as_object().cloned().unwrap_or_default();
    payload.insert("scheduled_event".into(), scheduled);
    let created_at = happened.at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let body =
        json!({ "event": happened.event, "created_at": created_at, "created_by": user, "payload": payload });
    body.to_string().into()
}

/// The event of such a body, under the id that a delivery would have had.
#[must_use]
pub fn event_of(
    body: Bytes,
    connection: ConnectionId,
    received_at: DateTime<Utc>,
    relayed: bool,
) -> Option<NewEvent> {
    let content_type = Some("application/json".into());
    let arrival = Arrival { path: None, signature: None, content_type, received_at, body };
    let about = recognise(&arrival.body)?;
    Some(NewEvent { backfilled: true, ..NewEvent::of(&arrival, Some(&about), Some(connection), relayed) })
}
