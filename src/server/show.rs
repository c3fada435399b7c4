//! A connection's cell as an answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::problem::{Problem, UNKNOWN_CONNECTION};
use super::state::State;
use crate::domain::ids::ConnectionId;
use crate::registry::cell::Cell;
use crate::services::shown;

/// As it stands now.
pub(super) fn connection(state: &State, cell: &Cell, status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).json(shown::connection(state.services(), cell))
}

/// That there is none.
pub(super) fn unknown(id: &ConnectionId) -> Problem {
    Problem::new(UNKNOWN_CONNECTION, format!("there is no connection {id}"))
}
