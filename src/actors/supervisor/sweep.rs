//! The sweep: timers are hints; what proves that everybody is seen to is a look at all cells, by the wall clock.

use std::sync::Arc;

use chrono::TimeDelta;
use log::warn;

use super::{Phase, Supervisor};
use crate::domain::decision::{Next, next_refresh};
use crate::registry::cell::Cell;
use crate::services::foreign::is_foreign;
use crate::services::system_fault::Kind as Fault;

/// An actor that wakes so late was not late by load alone: its timer stood still, or is gone.
const LATE: TimeDelta = TimeDelta::seconds(2);

impl Supervisor {
    /// Nudges everybody whose time has come and who has not woken: after a suspend, or where a timer was lost.
    pub(super) fn sweep(&mut self) {
        self.look_at_weather("");
        // Also while the rows are read again: supervision needs no database.
        if !self.shared.is_started()
            || self.phase == Phase::StandBy
            || self.shared.services.shutdown.is_requested()
        {
            return;
        }
        self.shared.services.time.look(&self.shared.services);
        self.end_faults_of_some();
        let services = &self.shared.services;
        let now = services.adapters.clock.now();
        for id in self.shared.children.rested(now) {
            if let Some(cell) = services.registry.get(&id) {
                self.release(cell);
            }
        }
        let mut lost = 0_usize;
        for cell in services.registry.cells() {
            if !self.shared.children.is_running(cell.id()) {
                if !self.shared.children.is_parked(cell.id()) && !cell.is_deleted() {
                    warn!(target: "supervisor", connection:% = cell.id(); "an actor had gone unnoticed, started anew");
                    self.start_connection(cell);
                }
                continue;
            }
            let overdue = cell.wake_at().is_some_and(|at| at + LATE < now);
            let next = next_refresh(&cell.token_view(), now);
            let idle = || services.registry.in_flight.end_of(cell.id()).is_none();
            let asleep = cell.wake_at().is_none() && next != Next::Never && idle();
            // What its actor does not know: a witness's refusal.
            let early = matches!(next, Next::Now(_)) && idle();
            if overdue || asleep || early {
                lost += usize::from(asleep);
                self.shared.children.nudge(cell.id());
            }
        }
        if lost > 0 {
            warn!(target: "supervisor", connections = lost; "active connections without a timer, woken by the sweep");
        }
    }

    /// What is wrong for some is over when nobody is concerned any more.
    fn end_faults_of_some(&mut self) {
        let services = &self.shared.services;
        let (registry, system) = (&services.registry, &services.system);
        let now = services.adapters.clock.now();
        self.behind.retain(|id, known| {
            registry.get(id).is_some_and(|cell| {
                cell.token_view().may_refresh && cell.read(|connection| connection.generation == *known)
            })
        });
        let is_doubted =
            |cell: &Arc<Cell>| cell.token_view().may_refresh && services.journal.is_doubted(cell.id());
        let is_careful = services.limiter.is_careful();
        if self.behind.is_empty() && !(is_careful && registry.cells().iter().any(is_doubted)) {
            system.end(Fault::DatabaseWentBack, now);
        }
        if system.is(Fault::ForeignClient) && !registry.cells().iter().any(|cell| is_foreign(services, cell))
        {
            system.end(Fault::ForeignClient, now);
        }
    }
}
