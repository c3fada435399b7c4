//! From grants to the store, a thousand at a time. One bad row harms nobody.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::report::{Kind, Report};
use crate::domain::grant::{Given, NewGrant, Put};
use crate::domain::grant_line::{self, Fields};
use crate::domain::ids::{ConnectionId, GrantId};
use crate::domain::journal::Record;
use crate::domain::timeline::{self, Entry};
use crate::ports::{Journal, Store, StoreError};

const BATCH: usize = 1000;

/// Takes lines in and counts what becomes of them.
pub(super) struct Intake<'a> {
    pub(super) store: &'a dyn Store,
    /// Where the database may fail over to a state without what it has acknowledged.
    pub(super) journal: Option<&'a dyn Journal>,
    /// The OAuth client that the grants were issued to, where it is configured.
    pub(super) client_id: Option<&'a str>,
    pub(super) now: DateTime<Utc>,
    pub(super) dry_run: bool,
    pub(super) report: Report,
    batch: Vec<(u64, NewGrant)>,
    /// Where each refresh token of this file stood first; a hash, so that the file may be large.
    seen: HashMap<[u8; 16], (u64, ConnectionId)>,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        store: &'a dyn Store,
        client_id: Option<&'a str>,
        now: DateTime<Utc>,
        dry_run: bool,
    ) -> Self {
        Self {
            store,
            journal: None,
            client_id,
            now,
            dry_run,
            report: Report::default(),
            batch: Vec::with_capacity(BATCH),
            seen: HashMap::new(),
        }
    }

    /// Takes one line in.
    pub(super) async fn take(&mut self, number: u64, fields: &Fields) -> Result<(), StoreError> {
        for name in &fields.unknown {
            self.report.unknown_key(name);
        }
        match grant_line::grant(fields, GrantId::new(Uuid::new_v4()), self.now, self.client_id) {
            Err(bad) => self.refuse(number, bad),
            Ok(grant) => match self.other_owner(number, &grant) {
                Some(reason) => self.refuse(number, reason),
                None => self.batch.push((number, grant)),
            },
        }
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    pub(super) fn refuse(&mut self, number: u64, reason: impl std::fmt::Display) {
        self.report.because(Kind::Refused, number, reason);
    }

    /// Two connections on one refresh token would end each other's grant, so the second is refused.
    fn other_owner(&mut self, number: u64, grant: &NewGrant) -> Option<String> {
        let digest = Sha256::digest(grant.refresh_token.expose());
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        match self.seen.entry(short) {
            Slot::Vacant(slot) => {
                slot.insert((number, grant.id.clone()));
                None
            }
            Slot::Occupied(slot) => {
                let (first, id) = slot.get();
                let reason = format!(
                    "{} has the refresh token of {id} in line {first}; a grant has one connection",
                    grant.id
                );
                (*id != grant.id).then_some(reason)
            }
        }
    }

    /// Stores what has gathered.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        if batch.is_empty() {
            return Ok(());
        }
        let grants = batch.iter().map(|(_, grant)| grant.clone()).collect();
        match self.store.put(grants, self.dry_run).await {
            Ok(decided) => {
                self.keep(&batch, &decided).await;
                let lines: Vec<_> = batch.into_iter().map(|(number, grant)| (number, grant.id)).collect();
                self.note(&lines, decided).await;
                Ok(())
            }
            Err(StoreError::Refused(_)) => self.one_by_one(batch).await,
            Err(other) => Err(other),
        }
    }

    async fn one_by_one(&mut self, batch: Vec<(u64, NewGrant)>) -> Result<(), StoreError> {
        for (number, grant) in batch {
            let id = grant.id.clone();
            match self.store.put(vec![grant.clone()], self.dry_run).await {
                Ok(decided) => {
                    self.keep(&[(number, grant)], &decided).await;
                    self.note(&[(number, id)], decided).await;
                }
                Err(StoreError::Refused(why)) => {
                    self.refuse(number, format!("{id}: the database refused it: {why}"));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// What was stored is in the journal, too, before anybody is told.
    async fn keep(&self, batch: &[(u64, NewGrant)], decided: &[Given]) {
        let Some(journal) = self.journal.filter(|_| !self.dry_run) else { return };
        let stored = batch.iter().zip(decided).filter_map(|((_, grant), given)| {
            let grant = NewGrant { granted_at: given.granted_at, ..grant.clone() };
            Some(journal.append(Record::granted(grant, given.generation()?)))
        });
        if let Some(error) = join_all(stored).await.into_iter().find_map(Result::err) {
            log::warn!(target: "import", error:% = error; "the grants are in the database, but not in the journal");
        }
    }

    async fn note(&mut self, lines: &[(u64, ConnectionId)], decided: Vec<Given>) {
        let mut entries = vec![];
        for ((number, id), Given { put, .. }) in lines.iter().zip(decided) {
            let number = *number;
            let (kind, generation) = match put {
                Put::Created(generation) => (timeline::Kind::Connected, generation),
                Put::Replaced(generation) => (timeline::Kind::Replaced, generation),
                Put::Unchanged => {
                    self.report.count(Kind::Unchanged);
                    continue;
                }
                Put::Older => {
                    let reason =
                        "what is stored ends as late or later, only a later expires_at takes its place";
                    self.report.because(Kind::Older, number, format!("{id}: {reason}"));
                    continue;
                }
                Put::UsedUp => {
                    let reason = "it was deleted, and this refresh token had been used up; ask the user to connect again";
                    self.refuse(number, format!("{id}: {reason}"));
                    continue;
                }
                Put::BelongsTo(other) => {
                    self.refuse(
                        number,
                        format!("{id}: its refresh token belongs to {other}; a grant has one connection"),
                    );
                    continue;
                }
            };
            self.report.count(if kind == timeline::Kind::Connected { Kind::Created } else { Kind::Replaced });
            entries.push(Entry {
                connection: id.clone(),
                at: self.now,
                kind,
                text: "a grant was imported".into(),
                detail: json!({ "generation": generation }),
            });
        }
        if self.dry_run || entries.is_empty() {
            return;
        }
        // The grants are stored; a timeline that lacks their beginning is no reason to fail.
        if let Err(error) = self.store.record(entries).await {
            log::warn!(target: "import", error:% = error; "the timeline could not be written");
        }
    }
}
