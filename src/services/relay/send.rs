//! One attempt: the event as it came, signed anew.

use std::sync::Arc;
use std::time::Duration;

use super::RelaySettings;
use crate::domain::event::{Attempt, Kept, signature};
use crate::ports::{Message, Posted};
use crate::services::Services;

/// Where a delivery did not say what it is.
const JSON: &str = "application/json";

/// Sends an event, once.
pub(super) async fn send(services: Arc<Services>, settings: RelaySettings, event: Kept) -> (Kept, Attempt) {
    let clock = &services.adapters.clock;
    let (at, begun) = (clock.now(), clock.boot());
    let body = event.body.clone().unwrap_or_default();
    let mut headers = Vec::from(settings.signer.headers(event.summary.id.as_str(), at.timestamp(), &body));
    headers.push(("content-type", event.content_type.as_deref().unwrap_or(JSON).into()));
    if let Some(signature) = &event.signature {
        headers.push((signature::HEADER, signature.as_ref().into()));
    }
    if let Some(connection) = &event.summary.connection {
        headers.push(("keeper-connection", connection.as_str().into()));
    }
    if event.summary.backfilled {
        headers.push(("keeper-backfilled", "true".into()));
    }
    let message = Message { to: &settings.url, headers, body: body.into() };
    let posted = services.adapters.outgoing.post(message, settings.timeout).await;
    let took = clock.boot().checked_sub(begun).unwrap_or(Duration::ZERO);
    let (status, error) = match posted {
        Posted::Answered { status } => (Some(status), None),
        Posted::Lost(why) | Posted::NotSent(why) => (None, Some(why.into())),
    };
    (event, Attempt { at, status, error, took })
}
