//! `GET /v1/inbox`: how events stand, newest first, without what is in them.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Looking};
use super::super::super::described;
use super::super::super::extract::{Query, invalid, works};
use super::super::super::problem::Problem;
use super::super::super::state::Here;
use super::super::super::work;
use super::cursor::{self, Way};
use super::{connection, limit, time};
use crate::domain::event::State;
use crate::ports::Selection;
use crate::views::SummaryView;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Asked {
    connection: Option<String>,
    since: Option<String>,
    until: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A part of the inbox.
#[derive(Serialize, ToSchema)]
#[schema(as = Inbox)]
pub(in crate::server) struct Page<'a> {
    events: Vec<SummaryView<'a>>,
    next_cursor: Option<String>,
}

/// A page, newest first. What was erased is passed over; what is no event is shown.
#[utoipa::path(
    get,
    path = "/v1/inbox",
    tag = "events",
    params(
        ("connection" = Option<String>, Query, description = "Of this connection"),
        ("since" = Option<String>, Query, description = "Received at or after then, RFC 3339"),
        ("until" = Option<String>, Query, description = "Received before then, RFC 3339"),
        ("state" = Option<String>, Query, description = "`pending`, `delivered`, `dead` or `kept`"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ("limit" = Option<usize>, Query, description = "100 where absent", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "Events, newest first", body = Page),
        described::Events,
    ),
    security(("token" = ["read"]))
)]
pub(in crate::server) async fn get(
    _: Allowed<Looking>,
    Query(asked): Query<Asked>,
    here: Here,
) -> Result<HttpResponse, Problem> {
    works(&here)?;
    let limit = limit(asked.limit)?;
    let selection = Selection {
        connection: asked.connection.as_deref().map(connection).transpose()?,
        since: asked.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: asked.until.as_deref().map(|text| time("until", text)).transpose()?,
        state: asked.state.as_deref().map(state).transpose()?,
    };
    let before = asked.cursor.as_deref().map(|text| cursor::read(Way::Back, text)).transpose()?;
    let store = &here.services().adapters.store;
    let mut events = store.list_events(&selection, before, limit + 1).await.map_err(work::of_store)?;
    let more = events.len() > limit;
    events.truncate(limit);
    let next_cursor = events.last().filter(|_| more).map(|last| cursor::write(Way::Back, last.ordinal));
    let events = events.iter().map(SummaryView::of).collect();
    Ok(HttpResponse::Ok().json(Page { events, next_cursor }))
}

pub(super) fn state(text: &str) -> Result<State, Problem> {
    State::parse(text)
        .ok_or_else(|| invalid("there is no such state; there are pending, delivered, dead and kept"))
}
