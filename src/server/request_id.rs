//! Each request has an id: the caller's own where it sends one, in the answer, in problem details and in the log; and is
//! counted.

use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use log::{Level, debug, log_enabled};
use uuid::Uuid;

use super::metrics::{Request, Requests, Route};
use super::problem::Problem;
use super::state::Door;
use crate::domain::ids::ConnectionId;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives it, and puts it into the answer.
pub(super) async fn give(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = of_caller(&request).unwrap_or_else(|| Uuid::new_v4().to_string());
    let method = request.method().clone();
    let started = request.app_data::<Door>().and_then(time);
    let mut response = next.call(request).await?.map_into_boxed_body();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    if let Some(problem) = problem {
        let (request, _) = response.into_parts();
        response = ServiceResponse::new(request, problem.response(Some(&id)));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    account(&response, &method, started, &id);
    Ok(response)
}

/// Counts it, and says it to whoever wants to know of each.
fn account(response: &ServiceResponse, method: &Method, started: Option<Duration>, id: &str) {
    let (request, status) = (response.request(), response.status().as_u16());
    let route = request.app_data::<Route>().copied().unwrap_or(Route::NONE);
    let ended = request.app_data::<Door>().and_then(time);
    if let (Some(requests), Some((started, ended))) = (request.app_data::<Requests>(), started.zip(ended)) {
        requests.answered(&Request::new(method, route, status), ended.saturating_sub(started));
    }
    if log_enabled!(target: "server", Level::Debug) {
        let of_connection = route.route.starts_with("/v1/connections/{id}");
        // What is no id may be anything, a token too.
        let connection =
            request.match_info().get("id").filter(|_| of_connection).and_then(|id| id.parse().ok());
        let connection = connection.as_ref().map_or("-", ConnectionId::as_str);
        debug!(target: "server", connection, method:% = method, path = route.route, status, request_id = id; "answered");
    }
}

/// By the keeper's clock, once there is one.
fn time(door: &Door) -> Option<Duration> {
    door.state().map(|state| state.services().adapters.clock.boot())
}

/// What the caller sends is taken where it can stand in a log.
fn of_caller(request: &ServiceRequest) -> Option<String> {
    let text = request.headers().get(HEADER)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(is_plain)).then(|| text.to_owned())
}
