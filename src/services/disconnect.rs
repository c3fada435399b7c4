//! The end of a connection: erased here at once, then taken back at Calendly, where nothing else needs it. So is what a
//! user leaves behind whose connection another one takes over.
//!
//! The deletion stands whatever Calendly does: what could not be taken back is said, in the log and the timeline.

use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use serde_json::json;
use tokio::time::timeout;

use super::needs::Others;
use super::verification::owner_of;
use super::{Services, grants, inbox};
use crate::domain::facts::GrantFact;
use crate::domain::ids::ConnectionId;
use crate::domain::secrets::RefreshToken;
use crate::domain::subscription::Owner;
use crate::domain::subscription::callback::CallbackUrl;
use crate::domain::timeline::Kind;
use crate::ports::{ApiError, ApiErrorClass, Caller, StoreError};
use crate::registry::cell::{Cell, Living};
use crate::runtime::sleep;

/// An exchange under way may end the access token that is needed: it is waited for so long.
const EXCHANGE: Duration = Duration::from_secs(5);
/// What Calendly could not do is asked for again after these.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];

/// A connection that is erased here, with what is needed to take it back at Calendly.
#[derive(Debug)]
pub struct Leaving {
    /// As it was: a deleted cell serves no token.
    cell: Arc<Cell>,
    /// What its grant can be revoked with, else why there is nothing.
    token: Result<RefreshToken, &'static str>,
    /// Added to what is told, where the connection itself stays.
    of_whom: &'static str,
}

/// What became of it at Calendly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The subscription and the grant are gone.
    Gone,
    /// Something stays, because another connection of the same Calendly user or subscription needs it.
    Shared,
    /// Something could not be taken back.
    Left,
}

impl Remote {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Shared => "shared",
            Self::Left => "left",
        }
    }
}

/// Erases the connection's tokens, and then what is in its events. `None` where there is no such connection. `by` names the API token that asked.
///
/// # Errors
/// Where the database does not answer; nothing is changed then, as far as anybody knows.
pub async fn erase(
    services: &Services,
    id: &ConnectionId,
    by: Option<&str>,
) -> Result<Option<Leaving>, StoreError> {
    let known = services.registry.get(id);
    if known.is_some()
        && let Some(end) = services.registry.in_flight.end_of(id)
    {
        let _ = timeout(EXCHANGE, end).await; // one that takes longer gives its pair back when it ends
    }
    let cell = match known {
        Some(cell) => cell,
        // Its actor does not know it yet.
        None => match services.adapters.store.get(id).await? {
            Some(row) => Arc::new(Cell::new(row, 0.0)),
            None => return Ok(None),
        },
    };
    let as_it_was = Arc::new(Cell::new(cell.connection(), 0.0));
    let Some(erased) = grants::erase(services, id, by).await? else { return Ok(None) };
    let (store, clock, of) = (services.adapters.store.clone(), services.adapters.clock.clone(), id.clone());
    services.io.spawn(async move { inbox::erase_of(&*store, &*clock, &of).await });
    let token = erased.refresh_token.ok_or("no configured encryption key opens its refresh token");
    Ok(Some(Leaving { cell: as_it_was, token, of_whom: "" }))
}

/// The user of a connection that another one is about to take over; `None` where nobody has it.
pub(super) fn user_before(services: &Services, id: &ConnectionId) -> Option<Leaving> {
    let cell = Arc::new(Cell::new(services.registry.get(id)?.connection(), 0.0));
    // Calendly takes either of a pair; the refresh token is not in memory.
    let living = cell.living(services.adapters.clock.now());
    let token = living.map(|living| RefreshToken::new(living.token.expose()));
    Some(Leaving { cell, token: token.ok_or("its access token has ended"), of_whom: " of the user before" })
}

/// Deletes the subscription if no other connection uses it, and revokes the grant unless another connection has the same
/// Calendly user: nobody knows whether a revocation leaves that user's other grants alone.
pub async fn take_back(services: &Arc<Services>, leaving: Leaving) -> Remote {
    let remains = Remains { services, leaving: &leaving };
    let subscription = remains.subscription().await;
    let grant = remains.grant().await; // last: it ends the token that the subscription is deleted with
    for (what, ended) in [("subscription", &subscription), ("grant", &grant)] {
        remains.tell(what, ended);
    }
    match (subscription, grant) {
        (Ended::Left(_), _) | (_, Ended::Left(_)) => Remote::Left,
        (Ended::Shared, _) | (_, Ended::Shared) => Remote::Shared,
        (Ended::Gone | Ended::Nothing, Ended::Gone | Ended::Nothing) => Remote::Gone,
    }
}

/// What became of one of the two.
enum Ended {
    Gone,
    Nothing,
    Shared,
    Left(String),
}

struct Remains<'a> {
    services: &'a Arc<Services>,
    leaving: &'a Leaving,
}

impl Remains<'_> {
    fn id(&self) -> &ConnectionId {
        self.leaving.cell.id()
    }

    async fn subscription(&self) -> Ended {
        let Some(webhook) = &self.services.settings.webhook else { return Ended::Nothing };
        let Some(owner) = owner_of(webhook, &self.leaving.cell) else { return Ended::Nothing }; // none was ever made
        let others = Others::than(self.services, &self.leaving.cell).await;
        if others.share_subscription(self.services, &self.leaving.cell) {
            return Ended::Shared;
        }
        let own = self.leaving.cell.living(self.services.adapters.clock.now());
        let Some(living) = own.or_else(|| others.living_of(self.services, &owner)) else {
            return Ended::Left("there is no living token to delete it with".into());
        };
        let callback = webhook.callback.fill(self.id(), &owner);
        match self.retrying(|| self.delete(&owner, &callback, &living)).await {
            Ok(()) => Ended::Gone,
            Err(error) => Ended::Left(error.to_string()),
        }
    }

    /// Deletes whatever delivers to the callback URL, in each of its versions.
    async fn delete(&self, owner: &Owner, callback: &CallbackUrl, living: &Living) -> Result<(), ApiError> {
        let rate_key =
            self.leaving.cell.read(|c| c.user.clone()).unwrap_or_else(|| self.id().as_str().into());
        let caller = Caller { rate_key: &rate_key, token: &living.token };
        let adapters = &self.services.adapters;
        let listed = adapters.subscriptions.list(caller, owner).await?;
        for found in listed.iter().filter(|found| callback.version_of(&found.callback_url).is_some()) {
            adapters.subscriptions.delete(caller, &found.uri).await?;
        }
        if let Err(error) = adapters.store.record_subscription(owner, &callback.to_string(), None).await {
            // A record of what is gone is found to be gone at the next verification.
            warn!(target: "webhook", connection:% = self.id(), error:% = error; "the record of a deleted subscription stays");
        }
        Ok(())
    }

    async fn grant(&self) -> Ended {
        if matches!(self.leaving.cell.facts().grant, GrantFact::Refused { .. }) {
            return Ended::Nothing;
        }
        let token = match &self.leaving.token {
            Ok(token) => token,
            Err(why) => return Ended::Left((*why).into()),
        };
        let users = self.users().await;
        let others = Others::than(self.services, &self.leaving.cell).await;
        if users.is_empty() && !others.are_none() {
            return Ended::Left(
                "whose it is is not known, and another connection may be the same user's".into(),
            );
        }
        if others.are_of(&users) {
            return Ended::Shared;
        }
        match self.retrying(|| self.services.adapters.tokens.revoke(token)).await {
            Ok(()) => Ended::Gone,
            Err(error) => Ended::Left(error.to_string()),
        }
    }

    /// Whose grant it is, as far as anybody can tell.
    async fn users(&self) -> Vec<Box<str>> {
        let cell = &self.leaving.cell;
        let users: Vec<_> =
            cell.read(|c| [&c.user, &c.foreign_owner].into_iter().flatten().cloned().collect::<Vec<_>>());
        if !users.is_empty() {
            return users;
        }
        let Some(living) = cell.living(self.services.adapters.clock.now()) else { return users };
        let caller = Caller { rate_key: self.id().as_str(), token: &living.token };
        let me = self.services.adapters.subscriptions.me(caller).await;
        me.into_iter().map(|me| me.user.into()).collect()
    }

    /// Tries a few times what may be better in a moment; a stop waits for one more try only.
    async fn retrying<F>(&self, call: impl Fn() -> F) -> Result<(), ApiError>
    where
        F: Future<Output = Result<(), ApiError>>,
    {
        let mut waits = AGAIN.into_iter();
        loop {
            let error = match call().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let passes = match error.class {
                ApiErrorClass::Throttled(_) | ApiErrorClass::Unavailable | ApiErrorClass::Unreadable => true,
                ApiErrorClass::NotFound => return Ok(()),
                _ => false,
            };
            let Some(wait) = waits.next().filter(|_| passes && !self.services.shutdown.is_requested()) else {
                return Err(error);
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.services.shutdown.requested() => {}
            }
        }
    }

    fn tell(&self, what: &str, ended: &Ended) {
        let target = format!("connection/{}", self.id());
        let whose = format!("{what}{}", self.leaving.of_whom);
        let (text, why) = match ended {
            Ended::Nothing => return,
            Ended::Gone => (format!("the {whose} is deleted at Calendly"), None),
            Ended::Shared => (format!("the {whose} stays at Calendly, another connection needs it"), None),
            Ended::Left(why) => {
                (format!("the {whose} could not be taken back at Calendly"), Some(why.as_str()))
            }
        };
        match why {
            None => info!(target: &target, "{text}"),
            Some(error) => warn!(target: &target, error, hint = "take it back by hand"; "{text}"),
        }
        self.services.timeline.note(
            self.id(),
            Kind::Disconnected,
            text,
            json!({ "what": what, "error": why }),
        );
    }
}
