//! Keeping a pair: the commit, tried until the database takes it, the journal beside it, and what becomes of a pair that
//! nobody wants any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::{debug, info, warn};
use serde_json::json;
use tokio::sync::{Notify, watch};

use super::Rotation;
use super::claim::patiently;
use crate::domain::ids::GrantId;
use crate::domain::journal::{GrantHead, Journalled, Record, Tokens};
use crate::domain::rotation::{Commit, Committed};
use crate::domain::timeline::Kind;
use crate::ports::StoreError;
use crate::runtime::sleep;
use crate::services::journal::Use;

/// The longest pause between two tries to commit.
const LONGEST: Duration = Duration::from_secs(5);
/// A commit that takes longer is doubted, and the pair journalled.
const SLOW: Duration = Duration::from_millis(100);

/// What became of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// In the database.
    Committed,
    /// Only in the journal, and the keeper stops: the next start writes it forward.
    Journalled,
    /// The grant was replaced or deleted meanwhile.
    Superseded,
}

/// A pair on its way into the database and the journal.
struct Keeping<'a> {
    rotation: &'a Rotation,
    commit: &'a Commit,
    /// The first try to commit failed.
    failed: Notify,
    has_failed: AtomicBool,
    /// That the pair is in the journal alone has been said.
    told: AtomicBool,
    /// An append to the journal has begun.
    journalling: AtomicBool,
    journalled: AtomicBool,
    /// The database has taken it, or nobody wants it any more.
    settled: watch::Sender<bool>,
}

/// Makes the pair durable and serves it: kept as soon as either place has it.
pub(super) async fn keep(rotation: &Rotation, commit: &Commit, grant: GrantHead) -> Kept {
    let services = &rotation.services;
    let arrived = services.adapters.clock.boot();
    let keeping = Keeping {
        rotation,
        commit,
        failed: Notify::new(),
        has_failed: AtomicBool::new(false),
        told: AtomicBool::new(false),
        journalling: AtomicBool::new(false),
        journalled: AtomicBool::new(false),
        settled: watch::Sender::new(false),
    };
    let exposed =
        || services.registry.exposure.record(services.adapters.clock.boot().saturating_sub(arrived));
    let (committing, journalling) = (keeping.until_committed(&grant), keeping.journal(grant.clone()));
    tokio::pin!(committing, journalling);
    let mut receipt = None;
    let kept = loop {
        tokio::select! {
            biased;
            kept = &mut committing => break kept,
            appended = &mut journalling, if receipt.is_none() => {
                receipt = Some(appended);
                if appended.is_some() {
                    exposed();
                    rotation.cell.keep(commit, rotation.draw());
                }
            }
        }
    };
    if kept == Kept::Committed {
        if receipt.flatten().is_none() {
            exposed();
        }
        rotation.cell.keep(commit, rotation.draw());
    }
    keeping.settled.send_replace(true);
    // Waited for also when the commit was faster: a failover may take that back.
    let due = services.journal.use_of() == Use::Beside || keeping.journalling.load(Ordering::Relaxed);
    if receipt.is_none() && due {
        receipt = Some(journalling.await);
    }
    if kept != Kept::Journalled
        && let Some(Some(receipt)) = receipt
    {
        services.journal.settle(receipt).await;
    }
    kept
}

impl Keeping<'_> {
    async fn journal(&self, grant: GrantHead) -> Option<crate::ports::Receipt> {
        let journal = &self.rotation.services.journal;
        if journal.use_of() == Use::Instead {
            tokio::select! {
                () = sleep(SLOW) => {}
                () = self.failed.notified() => {}
            }
        }
        self.journalling.store(true, Ordering::Relaxed);
        let mut settled = self.settled.subscribe();
        loop {
            let record = Record::Pair { commit: Box::new(self.commit.clone()), grant: grant.clone() };
            let receipt = journal.append(record).await;
            self.journalled.store(receipt.is_some(), Ordering::Relaxed);
            self.tell_where_it_is();
            if receipt.is_some() || *settled.borrow() {
                return receipt;
            }
            // In neither place yet: this one is tried on like the other.
            tokio::select! {
                () = sleep(LONGEST) => {}
                _ = settled.wait_for(|settled| *settled) => return None,
            }
        }
    }

    async fn until_committed(&self, grant: &GrantHead) -> Kept {
        let services = &self.rotation.services;
        let mut wait = Duration::from_millis(50);
        loop {
            match patiently(self.rotation, services.adapters.store.commit(self.commit.clone())).await {
                Ok(Committed::Kept) => return Kept::Committed,
                Ok(Committed::Superseded(current)) => match self.forward(grant).await {
                    Ok(true) => {
                        self.read_again().await;
                        return Kept::Committed;
                    }
                    Ok(false) => {
                        match current {
                            Some(row) => drop(self.rotation.cell.adopt(*row)),
                            None => self.rotation.cell.mark_deleted(self.commit.grant_id),
                        }
                        return Kept::Superseded;
                    }
                    Err(error) => self.not_committed(&error, wait == Duration::from_millis(50)),
                },
                Err(error) => self.not_committed(&error, wait == Duration::from_millis(50)),
            }
            if services.shutdown.is_requested() {
                if self.journalled.load(Ordering::Relaxed) {
                    return Kept::Journalled;
                }
                sleep(wait).await;
            } else {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = services.shutdown.requested() => {}
                }
            }
            wait = (wait * 2).min(LONGEST);
        }
    }

    /// No row took the pair. Where the database went back to before this grant, the row gets all of it again.
    async fn forward(&self, grant: &GrantHead) -> Result<bool, StoreError> {
        let (rotation, services) = (self.rotation, &self.rotation.services);
        let mut known = Journalled::default();
        known.add(Record::Pair { commit: Box::new(self.commit.clone()), grant: grant.clone() });
        let told = services.adapters.store.write_forward(known.into_known().collect()).await?;
        let written = told.iter().any(|one| matches!(one.tokens, Tokens::Pair | Tokens::Grant));
        if written {
            let text = "the database lacked this grant, it was written again with its new tokens";
            warn!(target: &rotation.target(), generation = self.commit.generation.0; "{text}");
            services.timeline.note(rotation.id(), Kind::WrittenForward, text, json!({}));
        }
        Ok(written)
    }

    /// The grant may have been written with later generations than it had.
    async fn read_again(&self) {
        if let Ok(Some(row)) = self.rotation.services.adapters.store.get(self.rotation.id()).await
            && row.generation > self.commit.generation
        {
            self.rotation.cell.adopt(row);
        }
    }

    /// Whoever holds a successful answer holds the only living refresh token: the pair is served from memory, and the
    /// commit goes on until it is taken.
    fn not_committed(&self, error: &StoreError, first: bool) {
        let (rotation, services) = (self.rotation, &self.rotation.services);
        self.has_failed.store(true, Ordering::Relaxed);
        self.failed.notify_one();
        rotation.cell.keep(self.commit, rotation.draw());
        services.system.store_failed(error, rotation.id(), services.adapters.clock.now());
        let generation = self.commit.generation.0;
        if first {
            warn!(target: &rotation.target(), generation, error:% = error; "new tokens not committed yet, trying on");
        } else {
            debug!(target: &rotation.target(), generation, error:% = error; "new tokens still not committed");
        }
        self.tell_where_it_is();
    }

    fn tell_where_it_is(&self) {
        let journal_alone =
            self.has_failed.load(Ordering::Relaxed) && self.journalled.load(Ordering::Relaxed);
        if journal_alone && !self.told.swap(true, Ordering::Relaxed) {
            info!(target: &self.rotation.target(), generation = self.commit.generation.0;
                "new tokens are in the journal until the database takes them");
        }
    }
}

/// The late answer of a replaced or deleted grant: its pair ends at Calendly, where it would live on unseen.
pub(super) async fn give_back(rotation: &Rotation, grant: GrantId, commit: Commit) {
    let services = &rotation.services;
    let now = rotation.cell.read(|c| c.grant_id);
    let same_grant = now == grant && !rotation.cell.is_deleted();
    let note = |text: &str, revoked: bool| {
        let detail = json!({ "generation": commit.generation, "revoked": revoked });
        services.timeline.note(rotation.id(), Kind::Superseded, text, detail);
    };
    if same_grant {
        // Another keeper has gone on with this very grant: revoking would end it.
        note("a late answer was dropped, the connection has moved on", false);
        return;
    }
    let Some(token) = &commit.refresh_token else {
        note("a late answer of a replaced grant was dropped", false);
        return;
    };
    match services.adapters.tokens.revoke(token).await {
        Ok(()) => {
            info!(target: &rotation.target(), generation = commit.generation.0;
                "late answer of a replaced or deleted grant, its tokens were revoked");
            note("a late answer of a replaced or deleted grant, its tokens were revoked", true);
        }
        Err(error) => {
            warn!(target: &rotation.target(), error:% = error; "late answer, its tokens could not be revoked");
            note("a late answer, its tokens could not be revoked", false);
        }
    }
}
