//! The control API's calls about deliveries; their table, besides that of `control`.
//!
//! Both lists are paged: `after=NUMBER` goes on behind an entry, `limit` (1000, at most 10000) ends a page, `next` is
//! the `after` of the next one or null. `forgotten` counts the entries that `ledger_entries` has no room for.
//!
//! | call | answer |
//! |---|---|
//! | `GET /simulator/events?after=&limit=&user=&since=` | `{"events": [DueEvent...], "next", "forgotten"}`: what an application should have seen |
//! | `GET /simulator/deliveries?after=&limit=&since=&subscription=` | `{"attempts": [DeliveryAttempt...], "next", "forgotten", "pending"}` |
//! | `POST /simulator/deliveries/pass` `{"seconds": 3600}` | time passes at once, for deliveries alone |

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::view::{self, Part};
use crate::simulator::call::Form;
use crate::simulator::control::read;
use crate::simulator::shared::Shared;
use crate::simulator::state::State;
use crate::simulator::time::SECOND;
use crate::simulator::{Result, SimulatorError};

const LIMIT: usize = 1000;
const MOST: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PassBody {
    seconds: u32,
}

/// The answer where the path is one of these calls.
pub(in crate::simulator) fn answered(
    shared: &Shared,
    method: &str,
    segments: &[&str],
    parameters: &Form<'_>,
    body: &[u8],
) -> Result<Option<(u16, Value)>> {
    let value = match (method, segments) {
        ("GET", ["events"]) => {
            let state = shared.state();
            let (part, limit) = asked(&state, parameters)?;
            let forgotten = state.deliveries.ledger.due.forgotten();
            let (events, next) = page(view::due_events(&state, part), limit, |event| event.number);
            json!({"events": events, "next": next, "forgotten": forgotten})
        }
        ("GET", ["deliveries"]) => {
            let state = shared.state();
            let (part, limit) = asked(&state, parameters)?;
            let forgotten = state.deliveries.ledger.attempts.forgotten();
            let pending = state.deliveries.queue.pending();
            let (attempts, next) = page(view::attempts(&state, part), limit, |attempt| attempt.number);
            json!({"attempts": attempts, "next": next, "forgotten": forgotten, "pending": pending})
        }
        ("POST", ["deliveries", "pass"]) => {
            let seconds = i64::from(read::<PassBody>(body)?.seconds);
            shared.state().deliveries.queue.pass(seconds * SECOND);
            json!({})
        }
        _ => return Ok(None),
    };
    Ok(Some((200, value)))
}

/// The entries of a page, and what the next one starts after.
fn page<T>(
    mut entries: impl Iterator<Item = T>,
    limit: usize,
    number: impl Fn(&T) -> u64,
) -> (Vec<T>, Option<u64>) {
    let page: Vec<T> = entries.by_ref().take(limit).collect();
    let last = page.last().map(number);
    let next = entries.next().and(last);
    (page, next)
}

fn asked(state: &State, parameters: &Form<'_>) -> Result<(Part, usize)> {
    let invalid = |field: &str, remedy: &str| SimulatorError::Invalid(format!("{field}: {remedy}"));
    let number = |field: &str, unset: u64| match parameters.get(field).map(str::parse) {
        None => Ok(unset),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(invalid(field, "not a number, use 0 or more")),
    };
    let limit = number("limit", LIMIT as u64)?.clamp(1, MOST as u64) as usize;
    let since = parameters.get("since").map(DateTime::parse_from_rfc3339).transpose();
    let since = since.map_err(|_| invalid("since", "not a date-time, use one like 2026-11-24T10:00:00Z"))?;
    let subscription = parameters.get("subscription").map(|text| {
        let uuid = uuid::Uuid::parse_str(text.rsplit('/').next().unwrap_or(text));
        uuid.map_err(|_| invalid("subscription", "neither a URI nor a uuid, use one"))
    });
    let part = Part {
        after: number("after", 0)?,
        user: parameters.get("user").map(|user| state.user_or_error(user)).transpose()?,
        since: since.map(|since| since.timestamp_micros()),
        subscription: subscription.transpose()?.map(|uuid| uuid.as_u128()),
    };
    Ok((part, limit))
}
