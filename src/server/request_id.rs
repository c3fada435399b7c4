//! Each request has an id: the caller's own where it sends one, in the answer, in problem details and in the log; and is
//! counted.

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use log::debug;
use uuid::Uuid;

use super::metrics::Request;
use super::problem::Problem;
use super::state::State;
use crate::domain::ids::ConnectionId;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives it, and puts it into the answer.
pub(super) async fn give(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = of_caller(&request).unwrap_or_else(|| Uuid::new_v4().to_string());
    let (method, path) = (request.method().clone(), request.match_pattern());
    let state = request.app_data::<State>().cloned();
    let started = state.as_ref().map(|state| state.services().adapters.clock.boot());
    let mut response = next.call(request).await?.map_into_boxed_body();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    if let Some(problem) = problem {
        let (request, _) = response.into_parts();
        response = ServiceResponse::new(request, problem.response(Some(&id)));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let status = response.status().as_u16();
    if let Some((state, started)) = state.zip(started) {
        let took = state.services().adapters.clock.boot().saturating_sub(started);
        state.metrics.requests.answered(&Request::new(&method, path.as_deref(), status), took);
    }
    let request = response.request();
    let of_connection = path.as_deref().is_some_and(|path| path.starts_with("/v1/connections/{id}"));
    // What is no id may be anything, a token too.
    let connection = request.match_info().get("id").filter(|_| of_connection).and_then(|id| id.parse().ok());
    let connection = connection.as_ref().map_or("-", ConnectionId::as_str);
    debug!(target: "server", connection, method:% = method, path = path.as_deref().unwrap_or("-"), status, request_id = id; "answered");
    Ok(response)
}

/// What the caller sends is taken where it can stand in a log.
fn of_caller(request: &ServiceRequest) -> Option<String> {
    let text = request.headers().get(HEADER)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(is_plain)).then(|| text.to_owned())
}
