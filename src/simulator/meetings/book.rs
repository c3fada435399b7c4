//! What happens to meetings: booked, joined, cancelled, rescheduled, not come to. Each says which events are due.
//! Who hears of those is `deliveries`.

use super::{Canceler, Cancellation, Invitee, Meeting, NoShow, UpdatedAt};
use crate::simulator::state::State;
use crate::simulator::{Result, SimulatorError, time};

/// A meeting that can be booked.
pub(crate) struct NewMeeting {
    pub hosts: Vec<u32>,
    pub start: i64,
    pub end: i64,
    pub seats: u32,
}

impl State {
    /// A meeting with its first invitee, whose number it is; with `booked_at` it was booked a time ago.
    pub(crate) fn book(&mut self, new: NewMeeting, name: Option<String>, booked_at: Option<i64>) -> u32 {
        let at = booked_at.unwrap_or_else(time::now);
        let meeting = self.add_meeting(new, at);
        let invitee = self.add_invitee(meeting, name, None, at);
        match booked_at {
            None => self.event_due("invitee.created", invitee, at),
            Some(_) => self.event_was_due("invitee.created", invitee, at),
        }
        invitee
    }

    /// One more takes a seat of a group event.
    pub(crate) fn join(&mut self, meeting: u32, name: Option<String>) -> Result<u32> {
        let at = time::now();
        if !self.has_room(meeting, at) {
            return Err(wrong("meeting", self.meeting_uri(meeting), "cancelled, begun or full; use another"));
        }
        let invitee = self.add_invitee(meeting, name, None, at);
        self.group_changed(meeting, at);
        self.event_due("invitee.created", invitee, at);
        Ok(invitee)
    }

    /// One cancels: of a group event only he goes, any other meeting ends with him, and so does a group's last.
    pub(crate) fn cancel(&mut self, invitee: u32, by: Canceler) -> Result<()> {
        let at = time::now();
        self.leave(invitee, by, at)?;
        self.event_due("invitee.canceled", invitee, at);
        Ok(())
    }

    /// The host cancels the meeting: everybody who would have come is told.
    pub(crate) fn cancel_meeting(&mut self, meeting: u32) -> Result<()> {
        let at = time::now();
        if self.meetings.meeting(meeting).cancellation.is_some() {
            return Err(wrong("meeting", self.meeting_uri(meeting), "cancelled already; use another"));
        }
        let coming: Vec<u32> = self.meetings.meeting(meeting).invitees.clone();
        let coming: Vec<u32> = coming
            .into_iter()
            .filter(|invitee| self.meetings.invitee(*invitee).cancellation.is_none())
            .collect();
        for invitee in &coming {
            self.leave(*invitee, Canceler::Host, at)?;
        }
        // After the last has gone, so that each payload shows the meeting as it is now.
        for invitee in coming {
            self.event_due("invitee.canceled", invitee, at);
        }
        Ok(())
    }

    /// The old invitee cancels, a new one books a meeting like it at another time; the new one's number.
    pub(crate) fn reschedule(&mut self, invitee: u32, start: i64) -> Result<u32> {
        let at = time::now();
        self.leave(invitee, Canceler::Invitee, at)?;
        let old = self.meetings.meeting_of(invitee);
        let end = start + (old.end - old.start);
        let new = NewMeeting { hosts: old.hosts.clone(), start, end, seats: old.seats };
        let name = self.meetings.invitee(invitee).name.clone();
        let meeting = self.add_meeting(new, at);
        let moved = self.add_invitee(meeting, Some(name), Some(invitee), at);
        let entry = &mut self.meetings.invitees[invitee as usize];
        entry.rescheduled = true;
        entry.new = Some(moved);
        self.event_due("invitee.canceled", invitee, at);
        self.event_due("invitee.created", moved, at);
        Ok(moved)
    }

    /// Marks one who did not come, or takes the mark away.
    pub(crate) fn set_no_show(&mut self, invitee: u32, marked: bool) -> Result<()> {
        let at = time::now();
        let uuid = self.text.id("no-show", self.meetings.no_shows);
        let touches = self.options.meetings.no_show_updated_at == UpdatedAt::Touch;
        let entry = &mut self.meetings.invitees[invitee as usize];
        if entry.cancellation.is_some() || entry.no_show.is_some() == marked {
            let state = if marked { "marked or cancelled already" } else { "not marked" };
            return Err(wrong("invitee", self.invitee_uri(invitee), &format!("{state}; use another")));
        }
        entry.no_show = marked.then_some(NoShow { uuid, at });
        if touches {
            entry.updated_at = at;
        }
        self.meetings.no_shows += 1;
        let event = if marked { "invitee_no_show.created" } else { "invitee_no_show.deleted" };
        self.event_due(event, invitee, at);
        Ok(())
    }

    pub(super) fn has_room(&self, meeting: u32, now: i64) -> bool {
        let entry = self.meetings.meeting(meeting);
        entry.cancellation.is_none()
            && entry.start > now
            && self.meetings.active(entry) < entry.seats as usize
    }

    fn add_meeting(&mut self, new: NewMeeting, at: i64) -> u32 {
        let NewMeeting { hosts, start, end, seats } = new;
        let uuid = self.text.id("scheduled event", u64::from(self.meetings.next()));
        let owner = hosts.first().copied().unwrap_or_default();
        let organization = self.users[owner as usize].organization;
        self.meetings.insert(Meeting {
            uuid,
            hosts,
            organization,
            start,
            end,
            seats,
            created_at: at,
            updated_at: at,
            cancellation: None,
            invitees: Vec::new(),
        })
    }

    fn add_invitee(&mut self, meeting: u32, name: Option<String>, old: Option<u32>, at: i64) -> u32 {
        let number = self.meetings.next_invitee();
        let uuid = self.text.id("invitee", u64::from(number));
        let name = name.unwrap_or_else(|| format!("Invitee {number}"));
        self.meetings.insert_invitee(Invitee {
            uuid,
            meeting,
            name,
            created_at: at,
            updated_at: at,
            cancellation: None,
            rescheduled: false,
            old,
            new: None,
            no_show: None,
        })
    }

    /// Ends one's coming, and the meeting where nobody is left; says nothing yet.
    fn leave(&mut self, invitee: u32, by: Canceler, at: i64) -> Result<()> {
        let entry = self.meetings.invitee(invitee);
        if entry.cancellation.is_some() {
            return Err(wrong("invitee", self.invitee_uri(invitee), "cancelled already; use another"));
        }
        let number = entry.meeting;
        let meeting = self.meetings.meeting(number);
        let name = match by {
            Canceler::Invitee => entry.name.clone(),
            Canceler::Host => meeting.hosts.first().map_or_else(String::new, |host| self.name_of(*host)),
        };
        let cancellation = Cancellation { at, by, name };
        let entry = &mut self.meetings.invitees[invitee as usize];
        entry.cancellation = Some(cancellation.clone());
        entry.updated_at = at;
        if self.meetings.active(self.meetings.meeting(number)) > 0 {
            self.group_changed(number, at);
            return Ok(());
        }
        let meeting = &mut self.meetings.meetings[number as usize];
        meeting.cancellation = Some(cancellation);
        meeting.updated_at = at;
        Ok(())
    }

    fn group_changed(&mut self, meeting: u32, at: i64) {
        if self.options.meetings.group_updated_at == UpdatedAt::Touch {
            self.meetings.meetings[meeting as usize].updated_at = at;
        }
    }

    fn name_of(&self, user: u32) -> String {
        self.users[user as usize].name.clone()
    }
}

fn wrong(field: &str, value: String, remedy: &str) -> SimulatorError {
    SimulatorError::Invalid(format!("{field}: `{value}`, {remedy}"))
}
