//! Connecting a user by a link: `POST /v1/connect`, `POST /v1/connect/confirm`, and how a flow stands,
//! `GET /v1/connect/{flow}`, for whoever has no page to send the browser to.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::super::auth::{Allowed, Changing};
use super::super::described::{Confirming, Following, Linking};
use super::super::extract::{Json, Query, invalid, works};
use super::super::problem::{
    DATABASE_UNAVAILABLE, DIFFERENT_USER, FLOW_EXPIRED, INVALID_REQUEST, NOT_WORKING, OTHER_CONNECTION,
    PUBLIC_URL_MISSING, Problem, RETURN_URL_NOT_ALLOWED, TICKET_USED, TOKEN_IN_USE, TOO_MANY_FLOWS,
};
use super::super::state::Here;
use super::super::{show, work};
use super::oauth_callback::problem;
use super::verbs::verified;
use crate::domain::connect::ending::Reason;
use crate::domain::connect::return_url::BadReturnUrl;
use crate::domain::ids::{ConnectionId, FlowId};
use crate::domain::secrets::Ticket;
use crate::services::connect::{self, Ask, NoLink, NotConfirmed};
use crate::views::ConnectionView;

/// Until the actors know the grant, and then until its subscription is verified.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody waits longer for a flow.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// When places are free again, perhaps.
const LATER: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(2);

/// Who is to be connected.
#[derive(Deserialize, ToSchema)]
#[schema(as = Connect)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Wanted {
    id: String,
    return_url: Option<String>,
    #[serde(default)]
    change_user: bool,
}

/// The link.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(in crate::server) struct Made<'a> {
    #[schema(value_type = String)]
    flow: FlowId,
    authorization_url: &'a str,
    expires_at: DateTime<Utc>,
}

/// What the application confirms.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Confirmation {
    id: String,
    ticket: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Looking {
    wait: Option<String>,
}

/// How a flow stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Flow)]
pub(in crate::server) struct Standing<'a> {
    id: &'a str,
    outcome: &'static str,
    reason: Option<&'static str>,
    hint: Option<&'static str>,
    calendly_user: Option<&'a str>,
    ticket: Option<&'a str>,
}

/// A link for one user.
#[utoipa::path(
    post,
    path = "/v1/connect",
    tag = "connect",
    request_body = Wanted,
    responses(
        (status = 201, description = "A link for the user, good for ten minutes, once", body = Made),
        Linking,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn begin(
    asked: Allowed<Changing>,
    Json(wanted): Json<Wanted>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let connection = id(&wanted.id)?;
    let Some(redirect_uri) = &state.redirect_uri else {
        let detail = "server.listen is not on loopback, so browsers need a name for this keeper: set server.public_url";
        return Err(Problem::new(PUBLIC_URL_MISSING, detail));
    };
    let ask = Ask {
        connection,
        return_url: wanted.return_url.as_deref(),
        change_user: wanted.change_user,
        redirect_uri: redirect_uri.clone(),
        by: &asked.name,
    };
    let link = connect::begin(state.services(), ask).map_err(no_link)?;
    let made =
        Made { flow: link.flow, authorization_url: &link.authorization_url, expires_at: link.expires_at };
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(made))
}

/// The grant becomes active.
#[utoipa::path(
    post,
    path = "/v1/connect/confirm",
    tag = "connect",
    request_body = Confirmation,
    responses(
        (status = 200, description = "The connection is active", body = ConnectionView),
        (status = 202, description = "It is stored; its actor starts soon"),
        Confirming,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn confirm(
    _: Allowed<Changing>,
    Json(confirmation): Json<Confirmation>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let id = id(&confirmation.id)?;
    let ticket = Ticket::new(confirmation.ticket);
    connect::confirm(state.services(), &id, &ticket).await.map_err(|why| not_confirmed(&id, why))?;
    work::known_to_actors(&state, PATIENCE).await;
    let Some(cell) = state.services().registry.get(&id) else {
        return Ok(HttpResponse::Accepted().finish()); // it is in the database; the actors come to know it
    };
    if state.services().settings.webhook.is_some() {
        state.shared.nudge(&id);
        let _ = timeout(PATIENCE, verified(&cell)).await;
    }
    Ok(show::connection(&state, &cell, StatusCode::OK))
}

/// How a flow stands. The ticket is told only where no browser carries it.
#[utoipa::path(
    get,
    path = "/v1/connect/{flow}",
    tag = "connect",
    params(
        ("flow" = String, Path, description = "As POST /v1/connect answered"),
        ("wait" = Option<String>, Query, description = "Until it has ended, at most `60s`"),
    ),
    responses(
        (status = 200, description = "How it stands", body = Standing),
        Following,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn look(
    _: Allowed<Changing>,
    path: actix_web::web::Path<String>,
    Query(looking): Query<Looking>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    let flow = path.parse().map_err(|_| invalid("the flow is none that POST /v1/connect answered with"))?;
    let wait = match looking.wait.as_deref().map(humantime::parse_duration).transpose() {
        Ok(wait) => wait.unwrap_or_default(),
        Err(_) => return Err(invalid("wait is no duration; write it like 30s")),
    };
    if wait > LONGEST_WAIT {
        return Err(invalid(format!("wait is at most {} s", LONGEST_WAIT.as_secs())));
    }
    let (asked, progress) = connect::look(state.services(), flow, wait).await.map_err(problem)?;
    let progress = progress.as_ref();
    let reason = progress.and_then(|progress| progress.ending.reason());
    let ticket =
        progress.and_then(|progress| progress.ticket.as_ref()).filter(|_| asked.return_url.is_none());
    let standing = Standing {
        id: asked.connection.as_str(),
        outcome: progress.map_or("pending", |progress| progress.ending.outcome()),
        reason: reason.map(Reason::as_str),
        hint: reason.map(Reason::hint),
        calendly_user: progress.and_then(|progress| progress.user.as_deref()),
        ticket: ticket.map(Ticket::expose),
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(standing))
}

fn id(text: &str) -> Result<ConnectionId, Problem> {
    text.parse().map_err(|bad: crate::domain::ids::InvalidConnectionId| invalid(bad.to_string()))
}

fn no_link(why: NoLink) -> Problem {
    match &why {
        NoLink::ReturnUrl(BadReturnUrl::NotAllowed) => Problem::new(RETURN_URL_NOT_ALLOWED, why.to_string()),
        NoLink::ReturnUrl(_) => Problem::new(INVALID_REQUEST, why.to_string()),
        NoLink::Full(_) => Problem::new(TOO_MANY_FLOWS, why.to_string()).retry_after(LATER),
        NoLink::Stopping => Problem::new(NOT_WORKING, why.to_string()).retry_after(SOON),
    }
}

fn not_confirmed(id: &ConnectionId, why: NotConfirmed) -> Problem {
    match why {
        NotConfirmed::Expired => {
            let detail = "nobody knows the ticket: it was not confirmed in time, or the keeper was started anew; begin with POST /v1/connect";
            Problem::new(FLOW_EXPIRED, detail)
        }
        NotConfirmed::Used => Problem::new(
            TICKET_USED,
            format!("it was confirmed already: GET /v1/connections/{id} shows the connection"),
        ),
        NotConfirmed::OtherConnection => {
            let detail = format!(
                "the link was not made for {id}: whoever opened it is not whom it was for. The flow was given up"
            );
            Problem::new(OTHER_CONNECTION, detail)
        }
        NotConfirmed::Failed(reason @ Reason::GrantInUse) => Problem::new(TOKEN_IN_USE, reason.hint()),
        NotConfirmed::Failed(reason) => Problem::new(DIFFERENT_USER, reason.hint()),
        NotConfirmed::NotStored(error) => {
            Problem::new(DATABASE_UNAVAILABLE, format!("{error}; the ticket is as good as before"))
                .retry_after(SOON)
        }
    }
}
