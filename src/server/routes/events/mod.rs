//! Events for an application that fetches them, and what can be done with those that are kept: one file a question.

pub(in crate::server) mod ack;
mod cursor;
pub(in crate::server) mod fetch;
pub(in crate::server) mod list;
pub(in crate::server) mod one;
pub(in crate::server) mod purge;
pub(in crate::server) mod replay;
pub(in crate::server) mod resume;

use chrono::{DateTime, Utc};

use super::super::extract::invalid;
use super::super::problem::{INVALID_REQUEST, Problem};
use super::super::work;
use crate::domain::ids::ConnectionId;
use crate::services::events::NotFetched;

const MOST: usize = 1000;
const BY_DEFAULT: usize = 100;

fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(BY_DEFAULT);
    if (1..=MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(invalid(format!("limit is not between 1 and {MOST}")))
    }
}

/// A consumer's name is like a connection's id.
fn consumer(text: &str) -> Result<Box<str>, Problem> {
    let name = text.parse::<ConnectionId>().map(|name| name.as_str().into());
    name.map_err(|_| invalid("a consumer's name is 1 to 128 of A-Z a-z 0-9 . _ : @ -"))
}

fn connection(text: &str) -> Result<ConnectionId, Problem> {
    text.parse().map_err(|bad: crate::domain::ids::InvalidConnectionId| invalid(bad.to_string()))
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc));
    time.map_err(|_| {
        invalid(format!("{name} is no time; write it like 2026-01-31T12:00:00Z, in a query with %2B for +"))
    })
}

fn problem(not: NotFetched) -> Problem {
    match not {
        NotFetched::Ahead => Problem::new(
            INVALID_REQUEST,
            "the cursor is ahead of all events: it is another keeper's, or the database was restored since; begin without \
             one, events keep their ids",
        ),
        NotFetched::Store(error) => work::of_store(error),
    }
}
