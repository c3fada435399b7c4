//! From deliveries to events: whose each one is.

use std::collections::BTreeSet;

use super::InboxSettings;
use crate::domain::event::{About, Addressee, Arrival, NewEvent, at_path, whose};
use crate::domain::ids::ConnectionId;
use crate::domain::subscription::Scope;
use crate::ports::{Store, StoreError};

/// The events of a delivery: one for each connection that it is for.
pub(super) type Resolved = Vec<NewEvent>;

/// One answer a delivery, in their order; empty where it is nobody's.
pub(super) async fn resolve(
    store: &dyn Store,
    settings: &InboxSettings,
    relays: bool,
    deliveries: &[(&Arrival, Option<&About>)],
) -> Result<Vec<Resolved>, StoreError> {
    let paths: BTreeSet<ConnectionId> =
        deliveries.iter().filter_map(|(arrival, _)| arrival.path.as_deref()?.parse().ok()).collect();
    let mut known = store.addressees(paths.into_iter().collect(), vec![]).await?;
    let users = unresolved(settings.scope, &known, deliveries);
    if !users.is_empty() {
        known.extend(store.addressees(vec![], users.into_iter().collect()).await?);
    }
    let of = |(arrival, about): &(&Arrival, Option<&About>)| {
        let connections = whose(arrival.path.as_deref(), *about, &known, settings.scope);
        match about {
            Some(_) => {
                connections.into_iter().map(|id| NewEvent::of(arrival, *about, Some(id), relays)).collect()
            }
            // What is no event is kept though nobody can say whose it is.
            None => vec![NewEvent::of(
                arrival,
                None,
                connections.into_iter().next(),
                relays && settings.unrecognized,
            )],
        }
    };
    Ok(deliveries.iter().map(of).collect())
}

/// The users of those deliveries that the path alone gives to nobody.
fn unresolved(
    scope: Scope,
    known: &[Addressee],
    deliveries: &[(&Arrival, Option<&About>)],
) -> BTreeSet<Box<str>> {
    let mut users = BTreeSet::new();
    for (arrival, about) in deliveries {
        let Some(about) = about else { continue };
        if at_path(arrival.path.as_deref(), about, known).is_some() {
            continue;
        }
        users.extend(about.created_by.clone());
        if scope == Scope::Organization {
            users.extend(about.members.iter().cloned());
        }
    }
    // No user has one, and PostgreSQL refuses to be asked.
    users.retain(|user| !user.contains('\0'));
    users
}
