//! What is booked without being asked for, and what Calendly does not say about meetings.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// What becomes of a resource's `updated_at` when something about it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum UpdatedAt {
    /// It stays: the change does not show.
    Keep,
    /// It moves.
    Touch,
}

/// The meetings that come by themselves; without a rate there are none.
#[derive(Clone, Debug, Serialize, Deserialize, Args)]
#[serde(default, deny_unknown_fields)]
pub struct MeetingOptions {
    /// Meetings booked a minute, with hosts, times and what follows drawn from the seed; 0: none.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, help_heading = "Meetings")]
    pub bookings_per_minute: f64,
    /// Of the bookings, those of a seat in a group event (0 to 1).
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, help_heading = "Meetings")]
    pub group_share: f64,
    /// Of the bookings, those that start within seconds and soon end: booked and held while nobody looks.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Meetings")]
    pub soon_share: f64,
    /// So many bookings (0 to 1) are followed by somebody cancelling; sometimes the host.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, help_heading = "Meetings")]
    pub cancel_share: f64,
    /// So many bookings are followed by somebody rescheduling.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, help_heading = "Meetings")]
    pub reschedule_share: f64,
    /// So many bookings are followed by a mark for who did not come, or by its removal.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Meetings")]
    pub no_show_share: f64,
    /// What one attendee's coming or going does to a group event's `updated_at`.
    #[arg(long, value_enum, default_value = "keep", help_heading = "Meetings")]
    pub group_updated_at: UpdatedAt,
    /// What a no-show mark does to the invitee's `updated_at`.
    #[arg(long, value_enum, default_value = "keep", help_heading = "Meetings")]
    pub no_show_updated_at: UpdatedAt,
}

impl MeetingOptions {
    /// The first switch whose value cannot be, as "field: value, remedy".
    pub(crate) fn validate(&self) -> Result<(), String> {
        let rate = self.bookings_per_minute;
        if !(0.0..=1_000_000.0).contains(&rate) {
            return Err(format!("bookings_per_minute: {rate}, use 0 to 1000000"));
        }
        for (name, share) in [
            ("group_share", self.group_share),
            ("soon_share", self.soon_share),
            ("cancel_share", self.cancel_share),
            ("reschedule_share", self.reschedule_share),
            ("no_show_share", self.no_show_share),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name}: {share}, use 0 to 1"));
            }
        }
        Ok(())
    }
}

impl Default for MeetingOptions {
    fn default() -> Self {
        Self {
            bookings_per_minute: 0.0,
            group_share: 0.2,
            soon_share: 0.1,
            cancel_share: 0.2,
            reschedule_share: 0.1,
            no_show_share: 0.0,
            group_updated_at: UpdatedAt::Keep,
            no_show_updated_at: UpdatedAt::Keep,
        }
    }
}
