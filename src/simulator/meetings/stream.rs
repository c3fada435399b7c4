//! Meetings that come by themselves: when, with whom, what follows. All of it is drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Canceler;
use super::book::NewMeeting;
use crate::simulator::shared::Shared;
use crate::simulator::state::State;
use crate::simulator::time::{self, SECOND};

/// So much is made up for.
const BEHIND: Duration = Duration::from_secs(1);
const MINUTE: i64 = 60 * SECOND;
/// How often one that fits is looked for, before it is let be.
const TRIES: usize = 16;
/// What is booked for soon starts at the latest after so long, and is as short.
const SOON: i64 = 10 * SECOND;
/// How far ahead the others are booked.
const FARTHEST: i64 = 60 * 24 * 60 * MINUTE;

/// Books at the rate of the options until cancelled.
pub(crate) async fn run(shared: Arc<Shared>, cancelled: CancellationToken) {
    let mut next: Option<Instant> = None;
    loop {
        let pause = shared.state().pause_between_bookings();
        // Whoever has fallen behind for long does not make up for it.
        let last = next.filter(|next| next.elapsed() < BEHIND).unwrap_or_else(Instant::now);
        let due = pause.map(|pause| last + pause);
        let wait = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            () = shared.rate_changed() => next = None,
            () = wait => {
                shared.state().book_by_chance();
                next = due;
            }
        }
    }
}

impl State {
    /// How long until the next booking, as bookings of many people come; none where none does.
    fn pause_between_bookings(&mut self) -> Option<Duration> {
        let rate = self.options.meetings.bookings_per_minute;
        if rate <= 0.0 {
            return None;
        }
        let seconds = -(1.0 - self.meetings.pauses.fraction()).ln() * 60.0 / rate;
        Some(Duration::from_secs_f64(seconds.min(1e6)))
    }

    /// One booking, and what chance lets follow.
    pub(crate) fn book_by_chance(&mut self) {
        if self.users.is_empty() {
            return;
        }
        let now = time::now();
        let shares = self.options.meetings.clone();
        let Some(host) = self.meetings.chance.below(self.users.len()) else { return };
        let start = self.start_by_chance(shares.soon_share, now);
        let group = self.meetings.chance.happens(shares.group_share);
        let open = if group { self.group_with_room(now) } else { None };
        match open {
            Some(meeting) => self.joined(meeting),
            None => {
                let end = start + if start <= now + SOON { SOON } else { 30 * MINUTE };
                let seats = if group { self.meetings.chance.between(3, 10) as u32 } else { 1 };
                self.book(NewMeeting { hosts: vec![host as u32], start, end, seats }, None, None);
            }
        }
        if self.meetings.chance.happens(shares.cancel_share) {
            self.cancel_by_chance(now);
        }
        if self.meetings.chance.happens(shares.reschedule_share)
            && let Some(invitee) = self.some_invitee(|state, invitee| state.comes_after(invitee, now))
        {
            let start = self.start_by_chance(shares.soon_share, now);
            // It was just seen to be active.
            let _ = self.reschedule(invitee, start);
        }
        if self.meetings.chance.happens(shares.no_show_share)
            && let Some(invitee) = self.some_invitee(|state, invitee| state.came_before(invitee, now))
        {
            let marked = self.meetings.invitee(invitee).no_show.is_some();
            let _ = self.set_no_show(invitee, !marked);
        }
    }

    fn joined(&mut self, meeting: u32) {
        // It was just seen to have room.
        let _ = self.join(meeting, None);
    }

    fn start_by_chance(&mut self, soon_share: f64, now: i64) -> i64 {
        if self.meetings.chance.happens(soon_share) {
            return now + self.meetings.chance.between(SECOND, SOON);
        }
        let quarter = 15 * MINUTE;
        let ahead = self.meetings.chance.between(60 * MINUTE, FARTHEST);
        (now + ahead) / quarter * quarter
    }

    /// A group event that takes one more; sometimes none, so that there are ever new ones.
    fn group_with_room(&mut self, now: i64) -> Option<u32> {
        if self.meetings.chance.happens(0.25) {
            return None;
        }
        (0..TRIES).find_map(|_| {
            let drawn = self.meetings.chance.below(self.meetings.groups.len())?;
            let meeting = self.meetings.groups[drawn];
            self.has_room(meeting, now).then_some(meeting)
        })
    }

    fn cancel_by_chance(&mut self, now: i64) {
        let by = if self.meetings.chance.happens(0.3) { Canceler::Host } else { Canceler::Invitee };
        let Some(invitee) = self.some_invitee(|state, invitee| state.comes_after(invitee, now)) else {
            return;
        };
        // Both were just seen to be active.
        let _ = match by {
            Canceler::Host => self.cancel_meeting(self.meetings.invitee(invitee).meeting),
            Canceler::Invitee => self.cancel(invitee, by),
        };
    }

    fn some_invitee(&mut self, fits: impl Fn(&Self, u32) -> bool) -> Option<u32> {
        (0..TRIES).find_map(|_| {
            let drawn = self.meetings.chance.below(self.meetings.invitees.len())? as u32;
            fits(self, drawn).then_some(drawn)
        })
    }

    fn comes_after(&self, invitee: u32, now: i64) -> bool {
        self.meetings.invitee(invitee).cancellation.is_none() && self.meetings.meeting_of(invitee).start > now
    }

    fn came_before(&self, invitee: u32, now: i64) -> bool {
        self.meetings.invitee(invitee).cancellation.is_none()
            && self.meetings.meeting_of(invitee).start <= now
    }
}
