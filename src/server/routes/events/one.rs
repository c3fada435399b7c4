//! `GET /v1/events/{id}`: an event, how it stands, and what was tried.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;

use super::super::super::auth::{Allowed, Events};
use super::super::super::described::OneEvent;
use super::super::super::extract::works;
use super::super::super::problem::{Problem, UNKNOWN_EVENT};
use super::super::super::state::Here;
use super::super::super::work;
use crate::domain::event::EventId;
use crate::views::EventInFullView;

/// One. Where its body was erased, `payload` is `null`.
#[utoipa::path(
    get,
    path = "/v1/events/{id}",
    tag = "events",
    params(("id" = String, Path, description = "The event's id, as it was delivered and listed")),
    responses(
        (status = 200, description = "The event", body = EventInFullView),
        OneEvent,
    ),
    security(("token" = ["events"]))
)]
pub(in crate::server) async fn get(
    _: Allowed<Events>,
    id: Path<String>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let id: EventId = id.parse().map_err(|_| unknown("that; an id is evt_ and 32 of 0-9 a-f"))?;
    let found = state.services().adapters.store.event(&id).await.map_err(work::of_store)?;
    let (event, attempts) = found.ok_or_else(|| unknown(id.as_str()))?;
    let view = EventInFullView::of(&event, &attempts);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

pub(super) fn unknown(which: &str) -> Problem {
    Problem::new(UNKNOWN_EVENT, format!("there is no event {which}"))
}
