//! `POST /v1/events/resume`: the application takes events again after it had answered 410.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Changing};
use super::super::super::extract::works;
use super::super::super::problem::{Body, NO_RELAY, Problem};
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
        (status = 401, description = "`unauthorized`", body = Body, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`", body = Body, content_type = "application/problem+json"),
        (status = 409, description = "`no-relay`: relay.url is not set", body = Body, content_type = "application/problem+json"),
        (status = 503, description = "`not-working`", body = Body, content_type = "application/problem+json"),
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
