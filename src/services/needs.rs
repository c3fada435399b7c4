//! Whether somebody else needs what a connection leaves behind at Calendly: asked before anything is taken back there.

use std::sync::Arc;

use super::Services;
use super::verification::{owner_of, subscription_of};
use crate::domain::subscription::Owner;
use crate::registry::cell::{Cell, Living};

/// All connections but the one that leaves. Whoever has its id by now is one of them: the same id may have been given to
/// another grant meanwhile, or another user may have taken it over.
pub(super) struct Others(Vec<Arc<Cell>>);

impl Others {
    /// As things stand now; `leaving` as it was.
    pub(super) async fn than(services: &Services, leaving: &Cell) -> Self {
        let (id, grant) = (leaving.id(), leaving.read(|row| row.grant_id));
        let successor = match services.adapters.store.get(id).await {
            Ok(row) => row.map(|row| Arc::new(Cell::new(row, 0.0))),
            Err(_) => services.registry.get(id), // as far as memory knows
        };
        let mut others = services.registry.cells();
        others.retain(|cell| cell.id() != id);
        others.extend(successor.filter(|cell| cell.read(|row| row.grant_id) != grant));
        others.retain(|cell| !cell.is_deleted());
        Self(others)
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them uses the subscription that `leaving` had.
    pub(super) fn share_subscription(&self, services: &Services, leaving: &Cell) -> bool {
        let Some(webhook) = &services.settings.webhook else { return false };
        let wanted = subscription_of(webhook, leaving);
        wanted.is_some() && self.0.iter().any(|cell| subscription_of(webhook, cell) == wanted)
    }

    /// Whether one of them is, or holds tokens of, one of these Calendly users.
    pub(super) fn are_of(&self, users: &[Box<str>]) -> bool {
        let is_of = |cell: &Arc<Cell>| {
            cell.read(|row| {
                [&row.user, &row.foreign_owner].into_iter().flatten().any(|user| users.contains(user))
            })
        };
        self.0.iter().any(is_of)
    }

    /// A token that may do something about a subscription of this owner.
    pub(super) fn living_of(&self, services: &Services, owner: &Owner) -> Option<Living> {
        let webhook = services.settings.webhook.as_ref()?;
        let now = services.adapters.clock.now();
        let mut theirs = self.0.iter().filter(|cell| owner_of(webhook, cell).as_ref() == Some(owner));
        theirs.find_map(|cell| cell.living(now))
    }
}
