//! Start-up: the connections read page by page, a child started for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::fut::wrap_future;
use actix::prelude::*;
use log::{debug, error, warn};

use super::status::say;
use super::{Phase, Supervisor};
use crate::actors::Standing;
use crate::domain::ids::{ConnectionId, Generation};
use crate::ports::{Page, StoreError};
use crate::registry::cell::{Adopted, Cell};
use crate::runtime::sleep;
use crate::services::system_fault::Kind as Fault;
use crate::services::verification::switched_off;
use crate::services::{backfill, foreign, rotation};

/// What was found while reading again.
#[derive(Default)]
pub(super) struct Found {
    ids: HashSet<ConnectionId>,
    /// Of which pairs memory knows more than the rows.
    behind: HashMap<ConnectionId, Generation>,
    /// The same by the reading before this one.
    suspected: Option<HashMap<ConnectionId, Generation>>,
}

/// Larger ones gain nothing, and their rows are more memory than the allocator keeps at hand.
const PAGE: usize = 500;

impl Supervisor {
    /// Reads the marker first, so that what changes while loading is seen by the first poll.
    pub(super) fn load(&mut self, ctx: &mut Context<Self>) {
        let services = self.shared.services.clone();
        let task =
            self.shared.services.io.spawn(async move { services.adapters.store.change_marker().await });
        ctx.spawn(wrap_future(task).map(|marker, actor: &mut Self, ctx| match marker {
            Ok(Ok(marker)) => {
                actor.shared.marker.send_replace(marker);
                actor.load_page(None, ctx);
            }
            Ok(Err(error)) => actor.load_again(&error, ctx),
            Err(error) => actor.load_again(&StoreError::Unavailable(error.to_string()), ctx),
        }));
    }

    /// Everything, and compares: the database may have gone back.
    pub(super) fn read_again(&mut self, ctx: &mut Context<Self>) {
        self.phase = Phase::Loading;
        self.read_again = false;
        self.found = Some(Found::default());
        self.load(ctx);
    }

    fn load_page(&mut self, after: Option<ConnectionId>, ctx: &mut Context<Self>) {
        let services = self.shared.services.clone();
        let task = self
            .shared
            .services
            .io
            .spawn(async move { services.adapters.store.page(after.as_ref(), PAGE).await });
        ctx.spawn(wrap_future(task).map(|page, actor: &mut Self, ctx| match page {
            Ok(Ok(page)) => actor.loaded(page, ctx),
            Ok(Err(error)) => actor.load_again(&error, ctx),
            Err(error) => actor.load_again(&StoreError::Unavailable(error.to_string()), ctx),
        }));
    }

    fn loaded(&mut self, page: Page, ctx: &mut Context<Self>) {
        let services = self.shared.services.clone();
        let registry = &services.registry;
        let last = page.next.is_none();
        if let Some(next) = page.next {
            self.load_page(Some(next), ctx); // it is read while this one's actors are started
        }
        let mut cells = Vec::with_capacity(page.connections.len());
        for mut row in page.connections {
            if !registry.ownership.includes(&row.id) {
                continue;
            }
            if !self.shared.children.is_parked(&row.id) {
                self.forgive(&mut row); // a new process is a new try
            }
            let (cell, adopted) = registry.adopt(row, self.shared.services.adapters.jitter.draw());
            if let Some(found) = &mut self.found {
                found.ids.insert(cell.id().clone());
                // A pair on its way into the database is ahead of its row, and nothing went back.
                if adopted == Adopted::WentBack && registry.in_flight.end_of(cell.id()).is_none() {
                    found.behind.insert(cell.id().clone(), cell.read(|c| c.generation));
                }
            }
            rotation::resume(&services, &cell);
            if !self.shared.children.is_running(cell.id()) && !self.shared.children.is_parked(cell.id()) {
                self.start_connection(cell.clone());
            }
            cells.push(cell);
        }
        self.say_foreign(&cells);
        self.say_webhooks_are_off(cells);
        self.say_unreadable(page.unreadable);
        if last {
            if self.read_once_more(ctx) {
                return;
            }
            let again = self.found.is_some();
            if let Some(lacks) = services.journal.take_went_back() {
                let hint = format!(
                    "it lacks {lacks} generations that the journal does not know: connections are tried one at a time"
                );
                if services.system.begin(Fault::DatabaseWentBack, services.adapters.clock.now(), &hint) {
                    backfill::went_back(&services);
                }
                services.journal.doubt(registry.cells().iter().map(|cell| cell.id().clone()));
                services.limiter.be_careful();
            }
            self.forget_gone();
            self.phase = Phase::Working;
            self.shared.started.store(true, Ordering::Relaxed);
            self.shared.stands(Standing::Working);
            services.notices.begin();
            services.relay.begin();
            services.backfill.begin();
            let mut line = vec![("connections".to_owned(), registry.len().to_string())];
            line.extend(self.counts().shown());
            line.push(("database".into(), self.shared.services.adapters.store.backend().into()));
            if self.read_again {
                self.read_again(ctx);
            }
            say(if again { "connections read again" } else { "started" }, &line);
        }
    }

    /// A row may have been read just before its pair was committed: those that are behind are read a second time.
    fn read_once_more(&mut self, ctx: &mut Context<Self>) -> bool {
        let Some(found) = &mut self.found else { return false };
        if let Some(suspected) = &found.suspected {
            found.behind.retain(|id, generation| suspected.get(id) == Some(generation));
            return false;
        }
        if found.behind.is_empty() {
            return false;
        }
        let suspected = Some(std::mem::take(&mut found.behind));
        self.found = Some(Found { suspected, ..Found::default() });
        self.load(ctx);
        true
    }

    /// Connections that were there before, and are not among those read again.
    fn forget_gone(&mut self) {
        let Some(found) = self.found.take() else { return };
        let registry = &self.shared.services.registry;
        if !found.behind.is_empty() {
            let hint = format!(
                "nobody knows the tokens since of {} connections: what lives is served, nothing spent is sent",
                found.behind.len()
            );
            let services = &self.shared.services;
            if services.system.begin(Fault::DatabaseWentBack, services.adapters.clock.now(), &hint) {
                backfill::went_back(services);
            }
        }
        self.behind = found.behind;
        let gone = registry.cells().into_iter().filter(|cell| !found.ids.contains(cell.id()));
        for cell in gone {
            // What was acknowledged is in the journal, so it was deleted by somebody, or the database has lost it.
            warn!(target: "supervisor", connection:% = cell.id(); "a connection is not in the database any more");
            registry.remove(cell.id());
            self.shared.children.remove(cell.id());
        }
    }

    /// Before the first of them is due.
    pub(super) fn say_foreign(&self, cells: &[Arc<Cell>]) {
        for cell in cells {
            foreign::note(&self.shared.services, cell);
        }
    }

    /// A keeper that keeps tokens only notes that of those whose webhook was looked at before; no actor asks for a
    /// verification.
    pub(super) fn say_webhooks_are_off(&self, cells: Vec<Arc<Cell>>) {
        let services = self.shared.services.clone();
        if services.settings.webhook.is_none() {
            let noted = services.clone();
            services.io.spawn(async move { switched_off(&noted, &cells).await });
        }
    }

    pub(super) fn say_unreadable(&mut self, ids: Vec<ConnectionId>) {
        let new: Vec<_> = ids.into_iter().filter(|id| self.unreadable.insert(id.clone())).collect();
        if let Some(first) = new.first() {
            for id in &new {
                debug!(target: &format!("connection/{id}"), "no configured key opens its tokens");
            }
            error!(target: "supervisor", connections = new.len(), first:% = first,
                hint = "add the key that these were sealed with to encryption.keys";
                "tokens that no configured key opens, left alone");
        }
    }

    /// The database went away while loading: start over, what is loaded stays.
    fn load_again(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        warn!(target: "supervisor", error:% = error; "the connections could not be read, trying again");
        ctx.spawn(
            wrap_future(sleep(super::lock::LOCK_EVERY)).map(|(), actor: &mut Self, ctx| actor.load(ctx)),
        );
    }
}
