//! Whether the process lives, and whether it answers for its connections.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::described::Readiness;
use super::super::problem::Problem;
use crate::server::extract::works;
use crate::server::state::Here;

/// How it is.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Health {
    /// `ok` or `ready`.
    status: &'static str,
}

/// `GET /healthz`: the process turns.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses(
        (status = 200, description = "It turns", body = Health),
    ),
    security(())
)]
pub(in crate::server) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// `GET /readyz`: this keeper works and has its connections loaded. Faults of the system never make it unready.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It works, with all connections loaded", body = Health),
        Readiness,
    ),
    security(())
)]
pub(in crate::server) async fn ready(state: Here) -> Result<HttpResponse, Problem> {
    works(&state)?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}
