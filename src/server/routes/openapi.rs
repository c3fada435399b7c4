//! `GET /openapi.json`: the API, described.

use actix_web::HttpResponse;

use super::super::auth::Onlooker;
use super::super::described::Operation;
use super::super::openapi::document;

/// The description of this API.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses(
        (status = 200, description = "This document", body = Object, content_type = "application/json"),
        Operation,
    ),
    security((), ("token" = ["read"]))
)]
pub(in crate::server) async fn get(_: Onlooker) -> HttpResponse {
    HttpResponse::Ok().json(document())
}
