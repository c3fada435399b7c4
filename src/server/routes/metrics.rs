//! `GET /metrics`, for Prometheus.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use super::super::auth::Onlooker;
use super::super::metrics;
use super::super::problem::{Body, INTERNAL, Problem};
use super::super::state::Here;

/// Everything that is counted.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text; docs/METRICS.md explains it", body = String, content_type = "application/openmetrics-text"),
        (status = 401, description = "`unauthorized`", body = Body, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`", body = Body, content_type = "application/problem+json"),
    ),
    security((), ("token" = ["read"]))
)]
pub(in crate::server) async fn get(_: Onlooker, state: Here) -> Result<HttpResponse, Problem> {
    let text = state.metrics.text().map_err(|_| Problem::new(INTERNAL, "the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE)).body(text))
}
