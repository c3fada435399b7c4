//! From deliveries to events: whose each one is.

use std::collections::BTreeSet;

use super::InboxSettings;
use crate::domain::event::{About, Addressee, Arrival, NewEvent, at_path, organization_of, whose};
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
    let whose = |(arrival, about): &(&Arrival, Option<&About>)| {
        whose(arrival.path.as_deref(), *about, &known, settings.scope)
    };
    let mut connections: Vec<_> = deliveries.iter().map(whose).collect();
    if settings.scope == Scope::Organization {
        to_the_first(store, deliveries, &mut connections).await?;
    }
    let of = |((arrival, about), connections): (&(&Arrival, Option<&About>), Vec<ConnectionId>)| {
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
    Ok(deliveries.iter().zip(connections).map(of).collect())
}

/// What is nobody's in particular is for the first of the organization: its hosts are not connected, and who subscribed is
/// gone.
async fn to_the_first(
    store: &dyn Store,
    deliveries: &[(&Arrival, Option<&About>)],
    connections: &mut [Vec<ConnectionId>],
) -> Result<(), StoreError> {
    let nobodys: Vec<_> = deliveries
        .iter()
        .zip(connections)
        .filter(|(_, connections)| connections.is_empty())
        .filter_map(|((arrival, about), its)| {
            Some((organization_of(arrival.path.as_deref(), (*about)?)?, its))
        })
        .collect();
    if nobodys.is_empty() {
        return Ok(());
    }
    let organizations: BTreeSet<_> = nobodys.iter().map(|(organization, _)| organization.clone()).collect();
    let first = store.first_of(organizations.into_iter().collect()).await?;
    for (organization, its) in nobodys {
        its.extend(first.get(&organization).cloned());
    }
    Ok(())
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
