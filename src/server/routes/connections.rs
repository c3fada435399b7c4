//! How connections stand: `GET /v1/connections` and `GET /v1/connections/{id}`. From memory.

use actix_web::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::auth::{Allowed, Looking};
use super::super::described::{Listing, LookingAtOne};
use super::super::extract::{Known, Query, invalid, works};
use super::super::problem::Problem;
use super::super::state::Here;
use crate::domain::ids::ConnectionId;
use crate::domain::status::Status;
use crate::services::shown::{beside, callback_url};
use crate::views::ConnectionView;

const MOST: usize = 1000;
const BY_DEFAULT: usize = 100;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Asked {
    status: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A page of connections.
#[derive(Serialize, ToSchema)]
#[schema(as = Connections)]
pub(in crate::server) struct List<'a> {
    connections: Vec<ConnectionView<'a>>,
    next_cursor: Option<String>,
}

/// A page in order of the ids.
#[utoipa::path(
    get,
    path = "/v1/connections",
    tag = "connections",
    params(
        ("status" = Option<String>, Query, description = "Only those; one of the statuses"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ("limit" = Option<usize>, Query, description = "100 where absent", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "A page, in order of the ids", body = List),
        Listing,
    ),
    security(("token" = ["read"]))
)]
pub(in crate::server) async fn list(
    _: Allowed<Looking>,
    Query(asked): Query<Asked>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let limit = asked.limit.unwrap_or(BY_DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid(format!("limit is not between 1 and {MOST}")));
    }
    let status = asked.status.as_deref().map(status).transpose()?;
    let after = asked.cursor.as_deref().map(read_cursor).transpose()?;
    let services = state.services();
    let wanted = |cell: &crate::registry::cell::Cell| {
        !cell.is_deleted() && status.is_none_or(|status| cell.status().status == status)
    };
    let mut cells = services.registry.page(after.as_ref(), limit + 1, wanted);
    let more = cells.len() > limit;
    cells.truncate(limit);
    let next_cursor = cells.last().filter(|_| more).map(|last| cursor(last.id()));
    let rows: Vec<_> = cells
        .iter()
        .map(|cell| (cell.connection(), u64::from(cell.restarts()), callback_url(services, cell)))
        .collect();
    let connections = rows
        .iter()
        .map(|(row, restarts, url)| ConnectionView::of(row, beside(services, *restarts, url.as_deref())));
    Ok(HttpResponse::Ok().json(List { connections: connections.collect(), next_cursor }))
}

/// One.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 200, description = "The connection", body = ConnectionView),
        LookingAtOne,
    ),
    security(("token" = ["read"]))
)]
pub(in crate::server) async fn one(_: Allowed<Looking>, Known(cell): Known, state: Here) -> HttpResponse {
    super::super::show::connection(&state, &cell, actix_web::http::StatusCode::OK)
}

fn status(text: &str) -> Result<Status, Problem> {
    Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        invalid(format!("there is no such status; there are {}", known.join(", ")))
    })
}

fn cursor(last: &ConnectionId) -> String {
    URL_SAFE_NO_PAD.encode(last.as_str())
}

fn read_cursor(text: &str) -> Result<ConnectionId, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let id = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    id.ok_or_else(|| invalid("the cursor is none that was given; begin without one"))
}
