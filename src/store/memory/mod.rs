//! The store without a database, for tests: exactly what the databases do, and faults at the turn of a switch.
//!
//! Clones share what they hold, as two keepers share a database.

mod forward;
mod gaps;
mod inbox;
mod state;
mod switches;
mod timeline;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use self::state::State;
use super::clean;
use super::time::stored;
use crate::domain::facts::{Quarantined, WebhookFact};
use crate::domain::grant::{Connection, Given, NewGrant};
use crate::domain::ids::{ConnectionId, GrantId, InstanceId};
use crate::domain::journal::Known;
use crate::domain::notice::{Announced, Subject};
use crate::domain::rotation::{ClaimRequest, Claimed, Commit, Committed, Refuse, Release};
use crate::domain::subscription::{Owner, Recorded};
use crate::domain::timeline::{Entry, Place, Told};
use crate::ports::{
    Changes, Deleted, Forwarded, Gap, HandedPage, Lock, Me, Page, Resealed, Store, StoreError,
};

/// A [`Store`] that holds everything in memory.
#[derive(Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
    goes_on: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    state: State,
    unavailable: bool,
    hanging: bool,
    unwritable: bool,
    unreadable: bool,
    pages_held: bool,
    held: usize,
    commits_to_fail: usize,
    answers_to_lose: usize,
    refused: HashSet<ConnectionId>,
    unclear: HashSet<ConnectionId>,
    claims: u64,
}

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the store back to an earlier state, as a failover or a restored backup does.
    pub fn restore(&self, snapshot: &MemorySnapshot) {
        self.inner().state = snapshot.0.clone();
    }

    /// The present state, for [`MemoryStore::restore`].
    #[must_use]
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot(self.inner().state.clone())
    }

    /// How often somebody has asked for a claim.
    #[must_use]
    pub fn claims(&self) -> u64 {
        self.inner().claims
    }

    /// Every gap opened so far.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.inner().state.gaps.gaps()
    }

    /// Those that are closed, with how many events were found for each.
    #[must_use]
    pub fn closed_gaps(&self) -> Vec<(Gap, u64)> {
        self.inner().state.gaps.closed()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`MemoryStore`] held at one moment.
#[derive(Clone)]
pub struct MemorySnapshot(State);

/// Claims of every memory store have this holder.
fn instance() -> InstanceId {
    InstanceId::new(Uuid::nil())
}

fn switched_off() -> StoreError {
    StoreError::Unavailable("switched off by the test".into())
}

#[async_trait]
impl Store for MemoryStore {
    fn id(&self) -> &str {
        "memory"
    }

    fn backend(&self) -> &'static str {
        "memory"
    }

    async fn page(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Page, StoreError> {
        let page = self.available().await?.state.page(after, limit);
        self.handed_out().await;
        Ok(page)
    }

    async fn get(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let inner = self.available().await?;
        if inner.unreadable { Err(switched_off()) } else { Ok(inner.state.get(id)) }
    }

    async fn change_marker(&self) -> Result<i64, StoreError> {
        Ok(self.available().await?.state.marker())
    }

    async fn changes(&self, marker: i64, limit: usize) -> Result<Changes, StoreError> {
        Ok(self.available().await?.state.changes(marker, limit))
    }

    async fn put(&self, grants: Vec<NewGrant>, dry_run: bool) -> Result<Vec<Given>, StoreError> {
        clean::check(&grants)?;
        let mut inner = self.writable().await?;
        if dry_run {
            let mut thrown_away = inner.state.clone();
            return Ok(grants.into_iter().map(|grant| thrown_away.put(grant)).collect());
        }
        Ok(grants.into_iter().map(|grant| inner.state.put(grant)).collect())
    }

    async fn delete(&self, id: &ConnectionId, _at: DateTime<Utc>) -> Result<Option<Deleted>, StoreError> {
        Ok(self.writable().await?.state.delete(id))
    }

    async fn pause(
        &self,
        id: &ConnectionId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Option<i64>, StoreError> {
        Ok(self.writable().await?.state.pause(id, since))
    }

    async fn touch(&self, id: &ConnectionId) -> Result<(), StoreError> {
        self.writable().await?.state.touch(id);
        Ok(())
    }

    async fn write_forward(&self, known: Vec<(ConnectionId, Known)>) -> Result<Vec<Forwarded>, StoreError> {
        let mut inner = self.writable().await?;
        if let Some((id, _)) = known.iter().find(|(id, _)| inner.unclear.contains(id)) {
            return Err(StoreError::Unavailable(format!("something about {id}, says the test")));
        }
        if let Some((id, _)) = known.iter().find(|(id, _)| inner.refused.contains(id)) {
            return Err(StoreError::Refused(format!("{id}, by the test")));
        }
        let known = known.into_iter().map(|(id, known)| (id, clean::known(known)));
        Ok(known.filter_map(|(id, known)| inner.state.write_forward(&id, &known)).collect())
    }

    async fn reached(&self) -> Result<i64, StoreError> {
        Ok(self.available().await?.state.reached())
    }

    async fn note_replayed(&self) -> Result<(), StoreError> {
        self.writable().await.map(drop)
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        self.writable().await.map(drop)
    }

    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Option<Claimed>, StoreError> {
        let mut inner = self.writable().await?;
        inner.claims += 1;
        Ok(inner.state.claim(&request))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut inner = self.writable().await?;
        if inner.commits_to_fail > 0 {
            inner.commits_to_fail -= 1;
            return Err(switched_off());
        }
        if inner.refused.contains(&commit.id) {
            return Err(StoreError::Refused("by the test".into()));
        }
        let committed = inner.state.commit(clean::commit(commit));
        if inner.answers_to_lose > 0 {
            inner.answers_to_lose -= 1;
            return Err(switched_off());
        }
        Ok(committed)
    }

    async fn release(&self, release: Release) -> Result<bool, StoreError> {
        Ok(self.writable().await?.state.release(&release))
    }

    async fn refuse(&self, refuse: Refuse) -> Result<bool, StoreError> {
        Ok(self.writable().await?.state.refuse(&refuse))
    }

    async fn save_webhook(&self, ids: Vec<ConnectionId>, fact: WebhookFact) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        let mut fact = clean::webhook(fact);
        fact.since = stored(fact.since);
        fact.verified_at = fact.verified_at.map(stored);
        for id in ids {
            inner.state.change(&id, |connection| connection.facts.webhook = fact.clone());
        }
        Ok(())
    }

    async fn learn_user(&self, id: &ConnectionId, grant: GrantId, me: Me) -> Result<(), StoreError> {
        self.writable().await?.state.change(id, |connection| {
            if connection.grant_id != grant {
                return;
            }
            connection.user.get_or_insert_with(|| clean::text(me.user.into()));
            connection.organization.get_or_insert_with(|| clean::text(me.organization.into()));
        });
        Ok(())
    }

    async fn quarantine(&self, id: &ConnectionId, parked: Option<Quarantined>) -> Result<(), StoreError> {
        let parked = parked.map(clean::quarantined);
        self.writable().await?.state.change(id, |connection| {
            connection.facts.quarantined = parked.map(|p| Quarantined { since: stored(p.since), ..p });
        });
        Ok(())
    }

    async fn subscription(&self, owner: &Owner, callback: &str) -> Result<Option<Recorded>, StoreError> {
        Ok(self.available().await?.state.subscriptions.get(&(owner.clone(), callback.into())).cloned())
    }

    async fn record_subscription(
        &self,
        owner: &Owner,
        callback: &str,
        record: Option<Recorded>,
    ) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        let key = (owner.clone(), callback.into());
        match record {
            Some(record) => drop(inner.state.subscriptions.insert(key, super::time::recorded(record))),
            None => drop(inner.state.subscriptions.remove(&key)),
        }
        Ok(())
    }

    async fn record(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut inner = self.writable().await?;
        inner.state.timeline.extend(entries.into_iter().map(clean::entry));
        Ok(())
    }

    async fn timeline(
        &self,
        id: &ConnectionId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Told, StoreError> {
        let inner = self.available().await?;
        Ok(timeline::part(&inner.state.timeline, id, before, limit))
    }

    async fn forget_timeline(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        let timeline = &mut self.writable().await?.state.timeline;
        let had = timeline.len();
        timeline.retain(|entry| entry.at >= before);
        Ok(had - timeline.len())
    }

    async fn hand_over(&self, after: Option<&ConnectionId>, limit: usize) -> Result<HandedPage, StoreError> {
        Ok(self.available().await?.state.hand_over(after, limit))
    }

    /// Nothing is sealed here.
    async fn reseal(&self, _after: Option<&ConnectionId>, _limit: usize) -> Result<Resealed, StoreError> {
        self.writable().await.map(|_| Resealed::default())
    }

    async fn reseal_own(&self) -> Result<bool, StoreError> {
        self.writable().await.map(|_| false)
    }

    async fn keys_at_work(&self) -> Result<Vec<String>, StoreError> {
        self.available().await.map(|_| Vec::new())
    }

    async fn announced(&self) -> Result<Vec<(Subject, Announced)>, StoreError> {
        let announced = &self.available().await?.state.announced;
        Ok(announced.iter().map(|(subject, known)| (subject.clone(), known.clone())).collect())
    }

    async fn save_announced(&self, some: Vec<(Subject, Option<Announced>)>) -> Result<(), StoreError> {
        let announced = &mut self.writable().await?.state.announced;
        for (subject, known) in some {
            match known {
                Some(known) => drop(announced.insert(subject, super::time::announced(known))),
                None => drop(announced.remove(&subject)),
            }
        }
        Ok(())
    }

    async fn keep_lock(&self) -> Result<Lock, StoreError> {
        let inner = self.available().await?;
        Ok(inner.state.lock.clone().unwrap_or(Lock::Ours { exchange_in: Duration::ZERO }))
    }

    async fn unlock(&self, _clean: bool) -> Result<(), StoreError> {
        self.available().await.map(drop)
    }
}
