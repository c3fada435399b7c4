//! What makes a delivery one event: Calendly sends no id, repeats itself and mixes up the order.
//!
//! The identity is the event's name, the `uri` of what it is about, and, for kinds that can happen twice, what tells one
//! time from the other. It is the same whether the event was delivered or found by a backfill.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::kept::{EventId, Line};
use crate::domain::ids::ConnectionId;
use crate::domain::loose_json;

/// What a body says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// `invitee.created` and so on; an unknown name is data.
    pub event: Box<str>,
    /// When it happened.
    pub created_at: Option<DateTime<Utc>>,
    /// The user whose subscription delivered it.
    pub created_by: Option<Box<str>>,
    /// The hosts of the meeting.
    pub members: BTreeSet<Box<str>>,
    /// What it is about: the invitee, mostly. Empty where it does not say so.
    uri: Box<str>,
    /// What tells this time from another, where it can happen twice; of what has no `uri`, the body's hash.
    time: Box<str>,
}

/// Kinds that happen once to what they are about: the same again is a repetition, whatever else changed in it.
const ONCE: [&str; 9] = [
    "invitee.created",
    "invitee.canceled",
    "routing_form_submission.created",
    "event_type.created",
    "event_type.deleted",
    "meeting_recap.created",
    "meeting_recap.deleted",
    "contact.created",
    "contact.deleted",
];

/// Reads a body; `None` where it is no event.
#[must_use]
pub fn recognise(body: &[u8]) -> Option<About> {
    let members = loose_json::members(body)?;
    let event = text(&members, "event").filter(|name| !name.is_empty())?;
    let nothing = Map::new();
    let payload = members.get("payload").and_then(Value::as_object).unwrap_or(&nothing);
    let created_at = text(&members, "created_at");
    let uri = text(payload, "uri").unwrap_or_default();
    let time = if uri.is_empty() {
        Some(hash(body))
    } else if ONCE.contains(&event.as_ref()) {
        None
    } else if event.starts_with("invitee_no_show.") {
        // The invitee does not change with it.
        let of_its_own =
            payload.get("no_show").and_then(|no_show| no_show.get("uri")).and_then(Value::as_str);
        of_its_own.map(Into::into).or_else(|| created_at.clone())
    } else {
        text(payload, "updated_at").or_else(|| created_at.clone())
    };
    Some(About {
        created_at: created_at
            .and_then(|at| DateTime::parse_from_rfc3339(&at).ok())
            .map(|at| at.with_timezone(&Utc)),
        created_by: text(&members, "created_by"),
        members: hosts(payload),
        uri,
        time: time.unwrap_or_default(),
        event,
    })
}

impl About {
    /// Its id for a connection.
    #[must_use]
    pub fn id(&self, connection: Option<&ConnectionId>) -> EventId {
        EventId::of([connection.map_or("", ConnectionId::as_str), &self.event, &self.uri, &self.time])
    }

    /// What it stands in line with: everything about the same invitee, in the order in which it came.
    #[must_use]
    pub fn line(&self, connection: Option<&ConnectionId>) -> Line {
        let what = if self.uri.is_empty() { &self.time } else { &self.uri };
        Line::of([connection.map_or("", ConnectionId::as_str), what])
    }
}

/// The id of a body that is no event.
#[must_use]
pub(super) fn unrecognised(body: &[u8], connection: Option<&ConnectionId>) -> (EventId, Line) {
    let hash = hash(body);
    let connection = connection.map_or("", ConnectionId::as_str);
    (EventId::of([connection, "", "", &hash]), Line::of([connection, &hash]))
}

fn hash(body: &[u8]) -> Box<str> {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

fn text(object: &Map<String, Value>, name: &str) -> Option<Box<str>> {
    object.get(name).and_then(Value::as_str).map(Into::into)
}

fn hosts(payload: &Map<String, Value>) -> BTreeSet<Box<str>> {
    let memberships = payload.get("scheduled_event").and_then(|event| event.get("event_memberships"));
    let memberships = memberships.and_then(Value::as_array).into_iter().flatten();
    memberships.filter_map(|member| member.get("user").and_then(Value::as_str)).map(Into::into).collect()
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
