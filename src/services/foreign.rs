//! Grants that another OAuth client was given: said once, and left alone.

use log::error;

use super::Services;
use super::system_fault::Kind as Fault;
use crate::registry::cell::Cell;

/// Whether the connection's grant is another client's than the configured one's.
#[must_use]
pub fn is_foreign(services: &Services, cell: &Cell) -> bool {
    let configured = &*services.settings.client_id;
    cell.read(|connection| connection.client_id.as_deref().is_some_and(|id| id != configured))
        && cell.token_view().may_refresh
}

/// Says it, where it is: once for each such client.
pub fn note(services: &Services, cell: &Cell) -> bool {
    if !is_foreign(services, cell) {
        return false;
    }
    let foreign = cell.read(|connection| connection.client_id.clone()).unwrap_or_default();
    if services.registry.is_news(&foreign) {
        let hint = format!(
            "grants of client_id {foreign} are not refreshed, configured is {}: check calendly.client_id, or connect \
             these users again",
            services.settings.client_id
        );
        if !services.system.begin(Fault::ForeignClient, services.adapters.clock.now(), &hint) {
            error!(target: "supervisor", hint:% = hint; "grants of yet another client");
        }
    }
    true
}
