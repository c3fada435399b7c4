//! Who shares a list of meetings.

use std::collections::HashSet;
use std::sync::Arc;

use super::whose::{Connected, Member, Members};
use crate::domain::status::Status;
use crate::domain::subscription::{Owner, Scope};
use crate::registry::cell::Cell;
use crate::services::Services;
use crate::services::verification::owner_of;

/// Whose list it is that holds a connection's meetings, where that is known.
pub(super) fn owner(services: &Services, cell: &Cell) -> Option<Owner> {
    owner_of(services.settings.webhook.as_ref()?, cell)
}

/// Whether a connection's meetings are not to be read now.
pub(super) fn waits(cell: &Cell) -> bool {
    let waits = matches!(cell.status().status, Status::Paused | Status::ReauthorizationRequired);
    waits || cell.is_deleted()
}

/// All connections of an owner.
pub(super) fn cells_of(services: &Services, owner: &Owner) -> Vec<Arc<Cell>> {
    let mut cells = services.registry.cells();
    cells.retain(|cell| !cell.is_deleted() && self::owner(services, cell).as_ref() == Some(owner));
    cells.sort_by(|one, other| one.id().cmp(other.id()));
    cells
}

/// Members, and those who may read for them: they themselves, with organization scope everybody else after them.
pub(super) fn gathered(services: &Services, owner: &Owner, all: Vec<Member>) -> (Members, Vec<Arc<Cell>>) {
    let mut askers: Vec<_> = all.iter().map(|member| member.cell.clone()).collect();
    if owner.scope() == Scope::User {
        return (Members { all, organization: None }, askers);
    }
    let cells = cells_of(services, owner);
    let users = cells.iter().filter_map(|cell| cell.read(|c| c.user.clone())).collect();
    let connections = cells.iter().map(|cell| cell.id().clone()).collect();
    let first: HashSet<_> = askers.iter().map(|cell| cell.id().clone()).collect();
    askers.extend(cells.into_iter().filter(|cell| !first.contains(cell.id())));
    askers.retain(|cell| !waits(cell));
    (Members { all, organization: Some(Connected { users, connections }) }, askers)
}
