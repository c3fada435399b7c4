//! `GET /metrics`, for Prometheus.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use super::super::auth::Onlooker;
use super::super::described::Operation;
use super::super::metrics;
use super::super::problem::{INTERNAL, Problem};
use super::super::state::Here;

/// Everything that is counted.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text; docs/METRICS.md explains it", body = String, content_type = "application/openmetrics-text"),
        Operation,
    ),
    security((), ("token" = ["read"]))
)]
pub(in crate::server) async fn get(_: Onlooker, state: Here) -> Result<HttpResponse, Problem> {
    let text = state.metrics.text().map_err(|_| Problem::new(INTERNAL, "the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE)).body(text))
}
