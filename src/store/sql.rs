//! The store over a database: converts, asks or writes, converts back.
//!
//! Every operation runs to its end when its caller goes away, and no database future is ever dropped half-way (SQLite's
//! panic when that happens on an arbiter): it is handed to the writer, or is a task of its own on the store's runtime.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::batch::{Done, Op};
use super::database::Database;
use super::pool::ask;
use super::put::Offer;
use super::time::micros;
use super::writer::Writer;
use super::{announced, clean, deletion, forward, rows, superseded, vault};
use crate::domain::facts::{Quarantined, WebhookFact};
use crate::domain::grant::{Connection, Given, NewGrant};
use crate::domain::ids::{ConnectionId, GrantId};
use crate::domain::journal::Known;
use crate::domain::notice::{Announced, Subject};
use crate::domain::rotation::{ClaimRequest, Claimed, Commit, Committed, Refuse, Release};
use crate::domain::subscription::{Owner, Recorded};
use crate::domain::timeline::{Entry, Place, Told};
use crate::ports::{Changes, Deleted, Forwarded, HandedPage, Lock, Me, Page, Resealed, Store, StoreError};

/// SQLite takes no more variables in a statement than 32 766.
const IDS_AT_ONCE: usize = 1000;
/// Old entries of the timeline deleted in one statement.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// Bytes written to see whether the database takes any.
const TRIED: usize = 16 * 1024;

pub(super) struct SqlStore {
    database: Arc<Database>,
    writer: Writer,
    handle: Handle,
}

impl SqlStore {
    pub(super) fn new(database: Arc<Database>, handle: Handle) -> Self {
        let writer = Writer::start(&handle, Arc::clone(&database));
        Self { database, writer, handle }
    }

    pub(super) async fn run<T, F>(
        &self,
        operation: impl FnOnce(Arc<Database>, Writer) -> F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let task = self.handle.spawn(operation(Arc::clone(&self.database), self.writer.clone()));
        task.await.unwrap_or_else(|error| {
            Err(StoreError::Unavailable(format!("an operation of the store failed: {error}")))
        })
    }

    /// For statements that change one row: whether they did.
    async fn write(&self, op: Op) -> Result<bool, StoreError> {
        Ok(!matches!(self.writer.write(op).await?, Done::Nothing))
    }
}

#[async_trait]
impl Store for SqlStore {
    fn id(&self) -> &str {
        &self.database.id
    }

    fn backend(&self) -> &'static str {
        self.database.backend()
    }

    async fn page(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Page, StoreError> {
        let after = after.map_or("", ConnectionId::as_str).to_owned();
        self.run(move |database, _| async move {
            let rows = ask!(database.db, read, connections::page(after, bounded(limit)))?;
            Ok(rows::page(&database.vault, rows, limit))
        })
        .await
    }

    async fn get(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let id = id.clone();
        self.run(|database, _| async move { get(&database, &id).await }).await
    }

    async fn change_marker(&self) -> Result<i64, StoreError> {
        self.run(|database, _| async move { Ok(ask!(database.db, read, connections::marker())?) }).await
    }

    async fn changes(&self, marker: i64, limit: usize) -> Result<Changes, StoreError> {
        self.run(move |database, _| async move {
            let rows = ask!(database.db, read, connections::changes(marker, bounded(limit)))?;
            Ok(rows::changes(&database.vault, marker, rows))
        })
        .await
    }

    async fn put(&self, grants: Vec<NewGrant>, dry_run: bool) -> Result<Vec<Given>, StoreError> {
        clean::check(&grants)?;
        self.run(move |database, _| async move {
            let offer = |grant: NewGrant| Ok(Offer { row: database.vault.grant(&grant)?, grant });
            let offers = grants.into_iter().map(offer).collect::<Result<Vec<_>, StoreError>>()?;
            Ok(ask!(database.db, write, grants::put(offers, dry_run))?)
        })
        .await
    }

    async fn delete(&self, id: &ConnectionId, at: DateTime<Utc>) -> Result<Option<Deleted>, StoreError> {
        let id = id.clone();
        self.run(move |database, _| async move { deletion::erase(&database, &id, at).await }).await
    }

    async fn pause(
        &self,
        id: &ConnectionId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Option<i64>, StoreError> {
        let (id, since) = (id.as_str().to_owned(), since.map(micros));
        self.run(move |database, _| async move { Ok(ask!(database.db, write, grants::pause(id, since))?) })
            .await
    }

    async fn touch(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let id = id.as_str().to_owned();
        self.run(|database, _| async move { Ok(ask!(database.db, write, grants::touch(id))?) }).await
    }

    async fn write_forward(&self, known: Vec<(ConnectionId, Known)>) -> Result<Vec<Forwarded>, StoreError> {
        self.run(move |database, _| async move {
            let grants: HashMap<_, _> = known
                .iter()
                .map(|(id, known)| (id.as_str().to_owned(), (id.clone(), known.grant.clone())))
                .collect();
            let offers = forward::offers(&database.vault, known)?;
            let mut told = Vec::new();
            for some in offers.chunks(IDS_AT_ONCE) {
                let applied = ask!(database.db, write, forward::write_forward(some.to_vec()))?;
                told.extend(applied.into_iter().filter_map(|applied| {
                    let (id, grant) = grants.get(&applied.id)?;
                    applied.forwarded(id.clone(), grant.as_ref())
                }));
            }
            Ok(told)
        })
        .await
    }

    async fn reached(&self) -> Result<i64, StoreError> {
        self.run(|database, _| async move { Ok(ask!(database.db, read, connections::reached())?) }).await
    }

    async fn note_replayed(&self) -> Result<(), StoreError> {
        self.run(|database, _| async move { Ok(database.note_replayed().await?) }).await
    }

    async fn try_write(&self) -> Result<(), StoreError> {
        // So many pages that a little room left in a file does not hide a full disk; never twice the same.
        let value = Uuid::new_v4().as_bytes().repeat(TRIED / 16);
        self.run(|database, _| async move {
            ask!(database.db, write, meta::try_write(value)).map(drop).map_err(StoreError::from)
        })
        .await
    }

    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Option<Claimed>, StoreError> {
        let op = Op::Claim(Box::new(vault::claim(&request, self.database.instance)));
        match self.writer.write(op).await? {
            Done::Claimed(row) => self.database.vault.claimed(request.id, row).map(Some),
            Done::Changed | Done::Nothing => Ok(None),
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let commit = clean::commit(commit);
        let row = self.database.vault.commit(&commit)?;
        match self.writer.write(Op::Commit(Box::new(row))).await? {
            Done::Changed | Done::Claimed(_) => Ok(Committed::Kept),
            Done::Nothing => {
                self.run(move |database, _| async move { superseded::look(&database, &commit).await }).await
            }
        }
    }

    async fn release(&self, release: Release) -> Result<bool, StoreError> {
        self.write(Op::Release(Box::new(vault::release(&release)))).await
    }

    async fn refuse(&self, refuse: Refuse) -> Result<bool, StoreError> {
        self.write(Op::Refuse(Box::new(vault::refuse(&refuse)))).await
    }

    async fn save_webhook(&self, ids: Vec<ConnectionId>, fact: WebhookFact) -> Result<(), StoreError> {
        self.run(move |database, _| async move {
            let fact = rows::webhook(clean::webhook(fact));
            let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
            ids.sort();
            for ids in ids.chunks(IDS_AT_ONCE) {
                ask!(database.db, write, connections::set_webhook(ids.to_vec(), fact.clone()))?;
            }
            Ok(())
        })
        .await
    }

    async fn learn_user(&self, id: &ConnectionId, grant: GrantId, me: Me) -> Result<(), StoreError> {
        let (id, grant) = (id.as_str().to_owned(), grant.to_string());
        let (user, organization) =
            (clean::text(me.user.into()).into(), clean::text(me.organization.into()).into());
        self.run(|database, _| async move {
            Ok(ask!(database.db, write, connections::learn(id, grant, user, organization))?)
        })
        .await
    }

    async fn quarantine(&self, id: &ConnectionId, parked: Option<Quarantined>) -> Result<(), StoreError> {
        let id = id.as_str().to_owned();
        let parked = parked.map(clean::quarantined);
        let since = parked.as_ref().map(|parked| micros(parked.since));
        let reason = parked.map(|parked| parked.reason.into());
        self.run(move |database, _| async move {
            ask!(database.db, write, connections::set_quarantine(id, since, reason))?;
            Ok(())
        })
        .await
    }

    async fn subscription(&self, owner: &Owner, callback: &str) -> Result<Option<Recorded>, StoreError> {
        let ((organization, user), callback) = (rows::owner(owner), callback.to_owned());
        self.run(|database, _| async move {
            let row = ask!(database.db, read, subscriptions::get(organization, user, callback))?;
            Ok(row.map(rows::recorded))
        })
        .await
    }

    async fn record_subscription(
        &self,
        owner: &Owner,
        callback: &str,
        record: Option<Recorded>,
    ) -> Result<(), StoreError> {
        let ((organization, user), url) = (rows::owner(owner), callback.to_owned());
        let row = record.map(|record| rows::subscription(owner, callback, record));
        self.run(|database, _| async move {
            match row {
                Some(row) => ask!(database.db, write, subscriptions::set(row))?,
                None => ask!(database.db, write, subscriptions::forget(organization, user, url))?,
            };
            Ok(())
        })
        .await
    }

    async fn record(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let entries = entries.into_iter().map(|entry| rows::entry_row(clean::entry(entry))).collect();
        self.run(|database, _| async move { Ok(ask!(database.db, write, timeline::record(entries))?) }).await
    }

    async fn timeline(
        &self,
        id: &ConnectionId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Told, StoreError> {
        let id = id.as_str().to_owned();
        let before = before.map(|place| (place.at, place.number));
        self.run(move |database, _| async move {
            let mut rows = ask!(database.db, read, timeline::latest(id, before, bounded(limit + 1)))?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next =
                rows.last().filter(|_| more).map(|(number, row)| Place { at: row.at, number: *number });
            let entries = rows.into_iter().map(|(_, row)| rows::entry(row)).collect::<Result<_, _>>()?;
            Ok(Told { entries, next })
        })
        .await
    }

    async fn forget_timeline(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        self.run(move |database, _| async move {
            Ok(ask!(database.db, write, timeline::forget(micros(before), FORGOTTEN_AT_ONCE))?)
        })
        .await
    }

    async fn hand_over(&self, after: Option<&ConnectionId>, limit: usize) -> Result<HandedPage, StoreError> {
        let after = after.map_or("", ConnectionId::as_str).to_owned();
        self.run(move |database, _| async move { database.hand_over(after, limit).await }).await
    }

    async fn reseal(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Resealed, StoreError> {
        let after = after.map_or("", ConnectionId::as_str).to_owned();
        self.run(move |database, _| async move { database.reseal(after, limit).await }).await
    }

    async fn reseal_own(&self) -> Result<bool, StoreError> {
        self.run(|database, _| async move { database.reseal_own().await }).await
    }

    async fn keys_at_work(&self) -> Result<Vec<String>, StoreError> {
        self.run(|database, _| async move { database.keys_at_work().await }).await
    }

    async fn announced(&self) -> Result<Vec<(Subject, Announced)>, StoreError> {
        self.run(|database, _| async move { announced::all(&database).await }).await
    }

    async fn save_announced(&self, some: Vec<(Subject, Option<Announced>)>) -> Result<(), StoreError> {
        self.run(|database, _| async move { announced::save(&database, some).await }).await
    }

    async fn keep_lock(&self) -> Result<Lock, StoreError> {
        self.run(|database, _| async move { database.keep_lock().await }).await
    }

    async fn unlock(&self, clean: bool) -> Result<(), StoreError> {
        self.run(move |database, _| async move { database.lock.unlock(clean).await }).await
    }
}

async fn get(database: &Database, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
    let row = ask!(database.db, read, connections::get(id.as_str().to_owned()))?;
    Ok(row.map(|row| database.vault.connection(row)).transpose()?)
}

pub(super) fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
