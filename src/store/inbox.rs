//! The inbox over a database.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::backend::{postgres, sqlite};
use super::database::Database;
use super::event_row::{self, NewEventRow, Selected, addressee, attempt, attempt_row, kept, summary};
use super::pool::{Db, held};
use super::sql::{SqlStore, bounded};
use super::time::{micros, time};
use crate::domain::event::{Addressee, Attempt, Attempted, EventId, Kept, NewEvent, Summary};
use crate::domain::ids::ConnectionId;
use crate::ports::{Backlog, Inbox, Selection, StoreError};

/// Ids in one statement, rows changed in one.
const AT_ONCE: usize = 1000;
/// Bodies erased in one transaction: each may be large.
const ERASED_AT_ONCE: i64 = 500;

/// Runs one of the inbox's queries: `inbox!(database, read, look::get(id))`.
macro_rules! inbox {
    ($database:expr, $pool:ident, $module:ident :: $query:ident ( $($argument:expr),* )) => {
        match &$database.db {
            Db::Sqlite { $pool: pool, .. } => {
                let mut db = held(pool).await?;
                let asked = sqlite::queries::inbox::$module::$query(&mut db, $($argument),*).await;
                db.noting(asked)
            }
            Db::Postgres(pool) => {
                let mut db = held(pool).await?;
                let asked = postgres::queries::inbox::$module::$query(&mut db, $($argument),*).await;
                db.noting(asked)
            }
        }
    };
}

#[async_trait]
impl Inbox for SqlStore {
    async fn addressees(
        &self,
        ids: Vec<ConnectionId>,
        users: Vec<Box<str>>,
    ) -> Result<Vec<Addressee>, StoreError> {
        self.run(move |database, _| async move {
            let mut found = vec![];
            let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
            for ids in ids.chunks(AT_ONCE) {
                found.extend(inbox!(database, read, intake::by_ids(ids.to_vec()))?);
            }
            let users: Vec<String> = users.into_iter().map(Into::into).collect();
            for users in users.chunks(AT_ONCE) {
                found.extend(inbox!(database, read, intake::by_users(users.to_vec()))?);
            }
            Ok(found.into_iter().filter_map(addressee).collect())
        })
        .await
    }

    async fn first_of(
        &self,
        organizations: Vec<Box<str>>,
    ) -> Result<HashMap<Box<str>, ConnectionId>, StoreError> {
        self.run(move |database, _| async move {
            let mut first = HashMap::new();
            let organizations: Vec<String> = organizations.into_iter().map(Into::into).collect();
            for some in organizations.chunks(AT_ONCE) {
                let found = inbox!(database, read, intake::first_of(some.to_vec()))?;
                let ids = found.into_iter().filter_map(|(of, id)| Some((of?.into(), id?.parse().ok()?)));
                first.extend(ids);
            }
            Ok(first)
        })
        .await
    }

    async fn take_in(&self, events: Vec<NewEvent>) -> Result<Vec<bool>, StoreError> {
        self.run(move |database, _| async move {
            let rows = events.into_iter().map(NewEventRow::of).collect();
            Ok(inbox!(database, write, intake::take_in(rows))?)
        })
        .await
    }

    async fn known_events(&self, ids: Vec<EventId>) -> Result<HashSet<EventId>, StoreError> {
        self.run(move |database, _| async move {
            let mut known = HashSet::new();
            for ids in ids.chunks(AT_ONCE) {
                let found = inbox!(database, read, intake::known(texts(ids)))?;
                known.extend(found.iter().filter_map(|id| id.parse().ok()));
            }
            Ok(known)
        })
        .await
    }

    async fn due_events(
        &self,
        now: DateTime<Utc>,
        busy: Vec<i64>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        self.run(move |database, _| async move {
            let rows = inbox!(database, read, relay::due(micros(now), busy, bounded(limit)))?;
            Ok(rows.into_iter().filter_map(kept).collect())
        })
        .await
    }

    async fn settle_events(&self, attempts: Vec<Attempted>) -> Result<(), StoreError> {
        self.run(move |database, _| async move {
            let follows = attempts.iter().map(event_row::follows).collect();
            let rows = attempts.into_iter().map(|one| attempt_row(one.ordinal, one.attempt)).collect();
            Ok(inbox!(database, write, relay::settle(rows, follows))?)
        })
        .await
    }

    async fn hurry_events(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.run(move |database, _| async move {
            inbox!(database, write, relay::hurry(micros(now)))?;
            Ok(())
        })
        .await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.run(|database, _| async move {
            let (pending, oldest, next, dead) = inbox!(database, read, relay::backlog())?;
            let number = |of| u64::try_from(of).unwrap_or_default();
            let (oldest, next_at) = (oldest.map(time), next.map(time));
            Ok(Backlog { pending: number(pending), dead: number(dead), oldest, next_at })
        })
        .await
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        self.run(|database, _| async move { Ok(inbox!(database, read, pull::last())?) }).await
    }

    async fn events_after(
        &self,
        ordinal: i64,
        connection: Option<&ConnectionId>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        let connection = connection.map(|id| id.as_str().to_owned());
        self.run(move |database, _| async move {
            let rows = inbox!(database, read, pull::after(ordinal, connection, bounded(limit)))?;
            Ok(rows.into_iter().filter_map(kept).collect())
        })
        .await
    }

    async fn acknowledged(&self, consumer: &str) -> Result<Option<i64>, StoreError> {
        let name = consumer.to_owned();
        self.run(|database, _| async move { Ok(inbox!(database, read, pull::acknowledged(name))?) }).await
    }

    async fn acknowledge(&self, consumer: &str, ordinal: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        let name = consumer.to_owned();
        self.run(move |database, _| async move {
            Ok(inbox!(database, write, pull::acknowledge(name, ordinal, micros(at)))?)
        })
        .await
    }

    async fn list_events(
        &self,
        selection: &Selection,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Summary>, StoreError> {
        let (of, before) = (Selected::of(selection), before.unwrap_or(i64::MAX));
        self.run(move |database, _| async move {
            let rows = inbox!(database, read, look::list(of, before, bounded(limit)))?;
            Ok(rows.into_iter().filter_map(summary).collect())
        })
        .await
    }

    async fn event(&self, id: &EventId) -> Result<Option<(Kept, Vec<Attempt>)>, StoreError> {
        let id = id.as_str().to_owned();
        self.run(|database, _| async move {
            let Some(event) = inbox!(database, read, look::get(id))?.and_then(kept) else { return Ok(None) };
            let attempts = inbox!(database, read, look::attempts(event.summary.ordinal))?;
            Ok(Some((event, attempts.into_iter().map(attempt).collect())))
        })
        .await
    }

    async fn replay_events(&self, ids: Vec<EventId>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.run(move |database, _| async move {
            let mut replayed = 0;
            for ids in ids.chunks(AT_ONCE) {
                replayed += inbox!(database, write, relay::replay(texts(ids), micros(now)))?;
            }
            Ok(replayed)
        })
        .await
    }

    async fn replay_selected(
        &self,
        selection: &Selection,
        after: i64,
        now: DateTime<Utc>,
    ) -> Result<(usize, Option<i64>), StoreError> {
        let of = Selected::of(selection);
        self.run(move |database, _| async move {
            let places = inbox!(database, read, look::places(of, after, bounded(AT_ONCE)))?;
            let Some(last) = places.last().copied() else { return Ok((0, None)) };
            let replayed = inbox!(database, write, relay::replay_places(places, micros(now)))?;
            Ok((replayed, Some(last)))
        })
        .await
    }

    async fn erase_events(&self, selection: &Selection, at: DateTime<Utc>) -> Result<usize, StoreError> {
        let of = Selected::of(selection);
        self.run(move |database, _| async move {
            let places = inbox!(database, read, look::places(of, i64::MIN, ERASED_AT_ONCE))?;
            erase(&database, places, micros(at)).await
        })
        .await
    }

    async fn expire_events(
        &self,
        settled_before: DateTime<Utc>,
        forget: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        self.run(move |database, _| async move {
            let before = micros(settled_before);
            let places = inbox!(database, read, upkeep::settled(before, ERASED_AT_ONCE))?;
            let erased = erase(&database, places, before).await?;
            let forgotten = inbox!(database, write, upkeep::forget(micros(forget), ERASED_AT_ONCE))?;
            Ok(erased + forgotten)
        })
        .await
    }
}

async fn erase(database: &Database, places: Vec<i64>, at: i64) -> Result<usize, StoreError> {
    if places.is_empty() {
        return Ok(0);
    }
    Ok(inbox!(database, write, upkeep::erase(places, at))?)
}

fn texts(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}
