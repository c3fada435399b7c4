//! The actor that has subscriptions verified: groups what is asked by owner, and keeps the number under way bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::prelude::*;
use chrono::TimeDelta;
use log::error;

use super::Shared;
use super::messages::{Fail, Look, Verify};
use super::supervision::ExitCell;
use crate::domain::facts::WebhookState;
use crate::domain::ids::{ConnectionId, GrantId};
use crate::domain::subscription::Scope;
use crate::registry::cell::Cell;
use crate::services::verification::{GroupKey, Verified, key, verify};

/// So many groups are looked at at once.
const AT_ONCE: usize = 16;
/// Where Calendly refuses subscriptions, it is asked again after this.
const UNAVAILABLE_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// As a power of two: half a minute becomes two, so that all is well again three minutes after the cause has gone.
const LONGEST_PATIENCE: u32 = 2;
/// A repair is looked at once more after this.
const AFTER_REPAIR: Duration = Duration::from_secs(60);

/// Holds who asked; what it finds goes into the cells.
pub struct WebhookActor {
    shared: Arc<Shared>,
    exit: ExitCell,
    asked: HashMap<GroupKey, Vec<Arc<Cell>>>,
    queue: VecDeque<GroupKey>,
    running: HashMap<GroupKey, ()>,
    /// With organization scope, everybody who shares a subscription, so that one look serves all.
    shares: HashMap<GroupKey, HashMap<ConnectionId, Arc<Cell>>>,
    /// Verifications in a row, of whomever, of which nothing came.
    in_vain: u32,
}

impl WebhookActor {
    /// With nothing asked yet.
    #[must_use]
    pub fn new(shared: Arc<Shared>, exit: ExitCell) -> Self {
        Self {
            shared,
            exit,
            asked: HashMap::new(),
            queue: VecDeque::new(),
            running: HashMap::new(),
            shares: HashMap::new(),
            in_vain: 0,
        }
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        while self.running.len() < AT_ONCE && !self.shared.services.shutdown.is_requested() {
            let Some(group) = self.queue.pop_front() else { return };
            let asked = self.asked.remove(&group).unwrap_or_default();
            let members = self.members(&group, asked);
            let asked: Vec<_> =
                members.iter().map(|cell| (cell.read(|c| c.grant_id), cell.verify_asked())).collect();
            self.running.insert(group.clone(), ());
            let services = self.shared.services.clone();
            let task = self.shared.services.io.spawn({
                let members = members.clone();
                async move { verify(&services, &members).await }
            });
            ctx.spawn(wrap_future(task).map(move |verified, actor: &mut Self, ctx| {
                actor.running.remove(&group);
                let verified = verified.unwrap_or_else(|error| {
                    for cell in &members {
                        error!(target: "webhook", connection:% = cell.id(), error:% = error; "the verification's task failed");
                    }
                    Verified::Later(Duration::from_secs(60))
                });
                actor.count(&verified);
                actor.verified(&verified, members.iter().zip(asked));
                if actor.asked.contains_key(&group) {
                    actor.queue.push_back(group);
                }
                actor.pump(ctx);
            }));
        }
    }

    fn members(&mut self, group: &GroupKey, asked: Vec<Arc<Cell>>) -> Vec<Arc<Cell>> {
        let webhook = self.shared.services.settings.webhook.as_ref();
        if webhook.is_none_or(|webhook| webhook.scope != Scope::Organization) {
            return asked;
        }
        let all = self.shares.entry(group.clone()).or_default();
        all.extend(asked.into_iter().map(|cell| (cell.id().clone(), cell)));
        // A new grant may be of another organization.
        all.retain(|_, cell| !cell.is_deleted() && key(webhook, cell) == *group);
        all.values().cloned().collect()
    }

    fn count(&mut self, verified: &Verified) {
        match verified {
            Verified::Later(_) => self.in_vain = self.in_vain.saturating_add(1),
            Verified::Done { .. } | Verified::Rejected => self.in_vain = 0,
            Verified::NoToken => {}
        }
    }

    /// How many times longer than usual everybody waits: while nothing comes of anybody's, Calendly or the database is
    /// away, and a thousand connections would ask it thirty times a second.
    fn patience(&self) -> f64 {
        f64::from(1_u32 << (self.in_vain / AT_ONCE as u32).min(LONGEST_PATIENCE))
    }

    /// Says when to look again, and tells those who wait.
    fn verified<'c>(
        &self,
        verified: &Verified,
        members: impl Iterator<Item = (&'c Arc<Cell>, (GrantId, u32))>,
    ) {
        let services = &self.shared.services;
        let now = services.adapters.clock.now();
        let every =
            services.settings.webhook.as_ref().map_or(UNAVAILABLE_AGAIN, |webhook| webhook.verify_every);
        for (cell, (grant, asked)) in members {
            let after = match verified {
                Verified::Done { .. } if cell.facts().webhook.state == WebhookState::Unavailable => {
                    UNAVAILABLE_AGAIN
                }
                Verified::Done { repaired: true } => every.min(AFTER_REPAIR),
                Verified::Done { repaired: false } => {
                    every.mul_f64(1.0 - services.adapters.jitter.draw() / 10.0)
                }
                Verified::Later(after) => {
                    after.mul_f64(self.patience() * (1.0 + services.adapters.jitter.draw() / 4.0))
                }
                Verified::Rejected | Verified::NoToken => Duration::from_secs(5),
            };
            // What was found out with an older grant says nothing about a new one, and whoever has asked since wants it
            // looked at since: at once again.
            let answers = cell.read(|c| c.grant_id) == grant && cell.verify_asked() == asked;
            let next = now + TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
            cell.set_verify_at(answers.then_some(next));
            if let Some(actor) = self.shared.children.address(cell.id()) {
                actor.do_send(Look { verified: true });
            }
        }
    }
}

impl Actor for WebhookActor {
    type Context = Context<Self>;
}

impl Supervised for WebhookActor {
    /// What was asked is forgotten; who asked will ask again.
    fn restarting(&mut self, _ctx: &mut Self::Context) {
        *self = Self::new(self.shared.clone(), self.exit.clone());
        for id in self.shared.children.ids() {
            if let Some(actor) = self.shared.children.address(&id) {
                actor.do_send(Look { verified: true });
            }
        }
    }
}

impl Handler<Verify> for WebhookActor {
    type Result = ();

    fn handle(&mut self, Verify(cell): Verify, ctx: &mut Self::Context) {
        let group = key(self.shared.services.settings.webhook.as_ref(), &cell);
        let waiting = self.asked.entry(group.clone()).or_default();
        if waiting.is_empty() && !self.running.contains_key(&group) {
            self.queue.push_back(group);
        }
        if waiting.iter().all(|other| other.id() != cell.id()) {
            waiting.push(cell);
        }
        self.pump(ctx);
    }
}

impl Handler<Fail> for WebhookActor {
    type Result = ();

    fn handle(&mut self, how: Fail, ctx: &mut Self::Context) {
        how.carry_out(&self.exit, ctx);
    }
}
