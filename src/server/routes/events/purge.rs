//! `POST /v1/events/purge`: what is in events is erased.

use actix_web::HttpResponse;
use log::info;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Changing};
use super::super::super::described::WithEvents;
use super::super::super::extract::{Json, invalid, works};
use super::super::super::problem::Problem;
use super::super::super::state::Here;
use super::super::super::work;
use super::{connection, time};
use crate::ports::Selection;
use crate::services::events;

/// Which: what fits both, where both are named.
#[derive(Deserialize, ToSchema)]
#[schema(as = Purge)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Wanted {
    /// All of this connection, also what is still to be relayed.
    connection: Option<String>,
    /// Received before then, RFC 3339. Without a connection, what is still to be relayed stays.
    until: Option<String>,
}

/// How many.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Purged {
    /// Events whose bodies are erased. A repetition of them is recognised all the same.
    purged: usize,
}

/// Erased for good.
#[utoipa::path(
    post,
    path = "/v1/events/purge",
    tag = "events",
    request_body = Wanted,
    responses(
        (status = 200, description = "They are erased", body = Purged),
        WithEvents,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn post(
    asked: Allowed<Changing>,
    Json(body): Json<Wanted>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let selection = Selection {
        connection: body.connection.as_deref().map(connection).transpose()?,
        until: body.until.as_deref().map(|text| time("until", text)).transpose()?,
        ..Selection::default()
    };
    if selection == Selection::default() {
        return Err(invalid("name a connection, or a time by until"));
    }
    let of = selection.connection.clone();
    let services = state.services().clone();
    let purged = work::tracked(&state, async move { events::purge(&services, selection).await }).await?;
    let of = of.as_ref().map_or("-", |id| id.as_str());
    info!(target: "inbox", events = purged, connection = of, by:% = asked.name; "erased as asked for");
    Ok(HttpResponse::Ok().json(Purged { purged }))
}
