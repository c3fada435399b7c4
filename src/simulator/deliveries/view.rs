//! The due events and the attempts as they are read from outside. It changes nothing.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ledger::Posted;
use crate::simulator::state::State;
use crate::simulator::time::date_time;

/// An event that an application should have seen, whether or not there was a subscription for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DueEvent {
    /// Its number, from 1.
    pub number: u64,
    /// Like `invitee.created`.
    pub event: &'static str,
    /// The URI of the invitee; with the name it is what an event is told by, but for no-show marks that come and go.
    pub invitee: String,
    /// The URI of the scheduled event.
    pub meeting: String,
    /// The URIs of the meeting's hosts.
    pub users: Vec<String>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// How many subscriptions there were for it then.
    pub subscriptions: u32,
    /// How many deliveries of it were answered 2xx.
    pub delivered: u32,
}

/// A delivery that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeliveryAttempt {
    /// Its number, from 1.
    pub number: u64,
    /// The number of its event.
    pub due: u64,
    /// The event's name; none where the ledger has forgotten the event.
    pub event: Option<&'static str>,
    /// The invitee's URI.
    pub invitee: Option<String>,
    /// The subscription's URI.
    pub subscription: String,
    /// Where it was posted.
    pub callback_url: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The how manieth attempt of this delivery.
    pub attempt: u32,
    /// A fault made it be delivered once more.
    pub repeated: bool,
    /// What was answered.
    pub status: Option<u16>,
    /// Why nothing was answered.
    pub error: Option<&'static str>,
    /// Microseconds until the answer or its failing.
    pub latency_us: i64,
}

/// Which entries to show.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    /// Those with a number above it.
    pub after: u64,
    pub user: Option<u32>,
    /// Those at that moment or later.
    pub since: Option<i64>,
    pub subscription: Option<u128>,
}

pub(super) fn due_events(state: &State, part: Part) -> impl Iterator<Item = DueEvent> {
    let numbered = state.deliveries.ledger.due.after(part.after);
    numbered
        .filter(move |(_, due)| part.since.is_none_or(|since| due.at >= since))
        .map(|(number, due)| (number, due, state.meetings.meeting_of(due.invitee)))
        .filter(move |(_, _, meeting)| part.user.is_none_or(|user| meeting.hosts.contains(&user)))
        .map(|(number, due, meeting)| DueEvent {
            number,
            event: due.name,
            invitee: state.invitee_uri(due.invitee),
            meeting: state.meeting_uri(state.meetings.invitee(due.invitee).meeting),
            users: meeting.hosts.iter().map(|host| state.user_uri(*host)).collect(),
            at: date_time(due.at),
            subscriptions: due.subscriptions,
            delivered: due.delivered,
        })
}

pub(super) fn attempts(state: &State, part: Part) -> impl Iterator<Item = DeliveryAttempt> {
    let numbered = state.deliveries.ledger.attempts.after(part.after);
    numbered
        .filter(move |(_, entry)| part.since.is_none_or(|since| entry.at >= since))
        .filter(move |(_, entry)| part.subscription.is_none_or(|uuid| entry.subscription == uuid))
        .map(|(number, entry)| {
            let due = state.deliveries.ledger.due.get(entry.event);
            let (status, error) = match entry.posted {
                Posted::Answered(status) => (Some(status), None),
                Posted::Failed(why) => (None, Some(why)),
            };
            DeliveryAttempt {
                number,
                due: entry.event,
                event: due.map(|due| due.name),
                invitee: due.map(|due| state.invitee_uri(due.invitee)),
                subscription: state.subscription_uri(entry.subscription),
                callback_url: entry.url.to_string(),
                at: date_time(entry.at),
                attempt: entry.attempt,
                repeated: entry.repeated,
                status,
                error,
                latency_us: entry.latency,
            }
        })
}
