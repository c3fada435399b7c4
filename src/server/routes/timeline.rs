//! `GET /v1/connections/{id}/timeline`: what happened to a connection, newest first.

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::auth::{Allowed, Looking};
use super::super::described::WithTheStore;
use super::super::extract::{Known, Query, invalid};
use super::super::problem::Problem;
use super::super::state::Here;
use super::super::work;
use crate::views::EntryView;

const MOST: usize = 1000;
const BY_DEFAULT: usize = 100;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Asked {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A part of a timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Timeline)]
pub(in crate::server) struct Page<'a> {
    entries: Vec<EntryView<'a>>,
    next_cursor: Option<String>,
}

/// A page.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/timeline",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ("limit" = Option<usize>, Query, description = "100 where absent", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "What happened, newest first", body = Page),
        WithTheStore,
    ),
    security(("token" = ["read"]))
)]
pub(in crate::server) async fn get(
    _: Allowed<Looking>,
    Known(cell): Known,
    Query(asked): Query<Asked>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    let limit = asked.limit.unwrap_or(BY_DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid(format!("limit is not between 1 and {MOST}")));
    }
    let before = asked.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| invalid("the cursor is none that was given; begin without one"))?;
    let store = &state.services().adapters.store;
    let told = store.timeline(cell.id(), before, limit).await.map_err(work::of_store)?;
    let next_cursor = told.next.map(|place| place.to_string());
    Ok(HttpResponse::Ok()
        .json(Page { entries: told.entries.iter().map(EntryView::of).collect(), next_cursor }))
}
