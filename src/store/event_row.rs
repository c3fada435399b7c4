//! The inbox's rows, and the domain's words from them and into them.

use std::time::Duration;

use bytes::Bytes;
use diesel::prelude::*;

use super::clean;
use super::schema::{event_attempts, events};
use super::time::{micros, time};
use crate::domain::event::{
    Addressee, Attempt, Attempted, EventId, Kept, Line, NewEvent, Settled, State, Summary,
};
use crate::ports::Selection;

/// An event as it is written.
#[derive(Clone, Insertable)]
#[diesel(table_name = events)]
pub(super) struct NewEventRow {
    /// Given by the statement that writes it.
    pub(super) ordinal: i64,
    pub(super) id: String,
    pub(super) connection_id: String,
    pub(super) event: String,
    pub(super) line: String,
    pub(super) occurred_at: Option<i64>,
    pub(super) received_at: i64,
    pub(super) queued_at: i64,
    pub(super) backfilled: i64,
    pub(super) signature: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) state: &'static str,
    pub(super) next_at: Option<i64>,
    pub(super) attempts: i64,
    pub(super) settled_at: Option<i64>,
}

impl NewEventRow {
    pub(super) fn of(event: NewEvent) -> Self {
        let state = if event.relayed { State::Pending } else { State::Kept };
        let received_at = micros(event.received_at);
        let text = |text: Box<str>| String::from(clean::text(text));
        Self {
            ordinal: 0,
            id: event.id.as_str().into(),
            connection_id: event.connection.map(Into::into).unwrap_or_default(),
            event: text(event.event),
            line: event.line.as_str().into(),
            occurred_at: event.occurred_at.map(micros),
            received_at,
            queued_at: received_at,
            backfilled: event.backfilled.into(),
            signature: event.signature.map(text),
            content_type: event.content_type.map(text),
            body: Some(event.body.into()),
            state: state.as_str(),
            next_at: event.relayed.then_some(received_at),
            attempts: 0,
            settled_at: (!event.relayed).then_some(received_at),
        }
    }
}

/// What is told of an event.
#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct SummaryRow {
    pub(super) ordinal: i64,
    pub(super) id: String,
    pub(super) connection_id: String,
    pub(super) event: String,
    pub(super) occurred_at: Option<i64>,
    pub(super) received_at: i64,
    pub(super) queued_at: i64,
    pub(super) backfilled: i64,
    pub(super) state: String,
    pub(super) next_at: Option<i64>,
    pub(super) attempts: i64,
    pub(super) settled_at: Option<i64>,
}

/// An event with what is relayed.
#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct EventRow {
    #[diesel(embed)]
    pub(super) summary: SummaryRow,
    pub(super) line: String,
    pub(super) signature: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Option<Vec<u8>>,
}

/// A time that an event was sent.
#[derive(Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = event_attempts)]
pub(super) struct AttemptRow {
    pub(super) ordinal: i64,
    pub(super) at: i64,
    pub(super) status: Option<i64>,
    pub(super) error: Option<String>,
    pub(super) took: i64,
}

/// What follows from an attempt, as columns.
pub(super) struct Follows {
    pub(super) ordinal: i64,
    pub(super) state: &'static str,
    pub(super) next_at: Option<i64>,
    pub(super) settled_at: Option<i64>,
}

/// A selection, as columns.
#[derive(Clone, Default)]
pub(super) struct Selected {
    pub(super) connection: Option<String>,
    pub(super) since: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) state: Option<State>,
}

impl Selected {
    pub(super) fn of(selection: &Selection) -> Self {
        Self {
            connection: selection.connection.clone().map(Into::into),
            since: selection.since.map(micros),
            until: selection.until.map(micros),
            state: selection.state,
        }
    }
}

/// A row that a newer version wrote, or somebody else: `None`.
pub(super) fn summary(row: SummaryRow) -> Option<Summary> {
    Some(Summary {
        ordinal: row.ordinal,
        id: row.id.parse::<EventId>().ok()?,
        connection: row.connection_id.parse().ok(),
        event: row.event.into(),
        occurred_at: row.occurred_at.map(time),
        received_at: time(row.received_at),
        queued_at: time(row.queued_at),
        backfilled: row.backfilled != 0,
        state: State::parse(&row.state)?,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        next_at: row.next_at.map(time),
        settled_at: row.settled_at.map(time),
    })
}

pub(super) fn kept(row: EventRow) -> Option<Kept> {
    Some(Kept {
        summary: summary(row.summary)?,
        line: Line::stored(row.line),
        signature: row.signature.map(Into::into),
        content_type: row.content_type.map(Into::into),
        body: row.body.map(Bytes::from),
    })
}

pub(super) fn attempt_row(ordinal: i64, attempt: Attempt) -> AttemptRow {
    AttemptRow {
        ordinal,
        at: micros(attempt.at),
        status: attempt.status.map(Into::into),
        error: attempt.error.map(|error| clean::text(error).into()),
        took: i64::try_from(attempt.took.as_micros()).unwrap_or(i64::MAX),
    }
}

pub(super) fn attempt(row: AttemptRow) -> Attempt {
    Attempt {
        at: time(row.at),
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        error: row.error.map(Into::into),
        took: Duration::from_micros(u64::try_from(row.took).unwrap_or_default()),
    }
}

pub(super) fn addressee((id, user): (String, Option<String>)) -> Option<Addressee> {
    Some(Addressee { id: id.parse().ok()?, user: user.map(Into::into) })
}

/// What follows from an attempt.
pub(super) fn follows(attempted: &Attempted) -> Follows {
    let settled_at = Some(micros(attempted.attempt.at));
    let (state, next_at, settled_at) = match attempted.settled {
        Settled::Delivered => (State::Delivered, None, settled_at),
        Settled::Dead => (State::Dead, None, settled_at),
        Settled::Again(at) => (State::Pending, Some(micros(at)), None),
    };
    Follows { ordinal: attempted.ordinal, state: state.as_str(), next_at, settled_at }
}
