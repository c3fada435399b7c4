//! What happened to a meeting and its invitees, told from how they stand now.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Window;

/// An event that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its name.
    pub event: &'static str,
    /// When it happened.
    pub at: DateTime<Utc>,
}

/// Whether a scheduled event's invitees have to be looked at. Always where several may attend: one attendee's change may
/// not show on the event; and where it does not say when it changed.
#[must_use]
pub fn to_look_into(scheduled: &Value, window: Window) -> bool {
    let changes = [
        time(&scheduled["created_at"]),
        time(&scheduled["updated_at"]),
        time(&scheduled["cancellation"]["created_at"]),
    ];
    // Once more changed after the window's end, it may have changed in it before.
    let is_recent = changes.iter().flatten().any(|at| *at >= window.since);
    is_recent || is_for_several(scheduled) || changes[..2].contains(&None)
}

/// The events that are due for one invitee, in the order in which they happened. What has no `uri` is nobody.
#[must_use]
pub fn happened(scheduled: &Value, invitee: &Value, window: Window) -> Vec<Happened> {
    if invitee["uri"].as_str().is_none_or(str::is_empty) {
        return vec![];
    }
    let booked = time(&invitee["created_at"]).or_else(|| time(&scheduled["created_at"]));
    let canceled = if is_canceled(scheduled, invitee) { canceled_at(scheduled, invitee) } else { None };
    let created = booked.map(|at| Happened { event: "invitee.created", at });
    let canceled = canceled
        .map(|at| Happened { event: "invitee.canceled", at: booked.map_or(at, |booked| booked.max(at)) });
    created.into_iter().chain(canceled).filter(|one| window.holds(one.at)).collect()
}

/// The users whose meeting it is.
#[must_use]
pub fn hosts(scheduled: &Value) -> BTreeSet<Box<str>> {
    let memberships = scheduled["event_memberships"].as_array().into_iter().flatten();
    memberships.filter_map(|member| member["user"].as_str()).map(Into::into).collect()
}

/// Unless it says that one person attends.
fn is_for_several(scheduled: &Value) -> bool {
    scheduled["invitees_counter"]["limit"].as_f64().is_none_or(|limit| limit > 1.0)
}

/// A meeting that its host cancelled is cancelled for everybody.
fn is_canceled(scheduled: &Value, invitee: &Value) -> bool {
    [invitee, scheduled].iter().any(|one| one["status"] == "canceled" || one["cancellation"].is_object())
}

fn canceled_at(scheduled: &Value, invitee: &Value) -> Option<DateTime<Utc>> {
    time(&invitee["cancellation"]["created_at"])
        .or_else(|| time(&scheduled["cancellation"]["created_at"]))
        .or_else(|| time(&invitee["updated_at"]))
        .or_else(|| time(&scheduled["updated_at"]))
}

pub(super) fn time(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|at| at.with_timezone(&Utc))
}
