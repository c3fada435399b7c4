//! The supervisor: takes the keeper lock, loads the connections, starts a child for each and keeps them running.

mod changes;
mod load;
mod lock;
mod objective;
mod status;
mod storm;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use log::{error, warn};
use serde_json::json;

use super::Shared;
use super::connection::ConnectionActor;
use super::messages::{Fail, OfChild, Poll};
use super::supervision::{ChildEvent, ExitCell, Parent, start_child};
use crate::domain::facts::Quarantined;
use crate::domain::grant::Connection;
use crate::domain::ids::{ConnectionId, Generation};
use crate::domain::intensity::Storm;
use crate::domain::timeline::Kind;
use crate::registry::cell::Cell;
use crate::registry::counters::Counted;
use crate::services::inbox::expire;
use crate::services::timeline::forget_old;

/// How often the sweep proves that somebody wakes for every connection.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How often what is too old is deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// How far the supervisor has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Another keeper works.
    StandBy,
    /// Reading the connections, or reading them again.
    Loading,
    /// Everything runs.
    Working,
}

/// Holds what can be found out again: after a restart of its own it goes on with the children there are.
pub struct Supervisor {
    shared: Arc<Shared>,
    exit: ExitCell,
    /// For the connections' actors.
    parent: Option<Arc<Parent>>,
    phase: Phase,
    polling: bool,
    /// Somebody waits for what has changed since the poll began.
    poll_again: bool,
    last_counted: Counted,
    last_day: objective::LastDay,
    /// Said once.
    unreadable: HashSet<ConnectionId>,
    /// Who works, while we stand by.
    holder: Option<String>,
    storm: Storm,
    /// Whose rows were older than memory when they were last read, and what memory knew then.
    behind: HashMap<ConnectionId, Generation>,
    /// Those found so far while reading again.
    found: Option<load::Found>,
    /// They are to be read once more after that.
    read_again: bool,
}

impl Supervisor {
    /// With nothing loaded.
    #[must_use]
    pub fn new(shared: Arc<Shared>, exit: ExitCell) -> Self {
        // Restarted: everything is loaded, the marker says how far. Whether the lock is still ours is asked at once, but
        // supervision does not wait for a database.
        let phase = if shared.is_started() {
            shared.services.journal.want_replay(); // and with it what was being read
            Phase::Working
        } else {
            Phase::StandBy
        };
        Self {
            shared,
            exit,
            parent: None,
            phase,
            polling: false,
            poll_again: false,
            last_counted: Counted::default(),
            last_day: objective::LastDay::default(),
            unreadable: HashSet::new(),
            holder: None,
            storm: Storm::default(),
            behind: HashMap::new(),
            found: None,
            read_again: false,
        }
    }

    fn forget_old(&self) {
        if self.phase != Phase::Working {
            return;
        }
        let services = self.shared.services.clone();
        self.shared.services.io.spawn_loop(async move {
            let adapters = &services.adapters;
            forget_old(&*adapters.store, &*adapters.clock, services.settings.timeline_keep).await;
            expire(&*adapters.store, &*adapters.clock, services.settings.events.keep).await;
        });
    }

    /// Starts the actor of a connection.
    fn start_connection(&self, cell: Arc<Cell>) {
        let Some(parent) = self.parent.clone() else { return };
        let id = cell.id().clone();
        let shared = self.shared.clone();
        let address = start_child(self.shared.arbiters.of(&id), id.shared(), parent, move |exit| {
            ConnectionActor::new(shared, cell, exit)
        });
        self.shared.children.started(id, address);
    }

    fn of_child(&mut self, event: ChildEvent) {
        let services = self.shared.services.clone();
        let known = |key: &str| services.registry.get(&key.parse().ok()?);
        match event {
            ChildEvent::Started { .. } | ChildEvent::Finished { .. } => {}
            ChildEvent::Restarting { key, why, nth, delay } => {
                services.counters().restarts.add_one();
                self.failed(&key, &why);
                let Some(cell) = known(&key) else { return };
                cell.count_restart();
                let target = format!("connection/{key}");
                let retry_in = humantime::format_duration(Duration::from_millis(delay.as_millis() as u64));
                warn!(target: &target, reason = why, attempt = nth, retry_in:% = retry_in; "actor failed, restarting");
                let detail = json!({ "reason": why, "attempt": nth });
                services.timeline.note(cell.id(), Kind::Restarted, format!("restarted after {why}"), detail);
            }
            ChildEvent::Quarantined { key, why } => {
                self.failed(&key, &why);
                let Some(cell) = known(&key) else { return };
                self.quarantine(&cell, &why);
            }
            ChildEvent::Lost { key } => {
                if services.shutdown.is_requested() {
                    return;
                }
                // Its arbiter is dead, and with it all its other children: the process cannot go on.
                self.shared.fail(format!("connection/{key} lost its arbiter"));
            }
        }
    }

    fn quarantine(&self, cell: &Arc<Cell>, why: &str) {
        let services = &self.shared.services;
        services.counters().quarantines.add_one();
        let now = services.adapters.clock.now();
        let parked = Quarantined { reason: why.into(), since: now };
        let jitter = services.adapters.jitter.draw();
        let again = self.shared.children.park(cell.id(), now, |nth| self.rest(nth, jitter));
        cell.set_quarantined(Some(parked.clone()));
        cell.set_wake_at(None);
        cell.status_to_show();
        let target = format!("connection/{}", cell.id());
        let retry_in = humantime::format_duration(Duration::from_secs(again.as_secs()));
        error!(target: &target, status = "quarantined", reason = why, retry_in:% = retry_in; "failed too often, parked");
        services.timeline.note(cell.id(), Kind::Quarantined, format!("quarantined after {why}"), json!({}));
        self.store_quarantine(cell.id().clone(), Some(parked));
    }

    /// Tries a parked connection again.
    fn release(&self, cell: Arc<Cell>) {
        cell.set_quarantined(None);
        self.store_quarantine(cell.id().clone(), None);
        self.shared.services.timeline.note(
            cell.id(),
            Kind::Released,
            "tried again after quarantine",
            json!({}),
        );
        self.start_connection(cell);
    }

    /// A quarantine of an earlier process, or of an earlier grant, is over.
    fn forgive(&self, row: &mut Connection) {
        if row.facts.quarantined.take().is_some() {
            self.store_quarantine(row.id.clone(), None);
        }
    }

    fn store_quarantine(&self, id: ConnectionId, parked: Option<Quarantined>) {
        let services = self.shared.services.clone();
        self.shared.services.io.spawn(async move {
            if let Err(error) = services.adapters.store.quarantine(&id, parked).await {
                warn!(target: "supervisor", connection:% = id, error:% = error; "the quarantine could not be stored");
            }
        });
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let services = &self.shared.services;
        let address = ctx.address();
        self.parent = Some(Arc::new(Parent::new(
            self.shared.settings.restart,
            services.adapters.clock.clone(),
            services.adapters.jitter.clone(),
            move |event| match event {
                // Not worth a message each, of which there would be a million at start.
                ChildEvent::Started { .. } | ChildEvent::Finished { .. } => {}
                event => address.do_send(OfChild(event)),
            },
        )));
        services.limiter.gate(true);
        self.keep_lock(ctx);
        ctx.run_interval(self.shared.settings.poll_every, Self::poll);
        ctx.run_interval(SWEEP_EVERY, |actor, _| actor.sweep());
        ctx.run_interval(self.shared.settings.status_every, |actor, _| actor.status_line());
        ctx.run_interval(FORGET_EVERY, |actor, _| actor.forget_old());
    }
}

impl Supervised for Supervisor {
    fn restarting(&mut self, _ctx: &mut Self::Context) {
        *self = Self::new(self.shared.clone(), self.exit.clone());
    }
}

impl Handler<OfChild> for Supervisor {
    type Result = ();

    fn handle(&mut self, OfChild(event): OfChild, _ctx: &mut Self::Context) {
        self.of_child(event);
    }
}

impl Handler<Poll> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Poll, ctx: &mut Self::Context) {
        self.poll_again = self.polling;
        self.poll(ctx);
    }
}

impl Handler<Fail> for Supervisor {
    type Result = ();

    fn handle(&mut self, how: Fail, ctx: &mut Self::Context) {
        how.carry_out(&self.exit, ctx);
    }
}
