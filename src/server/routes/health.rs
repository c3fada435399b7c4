//! Whether the process lives, and whether it answers for its connections.

use actix_web::HttpResponse;
use serde_json::json;

use super::super::problem::Problem;
use crate::server::extract::works;
use crate::server::state::Here;

/// `GET /healthz`: the process turns.
pub(in crate::server) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`: this keeper works and has its connections loaded. Faults of the system never make it unready.
pub(in crate::server) async fn ready(state: Here) -> Result<HttpResponse, Problem> {
    works(&state)?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
