//! `POST /v1/events/ack`: a consumer says how far it has come.

use actix_web::HttpResponse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Events};
use super::super::super::described::WithEvents;
use super::super::super::extract::{Json, works};
use super::super::super::problem::{INTERNAL, Problem};
use super::super::super::state::Here;
use super::cursor::{self, Way};
use super::{consumer, problem};
use crate::services::events;

/// Who has what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Acknowledgement {
    /// 1 to 128 of A-Z a-z 0-9 . _ : @ -
    consumer: String,
    /// `next_cursor` of the page whose events it has.
    cursor: String,
}

/// From here on the consumer gets what comes after. It never goes back.
#[utoipa::path(
    post,
    path = "/v1/events/ack",
    tag = "events",
    request_body = Acknowledgement,
    responses(
        (status = 204, description = "Noted"),
        WithEvents,
    ),
    security(("token" = ["events"]))
)]
pub(in crate::server) async fn post(
    _: Allowed<Events>,
    Json(body): Json<Acknowledgement>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let (name, place) = (consumer(&body.consumer)?, cursor::read(Way::On, &body.cursor)?);
    let services = state.services().clone();
    let acknowledged =
        services.clone().io.spawn(async move { events::acknowledge(&services, &name, place).await });
    match acknowledged.await {
        Ok(done) => done.map_err(problem)?,
        Err(_) => return Err(Problem::new(INTERNAL, "the work failed; the log says why")),
    }
    Ok(HttpResponse::NoContent().finish())
}
