//! Meetings and their invitees as Calendly has them: what is stored, and how it is found.
//! Making and changing them is `book`, by chance `stream`; showing them `view`; the API's side `calls`.

mod book;
mod booking;
mod calls;
pub(super) mod control;
mod handle;
mod options;
mod stream;
mod view;

use std::collections::HashMap;

pub use booking::{Booked, Booking, Canceler};
pub(super) use calls::{get, get_invitee, list, list_invitees};
pub use options::{MeetingOptions, UpdatedAt};
pub(super) use stream::run as book_by_itself;
pub(super) use view::payload;

use super::chance::Chance;

/// A `scheduled_event`; "event" is what is delivered.
pub(super) struct Meeting {
    pub uuid: u128,
    /// Its members, its owner first.
    pub hosts: Vec<u32>,
    pub organization: u32,
    pub start: i64,
    pub end: i64,
    /// How many may come; above 1 it is a group event.
    pub seats: u32,
    pub created_at: i64,
    pub updated_at: i64,
    pub cancellation: Option<Cancellation>,
    pub invitees: Vec<u32>,
}

pub(super) struct Invitee {
    pub uuid: u128,
    pub meeting: u32,
    pub name: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub cancellation: Option<Cancellation>,
    pub rescheduled: bool,
    /// Whom he was before he moved here.
    pub old: Option<u32>,
    /// Whom he became by moving elsewhere.
    pub new: Option<u32>,
    pub no_show: Option<NoShow>,
}

#[derive(Clone)]
pub(super) struct Cancellation {
    pub at: i64,
    pub by: Canceler,
    /// The person's name.
    pub name: String,
}

pub(super) struct NoShow {
    pub uuid: u128,
    pub at: i64,
}

pub(super) struct Meetings {
    meetings: Vec<Meeting>,
    invitees: Vec<Invitee>,
    meeting_by_uuid: HashMap<u128, u32>,
    invitee_by_uuid: HashMap<u128, u32>,
    by_host: HashMap<u32, Vec<u32>>,
    by_organization: HashMap<u32, Vec<u32>>,
    /// The group events, which may be joined.
    groups: Vec<u32>,
    /// How many marks were ever made; each has an id of its own.
    no_shows: u64,
    /// For what is booked by chance alone, so that calls by hand shift nothing.
    chance: Chance,
    /// For when it is booked: a change of the rate shifts nothing else.
    pauses: Chance,
}

impl Meetings {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            meetings: Vec::new(),
            invitees: Vec::new(),
            meeting_by_uuid: HashMap::new(),
            invitee_by_uuid: HashMap::new(),
            by_host: HashMap::new(),
            by_organization: HashMap::new(),
            groups: Vec::new(),
            no_shows: 0,
            chance: Chance::new(seed ^ 0x6d65_6574),
            pauses: Chance::new(seed ^ 0x7061_7573),
        }
    }

    pub(crate) fn meeting(&self, number: u32) -> &Meeting {
        &self.meetings[number as usize]
    }

    pub(crate) fn invitee(&self, number: u32) -> &Invitee {
        &self.invitees[number as usize]
    }

    pub(crate) fn meeting_of(&self, invitee: u32) -> &Meeting {
        self.meeting(self.invitee(invitee).meeting)
    }

    /// A meeting by URI or uuid.
    fn find(&self, text: &str) -> Option<u32> {
        self.meeting_by_uuid.get(&last_uuid(text)?).copied()
    }

    /// An invitee by URI or uuid.
    fn find_invitee(&self, text: &str) -> Option<u32> {
        self.invitee_by_uuid.get(&last_uuid(text)?).copied()
    }

    fn of_host(&self, user: u32) -> &[u32] {
        self.by_host.get(&user).map(Vec::as_slice).unwrap_or_default()
    }

    fn of_organization(&self, organization: u32) -> &[u32] {
        self.by_organization.get(&organization).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many come, of those who ever booked.
    fn active(&self, meeting: &Meeting) -> usize {
        meeting.invitees.iter().filter(|invitee| self.invitee(**invitee).cancellation.is_none()).count()
    }

    /// The number that the next meeting gets.
    fn next(&self) -> u32 {
        self.meetings.len() as u32
    }

    fn insert(&mut self, meeting: Meeting) -> u32 {
        let number = self.next();
        self.meeting_by_uuid.insert(meeting.uuid, number);
        for host in &meeting.hosts {
            self.by_host.entry(*host).or_default().push(number);
        }
        self.by_organization.entry(meeting.organization).or_default().push(number);
        if meeting.seats > 1 {
            self.groups.push(number);
        }
        self.meetings.push(meeting);
        number
    }

    /// The number that the next invitee gets.
    fn next_invitee(&self) -> u32 {
        self.invitees.len() as u32
    }

    fn insert_invitee(&mut self, invitee: Invitee) -> u32 {
        let number = self.next_invitee();
        self.invitee_by_uuid.insert(invitee.uuid, number);
        self.meetings[invitee.meeting as usize].invitees.push(number);
        self.invitees.push(invitee);
        number
    }
}

fn last_uuid(text: &str) -> Option<u128> {
    let last = text.rsplit('/').next()?;
    Some(uuid::Uuid::parse_str(last).ok()?.as_u128())
}
