//! What a request says, checked, with problem details for what cannot be understood.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::{
    INVALID_REQUEST, NOT_WORKING, Problem, TOO_LARGE, UNKNOWN_CONNECTION, UNSUPPORTED_MEDIA_TYPE,
};
use super::state::{self, State};
use crate::actors::Standing;
use crate::domain::ids::ConnectionId;
use crate::registry::cell::Cell;
use std::sync::Arc;

/// More than any request of this API needs.
const MOST_BYTES: usize = 64 * 1024;
/// A body has to be here by then.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How soon it may be tried again while the keeper loads or stands by.
const SOON: Duration = Duration::from_secs(2);

pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(INVALID_REQUEST, detail)
}

pub(super) fn duration(name: &str, text: &str) -> Result<Duration, Problem> {
    humantime::parse_duration(text)
        .map_err(|_| invalid(format!("{name} is no duration; write it like 30s or 5m")))
}

/// The `{id}` of the path.
pub(super) struct Id(pub(super) ConnectionId);

impl FromRequest for Id {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().query("id");
        ready(
            text.parse()
                .map(Self)
                .map_err(|bad: crate::domain::ids::InvalidConnectionId| invalid(bad.to_string())),
        )
    }
}

/// The connection that the path names.
pub(super) struct Known(pub(super) Arc<Cell>);

impl FromRequest for Known {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Id::from_request(request, payload).into_inner().and_then(|Id(id)| known(request, &id)))
    }
}

fn known(request: &HttpRequest, id: &ConnectionId) -> Result<Known, Problem> {
    let state = state::of(request)?;
    match state.services().registry.get(id).filter(|cell| !cell.is_deleted()) {
        Some(cell) => Ok(Known(cell)),
        None => {
            works(state)?; // else nobody knows yet
            Err(Problem::new(UNKNOWN_CONNECTION, format!("there is no connection {id}")))
        }
    }
}

/// Whether this keeper is the one that works, with all connections loaded.
pub(super) fn works(state: &State) -> Result<(), Problem> {
    match &*state.shared.standing().borrow() {
        Standing::Working => Ok(()),
        Standing::Starting => Err(not_working("it is still loading its connections")),
        Standing::By { holder } => Err(not_working(&format!("it stands by, {holder} works"))),
    }
}

fn not_working(detail: &str) -> Problem {
    Problem::new(NOT_WORKING, detail).retry_after(SOON)
}

/// The query, as `T`. Unknown parameters are refused by `T` (`deny_unknown_fields`).
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = actix_web::web::Query::<T>::from_query(request.query_string());
        ready(query.map(|query| Self(query.into_inner())).map_err(|bad| invalid(format!("the query: {bad}"))))
    }
}

/// A JSON body as bytes.
pub(super) struct JsonBytes(pub(super) Bytes);

impl FromRequest for JsonBytes {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let named = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = named.is_some_and(|name| {
            let name = name.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("application/json") || name.to_ascii_lowercase().ends_with("+json")
        });
        let mut payload = payload.take();
        Box::pin(async move {
            if !is_json {
                return Err(Problem::new(
                    UNSUPPORTED_MEDIA_TYPE,
                    "send the header Content-Type: application/json",
                ));
            }
            let mut body = BytesMut::new();
            let read = async {
                while let Some(chunk) = payload.next().await {
                    let chunk = chunk.map_err(|_| invalid("the body could not be read to its end"))?;
                    if body.len() + chunk.len() > MOST_BYTES {
                        let detail = format!("a body has at most {} KiB here", MOST_BYTES / 1024);
                        return Err(Problem::new(TOO_LARGE, detail));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(())
            };
            match timeout(BODY_TIMEOUT, read).await {
                Ok(read) => read?,
                Err(_) => {
                    return Err(invalid(format!(
                        "the body did not come within {} s",
                        BODY_TIMEOUT.as_secs()
                    )));
                }
            }
            Ok(Self(body.freeze()))
        })
    }
}

/// A JSON body, as `T`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = JsonBytes::from_request(request, payload);
        Box::pin(async move {
            let JsonBytes(bytes) = bytes.await?;
            // What serde says of a wrong value quotes it, and it may be a secret: only where it stands is told.
            serde_json::from_slice(&bytes).map(Self).map_err(|bad| {
                let what = match bad.classify() {
                    serde_json::error::Category::Data => {
                        "has a key that is unknown, missing or of another kind"
                    }
                    _ => "is not JSON",
                };
                invalid(format!("the body {what}, at line {} column {}", bad.line(), bad.column()))
            })
        })
    }
}
