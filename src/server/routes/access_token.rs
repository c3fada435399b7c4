//! `GET /v1/connections/{id}/access-token`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Deserialize;

use super::super::auth::{Allowed, Tokens};
use super::super::described::Serving;
use super::super::extract::{Known, Query, duration, invalid};
use super::super::problem::{
    PAUSED, Problem, REAUTHORIZATION_REQUIRED, TOKEN_UNAVAILABLE, UNKNOWN_CONNECTION,
};
use super::super::state::Here;
use crate::domain::ids::{ConnectionId, Generation};
use crate::domain::scopes;
use crate::registry::cell::{Cell, Living};
use crate::services::Services;
use crate::services::serving::{self, Ask, NoToken};
use crate::views::AccessTokenView;

/// Nobody waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Asked {
    min_ttl: Option<String>,
    rejected: Option<i64>,
    wait: Option<String>,
    after: Option<i64>,
}

/// The token, from memory.
#[utoipa::path(
    get,
    path = "/v1/connections/{id}/access-token",
    tag = "tokens",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
        ("min_ttl" = Option<String>, Query, description = "It shall live at least so long, as in `5m`"),
        ("rejected" = Option<i64>, Query, description = "Calendly has just refused the token of this generation"),
        ("after" = Option<i64>, Query, description = "With `wait`: answer when there is a later generation than this"),
        ("wait" = Option<String>, Query, description = "With `after`: so long, at most `60s`"),
    ),
    responses(
        (status = 200, description = "A living token", body = AccessTokenView),
        (status = 204, description = "No later generation has come"),
        Serving,
    ),
    security(("token" = ["tokens"]))
)]
pub(in crate::server) async fn get(
    _: Allowed<Tokens>,
    Known(cell): Known,
    Query(asked): Query<Asked>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    let services = state.services();
    let id = cell.id();
    let living = match later(&asked)? {
        Some((after, wait)) => match serving::later_token(services, &cell, after, wait).await {
            Ok(Some(living)) => Ok(living),
            Ok(None) => {
                return Ok(HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish());
            }
            Err(none) => Err(none),
        },
        None => {
            let min_ttl = asked.min_ttl.as_deref().map(|text| duration("min_ttl", text)).transpose()?;
            let ask = Ask { min_ttl, rejected: asked.rejected.map(Generation) };
            serving::token(services, &cell, ask, || state.shared.nudge(id)).await
        }
    };
    living.map(|living| answer(services, &cell, &living)).map_err(|none| problem(id, none))
}

/// What `wait` and `after` ask for, which go together.
fn later(asked: &Asked) -> Result<Option<(Generation, Duration)>, Problem> {
    match (asked.after, asked.wait.as_deref()) {
        (None, None) => Ok(None),
        (Some(after), Some(wait)) if asked.min_ttl.is_none() && asked.rejected.is_none() => {
            let wait = duration("wait", wait)?;
            if wait > LONGEST_WAIT {
                return Err(invalid(format!("wait is at most {} s", LONGEST_WAIT.as_secs())));
            }
            Ok(Some((Generation(after), wait)))
        }
        _ => Err(invalid(
            "wait and after go together, without min_ttl and rejected: wait=30s&after=GENERATION",
        )),
    }
}

fn answer(services: &Services, cell: &Cell, living: &Living) -> HttpResponse {
    let scope = cell.read(|connection| connection.scope.clone());
    let events = services.settings.webhook.as_ref().map(|webhook| webhook.events.iter().map(String::as_str));
    let missing = scopes::missing(scope.as_deref(), &services.settings.scopes, events);
    let which = (living.generation, living.expires_at);
    let view = AccessTokenView::new(&living.token, which, scope.as_deref(), missing);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view)
}

fn problem(id: &ConnectionId, none: NoToken) -> Problem {
    match none {
        NoToken::Deleted => Problem::new(UNKNOWN_CONNECTION, format!("there is no connection {id}")),
        NoToken::Reauthorization(why) => {
            let reason = why.reason.as_deref().unwrap_or("revoked");
            let detail =
                format!("the grant of {id} is gone ({reason}): connect the user again by POST /v1/connect");
            Problem::new(REAUTHORIZATION_REQUIRED, detail)
        }
        NoToken::Paused => {
            let detail =
                format!("{id} is paused and its token has ended: POST /v1/connections/{id}/resume first");
            Problem::new(PAUSED, detail)
        }
        NoToken::Later { after } => {
            let detail = format!("the token of {id} has ended, and the next one has not come yet");
            Problem::new(TOKEN_UNAVAILABLE, detail).retry_after(after)
        }
    }
}
