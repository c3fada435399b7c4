//! Grants handed over and taken away: `PUT` and `DELETE /v1/connections/{id}`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::auth::{Allowed, Changing};
use super::super::extract::{Id, JsonBytes, invalid, works};
use super::super::problem::{Body, OLDER_GRANT, Problem, TOKEN_IN_USE};
use super::super::state::Here;
use super::super::{show, work};
use crate::domain::grant::{NewGrant, Put};
use crate::domain::grant_line;
use crate::domain::ids::{ConnectionId, GrantId};
use crate::services::grants;
use crate::views::ConnectionView;

/// Until its actor knows it.
const PATIENCE: Duration = Duration::from_secs(2);

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
        (status = 400, description = "`invalid-request`", body = Body, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Body, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`", body = Body, content_type = "application/problem+json"),
        (status = 409, description = "`older-grant`, or `token-in-use`", body = Body, content_type = "application/problem+json"),
        (status = 413, description = "`too-large`", body = Body, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = Body, content_type = "application/problem+json"),
        (status = 503, description = "`not-working`, or `database-unavailable`", body = Body, content_type = "application/problem+json"),
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

/// The connection goes, its tokens are erased.
#[utoipa::path(
    delete,
    path = "/v1/connections/{id}",
    tag = "grants",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 204, description = "Gone; its tokens are erased"),
        (status = 400, description = "`invalid-request`", body = Body, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`", body = Body, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`", body = Body, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-connection`", body = Body, content_type = "application/problem+json"),
        (status = 503, description = "`not-working`, or `database-unavailable`", body = Body, content_type = "application/problem+json"),
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn delete(
    asked: Allowed<Changing>,
    Id(id): Id,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let (services, by, gone) = (state.services().clone(), asked.name.clone(), id.clone());
    let was_there =
        work::tracked(&state, async move { grants::delete(&services, &gone, Some(&by)).await }).await?;
    if !was_there {
        return Err(show::unknown(&id));
    }
    work::known_to_actors(&state, PATIENCE).await;
    Ok(HttpResponse::NoContent().finish())
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
