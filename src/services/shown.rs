//! A connection's cell as the outside is shown it.

use serde_json::Value;

use super::Services;
use super::verification::callback_of;
use crate::registry::cell::Cell;
use crate::views::{Beside, ConnectionView};

/// As it stands now.
#[must_use]
pub fn connection(services: &Services, cell: &Cell) -> Value {
    let (row, url) = (cell.connection(), callback_url(services, cell));
    let beside = beside(services, u64::from(cell.restarts()), url.as_deref());
    serde_json::to_value(ConnectionView::of(&row, beside)).unwrap_or_default()
}

/// What its row does not tell.
#[must_use]
pub fn beside<'a>(services: &'a Services, restarts: u64, callback_url: Option<&'a str>) -> Beside<'a> {
    let settings = &services.settings;
    Beside {
        wanted_events: settings.webhook.as_ref().map(|webhook| &webhook.events),
        wanted_scopes: &settings.scopes,
        restarts,
        callback_url,
    }
}

/// Where its subscription delivers, as far as its owner is known.
#[must_use]
pub fn callback_url(services: &Services, cell: &Cell) -> Option<String> {
    callback_of(services.settings.webhook.as_ref()?, cell)
}
