//! What can be done with a connection: `POST /v1/connections/{id}/{refresh|verify|pause|resume}`. 200 with the connection
//! where it was done within 2 s, else 202: it will be.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use super::super::auth::{Allowed, Changing};
use super::super::described::{WithTheStore, Working};
use super::super::extract::Known;
use super::super::problem::{PAUSED, Problem, REAUTHORIZATION_REQUIRED};
use super::super::show;
use super::super::state::Here;
use super::super::work;
use crate::domain::status::Status;
use crate::domain::timeline::Kind;
use crate::registry::cell::Cell;
use crate::services::{grants, serving};
use crate::views::ConnectionView;

/// Whoever asked waits so long for it to be done.
const PATIENCE: Duration = Duration::from_secs(2);

/// A new pair, now.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/refresh",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 200, description = "Refreshed", body = ConnectionView),
        (status = 202, description = "It will be", body = ConnectionView),
        Working,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn refresh(
    asked: Allowed<Changing>,
    Known(cell): Known,
    state: Here,
) -> Result<HttpResponse, Problem> {
    can_work(&cell)?;
    note(&state, &cell, "refresh", &asked);
    let before = cell.read(|connection| connection.generation);
    let refreshed = serving::refresh(state.services(), &cell, || state.shared.nudge(cell.id()));
    let _ = timeout(PATIENCE, refreshed).await;
    let done = cell.read(|connection| connection.generation) > before;
    Ok(show::connection(&state, &cell, done_or_accepted(done)))
}

/// The subscription is looked at, now.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/verify",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 200, description = "Verified", body = ConnectionView),
        (status = 202, description = "It will be", body = ConnectionView),
        Working,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn verify(
    asked: Allowed<Changing>,
    Known(cell): Known,
    state: Here,
) -> Result<HttpResponse, Problem> {
    can_work(&cell)?;
    note(&state, &cell, "verification", &asked);
    cell.set_verify_at(None);
    state.shared.nudge(cell.id());
    let keeps_webhooks = state.services().settings.webhook.is_some();
    let done = keeps_webhooks && timeout(PATIENCE, verified(&cell)).await.is_ok();
    Ok(show::connection(&state, &cell, done_or_accepted(done)))
}

/// No refresh and no verification until it is resumed.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/pause",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 200, description = "Paused", body = ConnectionView),
        (status = 202, description = "It will be", body = ConnectionView),
        WithTheStore,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn pause(
    asked: Allowed<Changing>,
    Known(cell): Known,
    state: Here,
) -> Result<HttpResponse, Problem> {
    set_pause(&asked, &cell, &state, true).await
}

/// It works again.
#[utoipa::path(
    post,
    path = "/v1/connections/{id}/resume",
    tag = "connections",
    params(
        ("id" = String, Path, description = "The application's own id", max_length = 128, pattern = "^[A-Za-z0-9._:@-]+$"),
    ),
    responses(
        (status = 200, description = "Resumed", body = ConnectionView),
        (status = 202, description = "It will be", body = ConnectionView),
        WithTheStore,
    ),
    security(("token" = ["admin"]))
)]
pub(in crate::server) async fn resume(
    asked: Allowed<Changing>,
    Known(cell): Known,
    state: Here,
) -> Result<HttpResponse, Problem> {
    set_pause(&asked, &cell, &state, false).await
}

async fn set_pause(
    asked: &Allowed<Changing>,
    cell: &Arc<Cell>,
    state: &Here,
    paused: bool,
) -> Result<HttpResponse, Problem> {
    let (services, id, by) = (state.services().clone(), cell.id().clone(), asked.name.clone());
    let is_known = work::tracked(state, async move {
        if paused {
            grants::pause(&services, &id, Some(&by)).await
        } else {
            grants::resume(&services, &id, Some(&by)).await
        }
    })
    .await?;
    if !is_known {
        return Err(show::unknown(cell.id()));
    }
    let known = work::known_to_actors(state, PATIENCE).await;
    Ok(show::connection(state, cell, done_or_accepted(known)))
}

/// Who asked: what comes of it is work like any other, and does not know.
fn note(state: &Here, cell: &Cell, what: &str, asked: &Allowed<Changing>) {
    let detail = json!({ "what": what, "by": &*asked.name });
    state.services().timeline.note(cell.id(), Kind::Asked, format!("a {what} was asked for"), detail);
}

/// Nobody can refresh what is paused, or whose grant is gone.
fn can_work(cell: &Cell) -> Result<(), Problem> {
    let id = cell.id();
    match cell.status().status {
        Status::Paused => {
            Err(Problem::new(PAUSED, format!("{id} is paused: POST /v1/connections/{id}/resume first")))
        }
        Status::ReauthorizationRequired => {
            let detail = format!("the grant of {id} is gone: connect the user again by POST /v1/connect");
            Err(Problem::new(REAUTHORIZATION_REQUIRED, detail))
        }
        Status::Active | Status::WebhookUnavailable | Status::Quarantined => Ok(()),
    }
}

/// Ends when it has been verified.
pub(super) async fn verified(cell: &Cell) {
    loop {
        let changed = cell.changed();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if cell.verify_at().is_some() {
            return;
        }
        changed.await;
    }
}

fn done_or_accepted(done: bool) -> StatusCode {
    if done { StatusCode::OK } else { StatusCode::ACCEPTED }
}
