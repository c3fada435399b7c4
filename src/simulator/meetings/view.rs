//! How meetings and invitees are shown: by the API, and in what is delivered. It changes nothing.

use serde_json::{Value, json};

use super::{Canceler, Cancellation, Meeting};
use crate::simulator::state::State;
use crate::simulator::time;

impl State {
    pub(crate) fn meeting_uri(&self, meeting: u32) -> String {
        self.uri("scheduled_events", self.meetings.meeting(meeting).uuid)
    }

    pub(crate) fn invitee_uri(&self, invitee: u32) -> String {
        let entry = self.meetings.invitee(invitee);
        format!("{}/invitees/{}", self.meeting_uri(entry.meeting), uuid::Uuid::from_u128(entry.uuid))
    }

    fn written(&self, at: i64) -> String {
        time::written(self.shown(at))
    }
}

/// A scheduled event as the API shows it.
pub(super) fn meeting(state: &State, number: u32) -> Value {
    let mut shown = scheduled_event(state, number);
    let external_id = format!("{:x}", state.meetings.meeting(number).uuid);
    shown["calendar_event"] = json!({"kind": "google", "external_id": external_id});
    shown
}

/// What `invitee.*` and `invitee_no_show.*` carry: the invitee with his meeting inside.
pub(crate) fn payload(state: &State, number: u32) -> Value {
    let mut shown = invitee(state, number);
    shown["scheduled_event"] = scheduled_event(state, state.meetings.invitee(number).meeting);
    shown
}

fn scheduled_event(state: &State, number: u32) -> Value {
    let meeting = state.meetings.meeting(number);
    let uri = state.meeting_uri(number);
    let memberships = meeting.hosts.iter().map(|host| {
        let user = &state.users[*host as usize];
        json!({
            "user": state.user_uri(*host),
            "user_email": format!("{}@example.com", slug(&user.name)),
            "user_name": user.name,
        })
    });
    let mut shown = json!({
        "uri": uri,
        "name": if meeting.seats > 1 { "Group Meeting" } else { "30 Minute Meeting" },
        "meeting_notes_plain": null,
        "meeting_notes_html": null,
        "status": status(meeting.cancellation.as_ref()),
        "start_time": time::written(meeting.start),
        "end_time": time::written(meeting.end),
        "event_type": event_type(state, meeting),
        "location": {"type": "physical", "location": "Room 5"},
        "invitees_counter": {
            "total": meeting.invitees.len(),
            "active": state.meetings.active(meeting),
            "limit": meeting.seats,
        },
        "created_at": state.written(meeting.created_at),
        "updated_at": state.written(meeting.updated_at),
        "event_memberships": memberships.collect::<Vec<_>>(),
        "event_guests": [],
    });
    add_cancellation(state, &mut shown, meeting.cancellation.as_ref());
    shown
}

/// An invitee as the API shows him.
pub(super) fn invitee(state: &State, number: u32) -> Value {
    let entry = state.meetings.invitee(number);
    let uuid = uuid::Uuid::from_u128(entry.uuid);
    let no_show = entry.no_show.as_ref().map(
        |mark| json!({"uri": state.uri("invitee_no_shows", mark.uuid), "created_at": state.written(mark.at)}),
    );
    let mut shown = json!({
        "uri": state.invitee_uri(number),
        "email": email(&entry.name),
        "first_name": null,
        "last_name": null,
        "name": entry.name,
        "status": status(entry.cancellation.as_ref()),
        "questions_and_answers": [],
        "timezone": "Europe/London",
        "event": state.meeting_uri(entry.meeting),
        "created_at": state.written(entry.created_at),
        "updated_at": state.written(entry.updated_at),
        "tracking": {
            "utm_campaign": null,
            "utm_source": null,
            "utm_medium": null,
            "utm_content": null,
            "utm_term": null,
            "salesforce_uuid": null,
        },
        "text_reminder_number": null,
        "rescheduled": entry.rescheduled,
        "old_invitee": entry.old.map(|old| state.invitee_uri(old)),
        "new_invitee": entry.new.map(|new| state.invitee_uri(new)),
        "cancel_url": format!("https://calendly.com/cancellations/{uuid}"),
        "reschedule_url": format!("https://calendly.com/reschedulings/{uuid}"),
        "routing_form_submission": null,
        "payment": null,
        "no_show": no_show,
        "reconfirmation": null,
        "scheduling_method": null,
        "invitee_scheduled_by": null,
    });
    add_cancellation(state, &mut shown, entry.cancellation.as_ref());
    shown
}

pub(super) fn status(cancellation: Option<&Cancellation>) -> &'static str {
    if cancellation.is_some() { "canceled" } else { "active" }
}

pub(super) fn email(name: &str) -> String {
    format!("{}@guests.example", slug(name))
}

/// Only what is cancelled has the member.
fn add_cancellation(state: &State, shown: &mut Value, cancellation: Option<&Cancellation>) {
    if let Some(Cancellation { at, by, name }) = cancellation {
        shown["cancellation"] = json!({
            "canceled_by": name,
            "reason": null,
            "canceler_type": match by {
                Canceler::Host => "host",
                Canceler::Invitee => "invitee",
            },
            "created_at": state.written(*at),
        });
    }
}

/// One of each kind a user: what its meetings are made from.
fn event_type(state: &State, meeting: &Meeting) -> String {
    let owner = meeting.hosts.first().copied().unwrap_or_default();
    let kind = if meeting.seats > 1 { "event type of groups" } else { "event type" };
    state.uri("event_types", state.text.id(kind, u64::from(owner)))
}

fn slug(name: &str) -> String {
    let simple =
        |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    name.chars().map(simple).collect()
}
