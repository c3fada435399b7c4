//! The control API's calls about meetings; their table, besides that of `control`. A meeting and an invitee are named
//! by URI (percent-encoded in a path) or uuid.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `POST /simulator/meetings` | a `Booking`: `{"hosts": ["anna"], "start"?, "seconds"?, "seats"?, "invitee"?, "booked_at"?}` | `{"meeting","invitee"}` |
//! | `POST /simulator/meetings/{uuid}/join` | `{"invitee"?: name}` | `{"meeting","invitee"}`, one more of a group event |
//! | `POST /simulator/meetings/{uuid}/cancel` | | the host cancels it for everybody |
//! | `POST /simulator/invitees/{uuid}/cancel` | `{"by"?: "invitee"\|"host"}` | |
//! | `POST /simulator/invitees/{uuid}/reschedule` | `{"start": time}` | `{"meeting","invitee"}`, the new ones |
//! | `POST`, `DELETE /simulator/invitees/{uuid}/no-show` | | marks, unmarks |
//! | `POST /simulator/bookings/start` | `{"per_minute": 30}` | as the switch `bookings_per_minute` |
//! | `POST /simulator/bookings/stop` | | |
//! | `POST /simulator/bookings/draw` | `{"count": 100}` | as many as if they had come by themselves, at once |

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Booking, Canceler};
use crate::simulator::control::read;
use crate::simulator::shared::Shared;
use crate::simulator::{Result, SimulatorError};

/// More than anybody waits for with the simulator's lock held.
const MOST_DRAWN: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinBody {
    invitee: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    #[serde(default)]
    by: Canceler,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RescheduleBody {
    start: chrono::DateTime<chrono::Utc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateBody {
    per_minute: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawBody {
    count: usize,
}

/// The answer where the path is one of these calls.
pub(crate) fn answered(
    shared: &Shared,
    method: &str,
    segments: &[&str],
    body: &[u8],
) -> Result<Option<(u16, Value)>> {
    let made = |value: Value| Ok(Some((201, value)));
    match (method, segments) {
        ("POST", ["meetings"]) => {
            let booking: Booking = read(body)?;
            return made(json!(shared.state().booked(&booking)?));
        }
        ("POST", ["meetings", meeting, act]) => {
            let mut state = shared.state();
            let number = state.meeting_or_error(meeting)?;
            match *act {
                "join" => {
                    let invitee = state.join(number, read::<JoinBody>(body)?.invitee)?;
                    return made(json!(state.booked_as(invitee)));
                }
                "cancel" => state.cancel_meeting(number)?,
                _ => return Ok(None),
            }
        }
        ("POST" | "DELETE", ["invitees", invitee, act]) => {
            let mut state = shared.state();
            let number = state.invitee_or_error(invitee)?;
            match (method, *act) {
                ("POST", "cancel") => state.cancel(number, read::<CancelBody>(body)?.by)?,
                ("POST", "reschedule") => {
                    let start = read::<RescheduleBody>(body)?.start.timestamp_micros();
                    let moved = state.reschedule(number, start)?;
                    return made(json!(state.booked_as(moved)));
                }
                (_, "no-show") => state.set_no_show(number, method == "POST")?,
                _ => return Ok(None),
            }
        }
        ("POST", ["bookings", "start"]) => shared.set_booking_rate(read::<RateBody>(body)?.per_minute)?,
        ("POST", ["bookings", "stop"]) => shared.set_booking_rate(0.0)?,
        ("POST", ["bookings", "draw"]) => {
            let count = read::<DrawBody>(body)?.count;
            if count > MOST_DRAWN {
                let message = format!("count: {count}, use at most {MOST_DRAWN} a call");
                return Err(SimulatorError::Invalid(message));
            }
            let mut state = shared.state();
            (0..count).for_each(|_| state.book_by_chance());
        }
        _ => return Ok(None),
    }
    Ok(Some((200, json!({}))))
}
