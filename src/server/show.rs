//! A connection's cell as an answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::problem::{Problem, UNKNOWN_CONNECTION};
use super::state::State;
use crate::domain::ids::ConnectionId;
use crate::registry::cell::Cell;
use crate::services::Services;
use crate::services::verification::callback_of;
use crate::views::{Beside, ConnectionView};

/// As it stands now.
pub(super) fn connection(state: &State, cell: &Cell, status: StatusCode) -> HttpResponse {
    let services = state.services();
    let (row, url) = (cell.connection(), callback_url(services, cell));
    let beside = beside(services, u64::from(cell.restarts()), url.as_deref());
    HttpResponse::build(status).json(ConnectionView::of(&row, beside))
}

/// What its row does not tell.
pub(super) fn beside<'a>(services: &'a Services, restarts: u64, callback_url: Option<&'a str>) -> Beside<'a> {
    let settings = &services.settings;
    Beside {
        wanted_events: settings.webhook.as_ref().map(|webhook| &webhook.events),
        wanted_scopes: &settings.scopes,
        restarts,
        callback_url,
    }
}

/// Where its subscription delivers, as far as its owner is known.
pub(super) fn callback_url(services: &Services, cell: &Cell) -> Option<String> {
    callback_of(services.settings.webhook.as_ref()?, cell)
}

/// That there is none.
pub(super) fn unknown(id: &ConnectionId) -> Problem {
    Problem::new(UNKNOWN_CONNECTION, format!("there is no connection {id}"))
}
