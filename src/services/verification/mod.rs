//! Verification: compare the subscription with what is wanted, and repair it.
//!
//! Work is done per group: all connections that Calendly sees as one subscription owner share one list call.

mod group;
mod repair;
mod report;

use std::sync::Arc;
use std::time::Duration;

use log::{debug, warn};

use super::{Services, WebhookSettings};
use crate::domain::facts::WebhookState;
use crate::domain::ids::GrantId;
use crate::domain::scopes::missing_for_webhooks;
use crate::domain::subscription::Owner;
use crate::domain::subscription::reconcile::{to_ask_for, to_retire};
use crate::ports::{ApiError, ApiErrorClass, Caller, StoreError};
use crate::registry::cell::{Cell, Living};

pub use group::{GroupKey, callback_of, key, owner_of, subscription_of};

/// What Calendly or the database could not do now is tried again after this.
const LATER: Duration = Duration::from_secs(30);

/// How a verification ended.
#[derive(Debug)]
pub enum Verified {
    /// Looked at; the facts say how it stands.
    Done {
        /// Something was repaired: it is looked at once more soon.
        repaired: bool,
    },
    /// Calendly refused a token that should live: refresh it, then again.
    Rejected,
    /// No connection of the group has a token to ask with: after the refresh again.
    NoToken,
    /// Nothing is concluded; again after this.
    Later(Duration),
}

/// Why a verification ended early.
enum Stop {
    Rejected,
    Unavailable(String),
    Later(Duration),
}

/// Where the keeper keeps tokens only: what was seen of webhooks holds no longer, and is taken back in one write. Of
/// most nothing was seen, and nothing is written.
pub async fn switched_off(services: &Services, cells: &[Arc<Cell>]) {
    let seen = |cell: &&Arc<Cell>| cell.facts().webhook.state != WebhookState::Unknown;
    let cells: Vec<_> = cells.iter().filter(seen).cloned().collect();
    report::state(services, &cells, WebhookState::Off, None).await;
}

/// Verifies the subscription of one group, `members` being the connections that asked.
pub async fn verify(services: &Services, members: &[Arc<Cell>]) -> Verified {
    let Some(webhook) = &services.settings.webhook else {
        switched_off(services, members).await;
        return Verified::Done { repaired: false };
    };
    let now = services.adapters.clock.now();
    let mut unavailable = None;
    for asker in members {
        let Some(living) = asker.living(now) else { continue };
        let rate_key = asker.read(|c| c.user.clone()).unwrap_or_else(|| asker.id().as_str().into());
        let visit = Visit { services, webhook, asker, living: &living, grant: living.grant_id, rate_key };
        match visit.look(members).await {
            Ok(repaired) => {
                asker.accepted();
                return Verified::Done { repaired };
            }
            Err(Stop::Later(after)) => return Verified::Later(after),
            Err(Stop::Rejected) => {
                let renewed = asker.read(|c| c.generation) > living.generation;
                if renewed || !asker.reject(living.generation, now) {
                    return Verified::Later(Duration::from_secs(1));
                }
                return Verified::Rejected;
            }
            // Another admin's token may do where one was demoted.
            Err(Stop::Unavailable(reason)) => unavailable = Some(reason),
        }
    }
    match unavailable {
        Some(reason) => {
            report::unavailable(services, members, reason).await;
            Verified::Done { repaired: false }
        }
        None => Verified::NoToken,
    }
}

/// One look at Calendly with one connection's token.
struct Visit<'a> {
    services: &'a Services,
    webhook: &'a WebhookSettings,
    asker: &'a Arc<Cell>,
    living: &'a Living,
    /// A new grant may come meanwhile, of another user even: what is learned is this one's.
    grant: GrantId,
    /// Two connections of one Calendly user share its rate limit.
    rate_key: Box<str>,
}

impl Visit<'_> {
    /// True where something was repaired.
    async fn look(&self, members: &[Arc<Cell>]) -> Result<bool, Stop> {
        let owner = self.owner().await?;
        let scope = self.asker.read(|c| c.scope.clone());
        let missing = missing_for_webhooks(scope.as_deref(), self.webhook.events.iter().map(String::as_str));
        if !missing.is_empty() {
            return Err(Stop::Unavailable(format!("missing_scopes={}", missing.join(" "))));
        }
        let subscriptions = &self.services.adapters.subscriptions;
        let mut listed = subscriptions.list(self.caller(), &owner).await.map_err(|error| self.stop(error))?;
        let mut repaired = false;
        for (callback, cells) in group::by_callback(self.webhook, &owner, members) {
            if self.services.shutdown.is_requested() {
                return Err(Stop::Later(LATER)); // a stop waits for what is under way, not for all that is left
            }
            let record = self
                .services
                .adapters
                .store
                .subscription(&owner, &callback.to_string())
                .await
                .map_err(|error| self.store(error))?;
            if let Some(uri) = to_ask_for(&listed, record.as_ref()) {
                match subscriptions.get(self.caller(), uri).await {
                    Ok(found) => listed.push(found),
                    Err(error) if error.class == ApiErrorClass::NotFound => {}
                    // Recorded under another user, perhaps: that says nothing about this one's rights.
                    Err(error) if error.class == ApiErrorClass::PermissionDenied => {
                        return Err(Stop::Later(LATER));
                    }
                    Err(error) => return Err(self.stop(error)),
                }
            }
            repaired |= repair::repair(self, &owner, callback, &listed, record, &cells).await?;
        }
        for uri in to_retire(&listed, &self.webhook.retire_urls) {
            match subscriptions.delete(self.caller(), &uri).await {
                Ok(()) => report::retired(self.services, members, &uri),
                Err(error) => {
                    warn!(target: "webhook", connection:% = self.asker.id(), error:% = error; "a webhook at a retired callback URL could not be deleted, next time");
                }
            }
        }
        Ok(repaired)
    }

    /// Whose subscription it is; asks Calendly where the grant did not say.
    async fn owner(&self) -> Result<Owner, Stop> {
        let known = |cell: &Cell| {
            cell.read(|c| group::owner(self.webhook, c.user.as_deref(), c.organization.as_deref()))
        };
        if let Some(owner) = known(self.asker) {
            return Ok(owner);
        }
        let asked = self.services.adapters.subscriptions.me(self.caller()).await;
        let me = asked.map_err(|error| self.stop(error))?;
        // The store first: what the cell knows is not asked again.
        let learned = self.services.adapters.store.learn_user(self.asker.id(), self.grant, me.clone()).await;
        learned.map_err(|error| self.store(error))?;
        self.asker.learn_user(self.grant, &me);
        known(self.asker).ok_or(Stop::Later(LATER))
    }

    /// A failed call, by what follows from it.
    fn stop(&self, error: ApiError) -> Stop {
        match error.class {
            ApiErrorClass::Unauthenticated => Stop::Rejected,
            ApiErrorClass::InsufficientScope(scopes) => {
                Stop::Unavailable(format!("missing_scopes={}", scopes.join(" ")))
            }
            ApiErrorClass::PermissionDenied => {
                Stop::Unavailable(format!("permission_denied: {}", error.detail))
            }
            ApiErrorClass::InvalidRequest => {
                warn!(target: "webhook", connection:% = self.asker.id(), error:% = error; "Calendly refuses the request as invalid, check the webhook configuration");
                Stop::Unavailable(format!("invalid_request: {}", error.detail))
            }
            ApiErrorClass::Throttled(wait) => Stop::Later(wait.unwrap_or(Duration::from_secs(60))),
            ApiErrorClass::NotFound
            | ApiErrorClass::AlreadyExists
            | ApiErrorClass::Unavailable
            | ApiErrorClass::Unreadable => {
                debug!(target: "webhook", connection:% = self.asker.id(), error:% = error; "verification put off");
                Stop::Later(LATER)
            }
        }
    }

    fn store(&self, error: StoreError) -> Stop {
        warn!(target: "webhook", connection:% = self.asker.id(), error:% = error; "verification put off, the store failed");
        Stop::Later(LATER)
    }

    fn caller(&self) -> Caller<'_> {
        Caller { rate_key: &self.rate_key, token: &self.living.token }
    }
}

/// So many connections that share a subscription have a line each.
pub(in crate::services) const NAMED: usize = 20;

/// Says something of each of the first of many.
pub(in crate::services) fn each_of<T>(all: &[T], say: impl FnMut(&T)) {
    all.iter().take(NAMED).for_each(say);
}

/// Says it of each connection, so that one can be followed by its id alone; where very many share a subscription, of the
/// first of them and of how many more there are.
fn each(cells: &[Arc<Cell>], mut say: impl FnMut(&str)) {
    for cell in cells.iter().take(NAMED) {
        say(cell.id().as_str());
    }
    if cells.len() > NAMED {
        say(&format!("{} more", cells.len() - NAMED));
    }
}
