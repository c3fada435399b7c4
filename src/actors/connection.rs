//! One Calendly connection's actor: derives from its cell what is due, starts it, and wakes in time for the next.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use log::{debug, error, info, warn};

use super::Shared;
use super::messages::{Fail, Finish, Look, Verify};
use super::supervision::{Exit, ExitCell};
use crate::domain::decision::{Next, Why, next_refresh};
use crate::domain::status::Status;
use crate::registry::cell::Cell;
use crate::services::rotation;

/// A verification that was asked for and never answered is asked for again after this.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(10);

/// Holds its cell and a timer; everything else is in the cell.
pub struct ConnectionActor {
    shared: Arc<Shared>,
    cell: Arc<Cell>,
    exit: ExitCell,
    /// Timers of an earlier epoch are stale: they are never cancelled (actix would cancel the wrong one).
    epoch: u32,
    /// When its timer fires, by the boot clock: what is due later needs none of its own yet.
    armed: Option<Duration>,
    rotating: bool,
    asked_to_verify: Option<DateTime<Utc>>,
    fresh: bool,
}

impl ConnectionActor {
    /// For a cell that was just loaded.
    #[must_use]
    pub fn new(shared: Arc<Shared>, cell: Arc<Cell>, exit: ExitCell) -> Self {
        Self {
            shared,
            cell,
            exit,
            epoch: 0,
            armed: None,
            rotating: false,
            asked_to_verify: None,
            fresh: true,
        }
    }

    /// Level-triggered: what is due follows from the cell and the time, never from a remembered chain of events.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.show_status();
        if self.cell.is_deleted() || self.shared.services.shutdown.is_requested() {
            self.cell.set_wake_at(None);
            return;
        }
        let now = self.shared.services.adapters.clock.now();
        let refresh_at = if self.rotating { None } else { self.refresh_if_due(now, ctx) };
        let verify_at = self.verify_if_due(now);
        self.wake(refresh_at.into_iter().chain(verify_at).min(), now, ctx);
    }

    /// Starts a rotation where one is due; answers when the next one will be.
    fn refresh_if_due(&mut self, now: DateTime<Utc>, ctx: &mut Context<Self>) -> Option<DateTime<Utc>> {
        if let Some(end) = self.shared.services.registry.in_flight.end_of(self.cell.id()) {
            // One that this actor did not start, or started before it was restarted: wait for its end all the same.
            self.rotating = true;
            ctx.spawn(wrap_future(end).map(|(), actor: &mut Self, ctx| actor.rotated(None, ctx)));
            return None;
        }
        match next_refresh(&self.cell.token_view(), now) {
            Next::Never => None,
            Next::At(then) => Some(then),
            Next::Now(why) => {
                if let Some(task) = rotation::start(&self.shared.services, &self.cell, why) {
                    self.rotating = true;
                    ctx.spawn(wrap_future(task).map(move |ended, actor: &mut Self, ctx| {
                        if let Err(error) = &ended {
                            error!(target: &actor.target(), error:% = error; "the rotation's task failed");
                            let now = actor.shared.services.adapters.clock.now();
                            actor.cell.wait_until(now + TimeDelta::seconds(5));
                        }
                        actor.rotated(Some(why), ctx);
                    }));
                }
                None
            }
        }
    }

    fn rotated(&mut self, why: Option<Why>, ctx: &mut Context<Self>) {
        self.rotating = false;
        // After an outage nobody knows what has become of the subscription.
        if why.is_none_or(|why| why != Why::Due)
            && self.cell.living(self.shared.services.adapters.clock.now()).is_some()
        {
            self.cell.set_verify_at(None);
        }
        self.look(ctx);
    }

    /// Asks for a verification where one is due and a living token is there to ask with; answers when the next one will be.
    fn verify_if_due(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let status = self.cell.status().status;
        if self.shared.services.settings.webhook.is_none()
            || matches!(status, Status::Paused | Status::ReauthorizationRequired)
            || self.cell.living(now).is_none()
        {
            return None; // nothing is kept, or a refresh or a new grant comes first, and looks again
        }
        if let Some(asked) = self.asked_to_verify.filter(|asked| (now - *asked).abs() < ASK_AGAIN) {
            return Some(asked + ASK_AGAIN);
        }
        match self.cell.verify_at().filter(|at| *at > now) {
            Some(at) => Some(at),
            None => {
                self.asked_to_verify = Some(now);
                if let Some(webhook) = self.shared.webhook() {
                    webhook.do_send(Verify(self.cell.clone()));
                }
                Some(now + ASK_AGAIN)
            }
        }
    }

    fn wake(&mut self, at: Option<DateTime<Utc>>, now: DateTime<Utc>, ctx: &mut Context<Self>) {
        self.cell.set_wake_at(at);
        let Some(at) = at else { return };
        // A millisecond more: a timer that fires early would find nothing due.
        let delay = (at - now).to_std().unwrap_or_default() + Duration::from_millis(1);
        let boot = self.shared.services.adapters.clock.boot();
        if self.armed.is_some_and(|armed| boot < armed && armed <= boot + delay) {
            return; // that look arms the next one; each timer more would be polled with every message
        }
        self.armed = Some(boot + delay);
        self.epoch = self.epoch.wrapping_add(1);
        let epoch = self.epoch;
        ctx.run_later(delay, move |actor, ctx| {
            if actor.epoch == epoch {
                actor.armed = None;
                actor.look(ctx);
            }
        });
    }

    fn show_status(&self) {
        let first = !self.cell.was_shown();
        let Some(shown) = self.cell.status_to_show() else { return };
        self.shared.services.notices.changed(self.cell.id());
        let (status, target) = (shown.status.as_str(), self.target());
        let reason = shown.reason.unwrap_or_default();
        match (shown.status, shown.hint) {
            // That it is as it should be, from the start, is no change.
            (Status::Active, _) if first => debug!(target: &target, status; ""),
            (Status::Active, _) => info!(target: &target, status; ""),
            (_, Some(hint)) => warn!(target: &target, status, reason:% = reason, hint; ""),
            (_, None) => warn!(target: &target, status, reason:% = reason; ""),
        }
    }

    /// After a failure: what the cell does not know, the store may.
    fn reload(&mut self, ctx: &mut Context<Self>) {
        let services = self.shared.services.clone();
        let id = self.cell.id().clone();
        let task = services.io.spawn({
            let services = services.clone();
            async move { services.adapters.store.get(&id).await }
        });
        ctx.spawn(wrap_future(task).map(|row, actor: &mut Self, ctx| {
            if let Ok(Ok(Some(row))) = row {
                actor.cell.adopt(row);
            }
            actor.look(ctx);
        }));
    }

    fn target(&self) -> String {
        format!("connection/{}", self.cell.id())
    }
}

impl Actor for ConnectionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.fresh {
            self.look(ctx);
        } else {
            self.reload(ctx);
        }
    }
}

impl Supervised for ConnectionActor {
    fn restarting(&mut self, _ctx: &mut Self::Context) {
        let (shared, cell, exit) = (self.shared.clone(), self.cell.clone(), self.exit.clone());
        let epoch = self.epoch.wrapping_add(1);
        *self = Self { epoch, fresh: false, ..Self::new(shared, cell, exit) };
    }
}

impl Handler<Look> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, message: Look, ctx: &mut Self::Context) {
        if message.verified {
            self.asked_to_verify = None;
        }
        self.look(ctx);
    }
}

impl Handler<Finish> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, _: Finish, ctx: &mut Self::Context) {
        self.exit.set(Exit::Normal);
        ctx.stop();
    }
}

impl Handler<Fail> for ConnectionActor {
    type Result = ();

    fn handle(&mut self, how: Fail, ctx: &mut Self::Context) {
        how.carry_out(&self.exit, ctx);
    }
}
