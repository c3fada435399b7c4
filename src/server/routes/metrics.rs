//! `GET /metrics`, for Prometheus.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;

use super::super::auth::Onlooker;
use super::super::metrics;
use super::super::problem::{INTERNAL, Problem};
use super::super::state::Here;

/// Everything that is counted.
pub(in crate::server) async fn get(_: Onlooker, state: Here) -> Result<HttpResponse, Problem> {
    let text = state.metrics.text().map_err(|_| Problem::new(INTERNAL, "the metrics cannot be written"))?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, metrics::CONTENT_TYPE)).body(text))
}
