//! New and changed rows are noticed while running: the change marker is looked at every few seconds.

use actix::fut::wrap_future;
use actix::prelude::*;
use log::{debug, error, info};

use super::{Phase, Supervisor};
use crate::ports::Changes;
use crate::registry::cell::Adopted;

const BATCH: usize = 2_000;

impl Supervisor {
    pub(super) fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.phase != Phase::Working || self.polling || self.shared.services.shutdown.is_requested() {
            return;
        }
        self.polling = true;
        let services = self.shared.services.clone();
        let marker = *self.shared.marker.borrow();
        let task = self.shared.services.io.spawn(async move {
            let store = &services.adapters.store;
            if store.change_marker().await? == marker {
                Ok(None)
            } else {
                store.changes(marker, BATCH).await.map(Some)
            }
        });
        ctx.spawn(wrap_future(task).map(|changes, actor: &mut Self, ctx| {
            actor.polling = false;
            match changes {
                Ok(Ok(Some(changes))) => {
                    let more = changes.marker != *actor.shared.marker.borrow();
                    actor.apply(changes);
                    if more {
                        actor.poll(ctx);
                        return;
                    }
                }
                Ok(Ok(None)) => {}
                // That the database is away is said once, as a system fault.
                Ok(Err(error)) => debug!(target: "supervisor", error:% = error; "changes could not be read"),
                Err(error) => {
                    error!(target: "supervisor", error:% = error; "the task that reads changes failed");
                }
            }
            if std::mem::take(&mut actor.poll_again) {
                actor.poll(ctx);
            }
        }));
    }

    fn apply(&mut self, changes: Changes) {
        let registry = &self.shared.services.registry;
        let (mut new, mut changed) = (0, 0);
        let mut cells = Vec::with_capacity(changes.present.len());
        for mut row in changes.present {
            if !registry.ownership.includes(&row.id) {
                continue;
            }
            if !self.shared.children.is_parked(&row.id) {
                self.forgive(&mut row);
            }
            let (cell, adopted) = registry.adopt(row, self.shared.services.adapters.jitter.draw());
            match adopted {
                Adopted::New => new += 1,
                Adopted::NewGrant => {
                    changed += 1;
                    cell.set_verify_at(None);
                }
                Adopted::Updated => changed += 1,
                Adopted::Same => {}
                Adopted::WentBack => {
                    debug!(target: "supervisor", connection:% = cell.id(); "an older row was read, memory keeps what it has");
                }
            }
            if self.shared.children.is_running(cell.id()) {
                self.shared.children.nudge(cell.id());
            } else if adopted == Adopted::NewGrant || !self.shared.children.is_parked(cell.id()) {
                if cell.facts().quarantined.is_some() {
                    cell.set_quarantined(None);
                    self.store_quarantine(cell.id().clone(), None);
                }
                self.start_connection(cell.clone());
            }
            cells.push(cell);
        }
        self.say_foreign(&cells);
        self.say_webhooks_are_off(cells);
        let gone = changes.gone.len();
        for id in changes.gone {
            registry.remove(&id);
            self.shared.children.remove(&id);
        }
        if new + changed + gone > 0 {
            info!(target: "supervisor", new, changed, gone; "connections changed in the database");
        }
        self.say_unreadable(changes.unreadable);
        self.shared.marker.send_replace(changes.marker); // last: whoever waits for it finds the cells
    }
}
