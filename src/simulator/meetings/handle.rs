//! The handle's methods about meetings, and what they and the control API share.

use chrono::{DateTime, Utc};

use super::book::NewMeeting;
use super::{Booked, Booking, Canceler};
use crate::simulator::shared::Shared;
use crate::simulator::state::State;
use crate::simulator::time::{self, SECOND};
use crate::simulator::{Result, Simulator, SimulatorError};

/// Ahead of now where no start is given.
const TWO_DAYS: i64 = 2 * 24 * 3600 * SECOND;

/// Meetings. A meeting and an invitee are named by URI or uuid.
impl Simulator {
    /// Somebody books a meeting.
    ///
    /// # Errors
    /// An unknown host, none at all, hosts of several organizations, or a number that cannot be.
    pub fn book(&self, booking: &Booking) -> Result<Booked> {
        self.shared().state().booked(booking)
    }

    /// One more takes a seat of a group event.
    ///
    /// # Errors
    /// An unknown meeting, or one that is cancelled, has begun or is full.
    pub fn join(&self, meeting: &str) -> Result<Booked> {
        let mut state = self.shared().state();
        let number = state.meeting_or_error(meeting)?;
        let invitee = state.join(number, None)?;
        Ok(state.booked_as(invitee))
    }

    /// One invitee cancels, or the host cancels him. A meeting nobody comes to any more is cancelled with him.
    ///
    /// # Errors
    /// An unknown invitee, or one who has cancelled.
    pub fn cancel(&self, invitee: &str, by: Canceler) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.invitee_or_error(invitee)?;
        state.cancel(number, by)
    }

    /// The host cancels a meeting for everybody.
    ///
    /// # Errors
    /// An unknown meeting, or one that is cancelled.
    pub fn cancel_meeting(&self, meeting: &str) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.meeting_or_error(meeting)?;
        state.cancel_meeting(number)
    }

    /// An invitee moves his meeting: he is cancelled, and somebody new books another.
    ///
    /// # Errors
    /// An unknown invitee, or one who has cancelled.
    pub fn reschedule(&self, invitee: &str, start: DateTime<Utc>) -> Result<Booked> {
        let mut state = self.shared().state();
        let number = state.invitee_or_error(invitee)?;
        let moved = state.reschedule(number, start.timestamp_micros())?;
        Ok(state.booked_as(moved))
    }

    /// Marks an invitee who did not come, or takes the mark away.
    ///
    /// # Errors
    /// An unknown invitee, one who has cancelled, or one who has the mark (has it not) already.
    pub fn set_no_show(&self, invitee: &str, marked: bool) -> Result<()> {
        let mut state = self.shared().state();
        let number = state.invitee_or_error(invitee)?;
        state.set_no_show(number, marked)
    }

    /// Meetings come by themselves from now on, so many a minute; 0: no more.
    ///
    /// # Errors
    /// A rate that cannot be.
    pub fn set_booking_rate(&self, per_minute: f64) -> Result<()> {
        self.shared().set_booking_rate(per_minute)
    }

    /// So many bookings as if they had come by themselves, with what follows them, at once.
    pub fn draw_bookings(&self, count: usize) {
        let mut state = self.shared().state();
        (0..count).for_each(|_| state.book_by_chance());
    }
}

impl Shared {
    pub(crate) fn set_booking_rate(&self, per_minute: f64) -> Result<()> {
        let mut state = self.state();
        let mut changed = state.options.meetings.clone();
        changed.bookings_per_minute = per_minute;
        changed.validate().map_err(SimulatorError::Invalid)?;
        state.options.meetings = changed;
        drop(state);
        self.options_changed();
        Ok(())
    }
}

impl State {
    pub(crate) fn booked(&mut self, booking: &Booking) -> Result<Booked> {
        let wrong = |message: &str| SimulatorError::Invalid(message.to_owned());
        let mut hosts = Vec::new();
        for host in &booking.hosts {
            let host = self.user_or_error(host)?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let mut organizations = hosts.iter().map(|host| self.users[*host as usize].organization);
        let Some(organization) = organizations.next() else {
            return Err(wrong("hosts: empty, name at least one user"));
        };
        if !organizations.all(|other| other == organization) {
            return Err(wrong("hosts: of several organizations, use those of one"));
        }
        if booking.seats == 0 || booking.seconds == 0 {
            return Err(wrong("seats, seconds: 0, use 1 or more"));
        }
        let booked_at = booking.booked_at.map(|at| at.timestamp_micros());
        let start = booking.start.map(|start| start.timestamp_micros());
        let start = start.unwrap_or_else(|| booked_at.unwrap_or_else(time::now) + TWO_DAYS);
        let end = start + i64::from(booking.seconds) * SECOND;
        let new = NewMeeting { hosts, start, end, seats: booking.seats };
        let invitee = self.book(new, booking.invitee.clone(), booked_at);
        Ok(self.booked_as(invitee))
    }

    pub(crate) fn booked_as(&self, invitee: u32) -> Booked {
        let meeting = self.meetings.invitee(invitee).meeting;
        Booked { meeting: self.meeting_uri(meeting), invitee: self.invitee_uri(invitee) }
    }

    pub(crate) fn meeting_or_error(&self, text: &str) -> Result<u32> {
        self.meetings.find(text).ok_or_else(|| SimulatorError::unknown("meeting", text))
    }

    pub(crate) fn invitee_or_error(&self, text: &str) -> Result<u32> {
        self.meetings.find_invitee(text).ok_or_else(|| SimulatorError::unknown("invitee", text))
    }
}
