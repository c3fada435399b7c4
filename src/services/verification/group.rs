//! Which connections share a subscription: the grouping of work by owner and by callback URL.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::subscription::callback::CallbackUrl;
use crate::domain::subscription::{Owner, Scope};
use crate::registry::cell::Cell;
use crate::services::WebhookSettings;

/// What one list call serves: an owner at Calendly, or a single connection whose user is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey(Box<str>);

/// The group that a connection belongs to.
#[must_use]
pub fn key(webhook: Option<&WebhookSettings>, cell: &Cell) -> GroupKey {
    let owner = webhook
        .and_then(|webhook| cell.read(|c| owner(webhook, c.user.as_deref(), c.organization.as_deref())));
    GroupKey(match owner {
        Some(owner) => owner.uri().into(),
        None => format!("connection {}", cell.id()).into(),
    })
}

/// The owner under whom Calendly files the wanted subscription, where enough is known.
pub(super) fn owner(
    webhook: &WebhookSettings,
    user: Option<&str>,
    organization: Option<&str>,
) -> Option<Owner> {
    let organization = organization?.into();
    match webhook.scope {
        Scope::Organization => Some(Owner { organization, user: None }),
        Scope::User => Some(Owner { organization, user: Some(user?.into()) }),
    }
}

/// The wanted callback URLs of a group, each with the connections that want it.
pub(super) fn by_callback(
    webhook: &WebhookSettings,
    owner: &Owner,
    members: &[Arc<Cell>],
) -> BTreeMap<CallbackUrl, Vec<Arc<Cell>>> {
    let mut groups: BTreeMap<CallbackUrl, Vec<Arc<Cell>>> = BTreeMap::new();
    for cell in members.iter().filter(|cell| !cell.is_deleted()) {
        groups.entry(webhook.callback.fill(cell.id(), owner)).or_default().push(cell.clone());
    }
    groups
}

/// The same for a connection.
#[must_use]
pub fn owner_of(webhook: &WebhookSettings, cell: &Cell) -> Option<Owner> {
    cell.read(|c| owner(webhook, c.user.as_deref(), c.organization.as_deref()))
}

/// The callback URL that is wanted for a connection, without its version; `None` while its owner is not known.
#[must_use]
pub fn callback_of(webhook: &WebhookSettings, cell: &Cell) -> Option<String> {
    subscription_of(webhook, cell).map(|(_, callback)| callback)
}

/// The subscription that is wanted for a connection: its owner, and the callback URL as above. Connections with the same
/// answer share one.
#[must_use]
pub fn subscription_of(webhook: &WebhookSettings, cell: &Cell) -> Option<(Owner, String)> {
    let owner = owner_of(webhook, cell)?;
    let callback = webhook.callback.fill(cell.id(), &owner).to_string();
    Some((owner, callback))
}
