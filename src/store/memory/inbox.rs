//! The inbox in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::domain::event::{
    Addressee, Attempt, Attempted, EventId, Kept, NewEvent, Settled, State as Stands, Summary,
};
use crate::domain::ids::ConnectionId;
use crate::ports::{Backlog, Inbox, Selection, StoreError};
use crate::store::clean;
use crate::store::time::stored;

/// So many at once, as the databases do.
const AT_ONCE: usize = 500;

#[derive(Clone, Default)]
pub(super) struct Events {
    last: i64,
    events: BTreeMap<i64, (Kept, Vec<Attempt>)>,
    places: HashMap<EventId, i64>,
    consumers: HashMap<String, (i64, DateTime<Utc>)>,
}

impl Events {
    fn take_in(&mut self, event: NewEvent) -> bool {
        if self.places.contains_key(&event.id) {
            return false;
        }
        self.last += 1;
        self.places.insert(event.id.clone(), self.last);
        let received_at = stored(event.received_at);
        let summary = Summary {
            ordinal: self.last,
            id: event.id,
            connection: event.connection,
            event: clean::text(event.event),
            occurred_at: event.occurred_at.map(stored),
            received_at,
            queued_at: received_at,
            backfilled: event.backfilled,
            state: if event.relayed { Stands::Pending } else { Stands::Kept },
            attempts: 0,
            next_at: event.relayed.then_some(received_at),
            settled_at: (!event.relayed).then_some(received_at),
        };
        let kept = Kept {
            summary,
            line: event.line,
            signature: event.signature.map(clean::text),
            content_type: event.content_type.map(clean::text),
            body: Some(event.body),
        };
        self.events.insert(self.last, (kept, vec![]));
        true
    }

    fn pending(&self) -> impl Iterator<Item = &Kept> {
        self.events.values().map(|(kept, _)| kept).filter(|kept| kept.summary.next_at.is_some())
    }

    fn settle(&mut self, attempted: Attempted) {
        let Some((kept, attempts)) = self.events.get_mut(&attempted.ordinal) else { return };
        let at = stored(attempted.attempt.at);
        attempts.push(Attempt {
            at,
            status: attempted.attempt.status,
            error: attempted.attempt.error.map(clean::text),
            took: Duration::from_micros(attempted.attempt.took.as_micros().try_into().unwrap_or(u64::MAX)),
        });
        let summary = &mut kept.summary;
        if summary.next_at.is_none() {
            return;
        }
        summary.attempts += 1;
        (summary.state, summary.next_at, summary.settled_at) = match attempted.settled {
            Settled::Delivered => (Stands::Delivered, None, Some(at)),
            Settled::Dead => (Stands::Dead, None, Some(at)),
            Settled::Again(next) => (Stands::Pending, Some(stored(next)), None),
        };
    }

    fn replay(&mut self, places: &[i64], now: DateTime<Utc>) -> usize {
        let mut replayed = 0;
        for place in places {
            if let Some((kept, _)) = self.events.get_mut(place).filter(|(kept, _)| kept.body.is_some()) {
                let summary = &mut kept.summary;
                summary.state = Stands::Pending;
                (summary.next_at, summary.queued_at, summary.settled_at) = (Some(now), now, None);
                replayed += 1;
            }
        }
        replayed
    }

    fn erase(&mut self, places: &[i64], at: DateTime<Utc>) -> usize {
        for place in places {
            if let Some((kept, attempts)) = self.events.get_mut(place) {
                (kept.body, kept.signature, kept.summary.next_at) = (None, None, None);
                if kept.summary.state == Stands::Pending {
                    kept.summary.state = Stands::Dead;
                }
                kept.summary.settled_at.get_or_insert(at);
                attempts.clear();
            }
        }
        places.len()
    }

    fn places(&self, of: &Selection, after: i64) -> Vec<i64> {
        let with_body = self.events.range(after.saturating_add(1)..).map(|(_, (kept, _))| kept);
        let some = with_body.filter(|kept| kept.body.is_some() && is_of(of, &kept.summary));
        some.take(AT_ONCE).map(|kept| kept.summary.ordinal).collect()
    }

    fn settled(&self, before: DateTime<Utc>) -> Vec<i64> {
        let consumers = self.consumers.values().filter(|(_, seen_at)| *seen_at >= before);
        let acknowledged = consumers.map(|(place, _)| *place).min().unwrap_or(i64::MAX);
        let old = |kept: &&Kept| {
            kept.body.is_some()
                && kept.summary.settled_at.is_some_and(|at| at < before)
                && kept.summary.ordinal <= acknowledged
        };
        let old = self.events.values().map(|(kept, _)| kept).filter(old);
        old.take(AT_ONCE).map(|kept| kept.summary.ordinal).collect()
    }
}

fn is_of(of: &Selection, summary: &Summary) -> bool {
    of.connection.as_ref().is_none_or(|id| summary.connection.as_ref() == Some(id))
        && of.since.is_none_or(|since| summary.received_at >= since)
        && of.until.is_none_or(|until| summary.received_at < until)
        && of.state.is_none_or(|state| summary.state == state)
}

#[async_trait]
impl Inbox for MemoryStore {
    async fn addressees(
        &self,
        ids: Vec<ConnectionId>,
        users: Vec<Box<str>>,
    ) -> Result<Vec<Addressee>, StoreError> {
        let inner = self.available().await?;
        let living = inner.state.rows.values().filter(|row| !row.deleted).map(|row| &row.connection);
        let named = living.filter(|one| {
            ids.contains(&one.id) || one.user.as_ref().is_some_and(|user| users.iter().any(|u| **u == **user))
        });
        let addressee =
            |user: Option<&str>, id: &ConnectionId| Addressee { id: id.clone(), user: user.map(Into::into) };
        Ok(named.map(|one| addressee(one.user.as_deref(), &one.id)).collect())
    }

    async fn first_of(
        &self,
        organizations: Vec<Box<str>>,
    ) -> Result<HashMap<Box<str>, ConnectionId>, StoreError> {
        let inner = self.available().await?;
        let living = || inner.state.rows.values().filter(|row| !row.deleted).map(|row| &row.connection);
        let first = |of: &str| {
            let its = living().filter(|one| one.organization.as_deref() == Some(of));
            its.map(|one| one.id.clone()).min()
        };
        Ok(organizations.into_iter().filter_map(|of| Some((of.clone(), first(&of)?))).collect())
    }

    async fn take_in(&self, events: Vec<NewEvent>) -> Result<Vec<bool>, StoreError> {
        let mut inner = self.writable().await?;
        Ok(events.into_iter().map(|event| inner.state.events.take_in(event)).collect())
    }

    async fn known_events(&self, ids: Vec<EventId>) -> Result<HashSet<EventId>, StoreError> {
        let inner = self.available().await?;
        Ok(ids.into_iter().filter(|id| inner.state.events.places.contains_key(id)).collect())
    }

    async fn due_events(
        &self,
        now: DateTime<Utc>,
        busy: Vec<i64>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        let inner = self.available().await?;
        let mut lines = HashSet::new();
        let first = inner.state.events.pending().filter(|kept| lines.insert(kept.line.clone()));
        let mut due: Vec<_> = first
            .filter(|kept| !busy.contains(&kept.summary.ordinal))
            .filter(|kept| kept.summary.next_at.is_some_and(|at| at <= now))
            .cloned()
            .collect();
        due.sort_by_key(|kept| (kept.summary.next_at, kept.summary.ordinal));
        due.truncate(limit);
        Ok(due)
    }

    async fn settle_events(&self, attempts: Vec<Attempted>) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        attempts.into_iter().for_each(|attempted| inner.state.events.settle(attempted));
        Ok(())
    }

    async fn hurry_events(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        for (kept, _) in inner.state.events.events.values_mut() {
            kept.summary.next_at = kept.summary.next_at.map(|at| at.min(stored(now)));
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let inner = self.available().await?;
        let events = &inner.state.events;
        let dead = events.events.values().filter(|(kept, _)| kept.summary.state == Stands::Dead).count();
        Ok(Backlog {
            pending: events.pending().count() as u64,
            dead: dead as u64,
            oldest: events.pending().map(|kept| kept.summary.queued_at).min(),
            next_at: events.pending().filter_map(|kept| kept.summary.next_at).min(),
        })
    }

    async fn last_place(&self) -> Result<i64, StoreError> {
        Ok(self.available().await?.state.events.last)
    }

    async fn events_after(
        &self,
        ordinal: i64,
        connection: Option<&ConnectionId>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        let inner = self.available().await?;
        let of = Selection { connection: connection.cloned(), ..Selection::default() };
        let after = inner.state.events.events.range(ordinal.saturating_add(1)..).map(|(_, (kept, _))| kept);
        let is_told = |kept: &&Kept| kept.body.is_some() && !kept.summary.event.is_empty();
        let some = after.filter(is_told).filter(|kept| is_of(&of, &kept.summary));
        Ok(some.take(limit).cloned().collect())
    }

    async fn acknowledged(&self, consumer: &str) -> Result<Option<i64>, StoreError> {
        let inner = self.available().await?;
        Ok(inner.state.events.consumers.get(consumer).map(|(place, _)| *place))
    }

    async fn acknowledge(&self, consumer: &str, ordinal: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        let known = inner.state.events.consumers.entry(consumer.into()).or_insert((ordinal, at));
        *known = (known.0.max(ordinal), at);
        Ok(())
    }

    async fn list_events(
        &self,
        selection: &Selection,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Summary>, StoreError> {
        let inner = self.available().await?;
        let older = inner.state.events.events.range(..before.unwrap_or(i64::MAX)).rev();
        let with_body = older.map(|(_, (kept, _))| kept).filter(|kept| kept.body.is_some());
        let some = with_body.map(|kept| &kept.summary).filter(|summary| is_of(selection, summary));
        Ok(some.take(limit).cloned().collect())
    }

    async fn event(&self, id: &EventId) -> Result<Option<(Kept, Vec<Attempt>)>, StoreError> {
        let inner = self.available().await?;
        let events = &inner.state.events;
        Ok(events.places.get(id).and_then(|place| events.events.get(place)).cloned())
    }

    async fn replay_events(&self, ids: Vec<EventId>, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut inner = self.writable().await?;
        let events = &mut inner.state.events;
        let places: Vec<_> = ids.iter().filter_map(|id| events.places.get(id)).copied().collect();
        Ok(events.replay(&places, stored(now)))
    }

    async fn replay_selected(
        &self,
        selection: &Selection,
        after: i64,
        now: DateTime<Utc>,
    ) -> Result<(usize, Option<i64>), StoreError> {
        let mut inner = self.writable().await?;
        let places = inner.state.events.places(selection, after);
        Ok((inner.state.events.replay(&places, stored(now)), places.last().copied()))
    }

    async fn erase_events(&self, selection: &Selection, at: DateTime<Utc>) -> Result<usize, StoreError> {
        let mut inner = self.writable().await?;
        let places = inner.state.events.places(selection, i64::MIN);
        Ok(inner.state.events.erase(&places, stored(at)))
    }

    async fn expire_events(
        &self,
        settled_before: DateTime<Utc>,
        forget: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut inner = self.writable().await?;
        let events = &mut inner.state.events;
        let places = events.settled(settled_before);
        let erased = events.erase(&places, settled_before);
        let is_old =
            |(kept, _): &(Kept, Vec<Attempt>)| kept.body.is_none() && kept.summary.received_at < forget;
        let old: Vec<_> = events
            .events
            .iter()
            .filter(|(_, event)| is_old(event))
            .map(|(place, _)| *place)
            .take(AT_ONCE)
            .collect();
        for place in &old {
            if let Some((kept, _)) = events.events.remove(place) {
                events.places.remove(&kept.summary.id);
            }
        }
        Ok(erased + old.len())
    }
}
