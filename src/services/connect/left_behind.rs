//! What a user leaves behind whose connection another one takes over: the subscription, if no other connection uses it, and
//! the tokens, if no other connection is the same user's.

use std::time::Duration;

use log::{info, warn};
use serde_json::json;
use tokio::time::timeout;

use crate::domain::ids::ConnectionId;
use crate::domain::secrets::RefreshToken;
use crate::domain::subscription::Owner;
use crate::domain::timeline::Kind;
use crate::ports::Caller;
use crate::registry::cell::{Cell, Living};
use crate::services::Services;
use crate::services::verification::subscription_of;

/// Whoever confirms does not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The user who leaves, as he was.
pub(super) struct Leaving {
    user: Box<str>,
    living: Living,
    subscription: Option<(Owner, String)>,
}

/// What there will be to clear away; `None` where no living token is left to do it with.
pub(super) fn look(services: &Services, id: &ConnectionId) -> Option<Leaving> {
    let cell = services.registry.get(id)?;
    Some(Leaving {
        user: cell.read(|row| row.user.clone())?,
        living: cell.living(services.adapters.clock.now())?,
        subscription: services.settings.webhook.as_ref().and_then(|webhook| subscription_of(webhook, &cell)),
    })
}

/// Clears it away, as far as nobody else needs it. What cannot be done now stays behind, and is said.
pub(super) async fn clear(services: &Services, id: &ConnectionId, leaving: Leaving) {
    let others: Vec<_> = services.registry.cells().into_iter().filter(|cell| cell.id() != id).collect();
    let is_needed =
        |needs: &dyn Fn(&Cell) -> bool| others.iter().any(|cell| !cell.is_deleted() && needs(cell));
    let work = async {
        if let (Some(webhook), Some(subscription)) = (&services.settings.webhook, &leaving.subscription)
            && !is_needed(&|cell| subscription_of(webhook, cell).as_ref() == Some(subscription))
        {
            unsubscribe(services, id, &leaving, subscription).await;
        }
        if !is_needed(&|cell| cell.read(|row| row.user.as_ref() == Some(&leaving.user))) {
            // Calendly takes either of a pair; the refresh token is not in memory.
            let token = RefreshToken::new(leaving.living.token.expose());
            if let Err(error) = services.adapters.tokens.revoke(&token).await {
                warn!(target: &format!("connection/{id}"), error:% = error; "the tokens of the user before could not be revoked");
            }
        }
    };
    if timeout(PATIENCE, work).await.is_err() {
        warn!(target: "supervisor", connection:% = id; "what the user before leaves behind could not be cleared away in time");
    }
}

async fn unsubscribe(
    services: &Services,
    id: &ConnectionId,
    leaving: &Leaving,
    (owner, callback): &(Owner, String),
) {
    let store = &services.adapters.store;
    let Ok(Some(record)) = store.subscription(owner, callback).await else { return };
    let caller = Caller { rate_key: &leaving.user, token: &leaving.living.token };
    match services.adapters.subscriptions.delete(caller, &record.uri).await {
        Ok(()) => {
            let text = "the webhook of the user before was deleted";
            info!(target: "webhook", connection:% = id; "{text}");
            services.timeline.note(id, Kind::WebhookDeleted, text, json!({ "uri": record.uri }));
            let _ = store.record_subscription(owner, callback, None).await; // else a URI that is gone, found out at the next look
        }
        Err(error) => {
            warn!(target: "webhook", connection:% = id, error:% = error; "the webhook of the user before could not be deleted");
        }
    }
}
