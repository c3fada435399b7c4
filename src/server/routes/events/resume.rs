//! `POST /v1/events/resume`: the application takes events again after it had answered 410.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Changing};
use super::super::super::described::Resuming;
use super::super::super::extract::works;
use super::super::super::problem::{NO_RELAY, Problem};
use super::super::super::state::Here;

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Resumed {
    /// Whether the relay was paused.
    was_paused: bool,
}

/// The relay's pause ends.
#[utoipa::path(
    post,
    path = "/v1/events/resume",
    tag = "events",
    responses(
        (status = 200, description = "Events are relayed", body = Resumed),
        Resuming,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn post(_: Allowed<Changing>, state: Here) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let services = state.services();
    if services.settings.events.relay.is_none() {
        return Err(Problem::new(NO_RELAY, "events are not relayed: relay.url is not set"));
    }
    Ok(HttpResponse::Ok().json(Resumed { was_paused: services.relay.resume() }))
}
