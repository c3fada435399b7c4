//! Grants handed over and taken away: `PUT` and `DELETE /v1/connections/{id}`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::auth::{Allowed, Changing};
use super::super::described::{Giving, WithTheStore};
use super::super::extract::{Id, JsonBytes, Query, invalid, works};
use super::super::problem::{OLDER_GRANT, Problem, TOKEN_IN_USE};
use super::super::state::Here;
use super::super::{show, work};
use crate::domain::grant::{NewGrant, Put};
use crate::domain::grant_line;
use crate::domain::ids::{ConnectionId, GrantId};
use crate::services::{disconnect, grants};
use crate::views::ConnectionView;

/// Until its actor knows it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Until Calendly has taken a connection back.
const REMOTE_PATIENCE: Duration = Duration::from_secs(30);
/// Says what became of it there: `gone`, `shared`, `left`, `pending`, `kept`.
const REMOTE: &str = "keeper-remote";

/// An import line's fields; what is not known is left out.
#[derive(ToSchema)]
#[schema(as = Grant)]
#[expect(dead_code, reason = "describes the body, which is read as import lines are")]
pub(in crate::server) struct Line {
    refresh_token: String,
    access_token: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    /// The token's whole lifetime in seconds.
    expires_in: Option<i64>,
    calendly_user: Option<String>,
    calendly_organization: Option<String>,
    /// Granted scopes, separated by blanks.
    scope: Option<String>,
    /// Take it though what is stored is newer.
    replace: Option<bool>,
}

/// What a body may hold beside an import line's fields.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    replace: bool,
}

/// Hands a grant over: an import line's fields.
#[utoipa::path(
    put,
    path = "/v1/connections/{id}",
    tag = "grants",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    request_body = Line,
    responses(
        (status = 201, description = "A new connection", body = ConnectionView),
        (status = 200, description = "Its grant was replaced, or was known already", body = ConnectionView),
        (status = 202, description = "It is stored; its actor starts soon"),
        Giving,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn put(
    asked: Allowed<Changing>,
    Id(id): Id,
    JsonBytes(body): JsonBytes,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let grant = read(&body, &id, &state)?;
    let (services, by) = (state.services().clone(), asked.name.clone());
    let decided =
        work::tracked(&state, async move { grants::put(&services, vec![grant], Some(&by)).await }).await?;
    let status = match decided.into_iter().next() {
        Some(Put::Created(_)) => StatusCode::CREATED,
        Some(Put::Replaced(_) | Put::Unchanged) | None => StatusCode::OK,
        Some(Put::Older) => {
            let detail = format!(
                "what is stored for {id} ends as late or later: send a later expires_at, or \"replace\":true to take this one all the same"
            );
            return Err(Problem::new(OLDER_GRANT, detail));
        }
        Some(Put::UsedUp) => {
            let detail = format!(
                "{id} was deleted, and this refresh token had been used up: ask the user to connect again"
            );
            return Err(Problem::new(OLDER_GRANT, detail));
        }
        Some(Put::BelongsTo(other)) => {
            let detail = format!("this refresh token belongs to {other}: a grant has one connection");
            return Err(Problem::new(TOKEN_IN_USE, detail));
        }
    };
    work::known_to_actors(&state, PATIENCE).await;
    match state.services().registry.get(&id) {
        Some(cell) => Ok(show::connection(&state, &cell, status)),
        // It is in the database; the actors come to know it.
        None => Ok(HttpResponse::Accepted().finish()),
    }
}

/// What a deletion may be asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Leave {
    #[serde(default)]
    keep_remote: bool,
}

/// The connection goes: its tokens are erased here, its subscription and its grant taken back at Calendly.
#[utoipa::path(
    delete,
    path = "/v1/connections/{id}",
    tag = "grants",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
        ("keep_remote" = Option<bool>, Query, description = "Leave the subscription and the grant at Calendly"),
    ),
    responses(
        (status = 204, description = "Gone; its tokens are erased. The header keeper-remote says what became of it at Calendly"),
        WithTheStore,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn delete(
    asked: Allowed<Changing>,
    Id(id): Id,
    Query(Leave { keep_remote }): Query<Leave>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let (services, by, gone) = (state.services().clone(), asked.name.clone(), id.clone());
    let erased =
        work::tracked(&state, async move { disconnect::erase(&services, &gone, Some(&by)).await }).await?;
    let Some(leaving) = erased else { return Err(show::unknown(&id)) };
    work::known_to_actors(&state, PATIENCE).await;
    let remote = if keep_remote { "kept" } else { take_back(&state, leaving).await };
    Ok(HttpResponse::NoContent().insert_header((REMOTE, remote)).finish())
}

/// What became of it at Calendly, as far as it is known soon.
async fn take_back(state: &Here, leaving: disconnect::Leaving) -> &'static str {
    let services = state.services().clone();
    let work = services.io.clone().spawn(async move { disconnect::take_back(&services, leaving).await });
    match timeout(REMOTE_PATIENCE, work).await {
        Ok(Ok(remote)) => remote.as_str(),
        Ok(Err(_)) => "left",
        Err(_) => "pending", // the work goes on; log and timeline say what comes of it
    }
}

/// The body as a grant. No reason quotes a token.
fn read(body: &[u8], id: &ConnectionId, state: &Here) -> Result<NewGrant, Problem> {
    let mut fields = grant_line::fields(body).map_err(|bad| invalid(format!("the body {bad}")))?;
    if fields.get("id").is_some_and(|named| named != id.as_str()) {
        return Err(invalid("the body names another id than the path"));
    }
    fields.set("id", Some(id.as_str().to_owned()));
    let Beside { replace } = serde_json::from_slice(body)
        .map_err(|_| invalid("replace is neither true nor false, or there twice"))?;
    if let Some(unknown) = fields.unknown.iter().find(|name| *name != "replace") {
        let known = grant_line::NAMES.join(", ");
        return Err(invalid(format!(
            "the body has the unknown key {unknown:?}; known are {known} and replace"
        )));
    }
    let services = state.services();
    let (now, client) = (services.adapters.clock.now(), &services.settings.client_id);
    let grant = grant_line::grant(&fields, GrantId::new(Uuid::new_v4()), now, Some(client));
    let grant = grant.map_err(|bad| invalid(format!("the body: {bad}")))?;
    Ok(NewGrant { replace, ..grant })
}
