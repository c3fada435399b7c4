//! `POST /webhooks/calendly[/{id}]`: what Calendly delivers, durable before it is answered.

use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;
use log::{debug, warn};
use tokio::time::timeout;

use super::super::extract::invalid;
use super::super::problem::{BAD_SIGNATURE, Body, NOT_FOUND, NOT_WORKING, Problem, TOO_LARGE};
use super::super::state::Here;
use crate::domain::event::Arrival;
use crate::domain::event::signature::{Check, HEADER, Refused};
use crate::services::Services;
use crate::services::inbox::{self, InboxSettings};

/// Calendly waits 15 s for the answer.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a body that is too large so much is read, to see whether it is Calendly's.
const READ_AT_MOST: usize = 64 << 20;
/// When Calendly may try again.
const SOON: Duration = Duration::from_secs(5);

/// Takes a delivery.
#[utoipa::path(
    post,
    path = "/webhooks/calendly/{id}",
    tag = "events",
    params(
        ("id" = String, Path, description = "The connection, or the organization; the path may also end before it"),
        ("Calendly-Webhook-Signature" = Option<String>, Header, description = "`t=<seconds>,v1=<hex>`"),
    ),
    request_body(content = String, description = "As Calendly sends it", content_type = "application/json"),
    responses(
        (status = 204, description = "Durable"),
        (status = 400, description = "`invalid-request`: the body did not come", body = Body, content_type = "application/problem+json"),
        (status = 401, description = "`bad-signature`", body = Body, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: this keeper takes no deliveries", body = Body, content_type = "application/problem+json"),
        (status = 413, description = "`too-large`", body = Body, content_type = "application/problem+json"),
        (status = 503, description = "`not-working`: it could not be kept", body = Body, content_type = "application/problem+json"),
    ),
    security(())
)]
pub(in crate::server) async fn post(
    request: HttpRequest,
    payload: Payload,
    state: Here,
) -> Result<HttpResponse, Problem> {
    let services = state.services();
    let Some(settings) = &services.settings.events.inbox else {
        return Err(Problem::new(
            NOT_FOUND,
            "this keeper takes no deliveries: it has no webhook.signing_key",
        ));
    };
    let received_at = services.adapters.clock.now();
    let signature = text(request.headers(), HEADER);
    let path: Option<Box<str>> = request.match_info().get("id").map(decoded);
    let refuse = |why: Refused| refused(services, path.as_deref(), why);
    let check = Check::begin(signature.as_deref(), &settings.signing_keys, received_at).map_err(refuse)?;
    let said = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let most = said.unwrap_or(settings.max_body).min(settings.max_body);
    let full = || Problem::new(NOT_WORKING, "too many deliveries are on their way").retry_after(SOON);
    let _room = services.inbox.room_for(most).ok_or_else(full)?;
    let read = timeout(BODY_TIMEOUT, read(payload, check, settings)).await;
    let read =
        read.map_err(|_| invalid(format!("the body did not come within {} s", BODY_TIMEOUT.as_secs())))??;
    let body = match read {
        Read::Whole(body) => body,
        Read::Refused(why) => return Err(refuse(why)),
        Read::TooLarge { bytes, is_signed } => {
            if is_signed {
                inbox::too_large(services, path.as_deref(), bytes).await;
            }
            let detail = format!("a delivery has at most {} bytes (inbox.max_body)", settings.max_body);
            return Err(Problem::new(TOO_LARGE, detail));
        }
    };
    let content_type = text(request.headers(), CONTENT_TYPE.as_str());
    let arrival = Arrival { path, signature, content_type, received_at, body };
    match services.inbox.take(arrival).await {
        Ok(_) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => Err(Problem::new(NOT_WORKING, error.to_string()).retry_after(SOON)),
    }
}

enum Read {
    Whole(Bytes),
    Refused(Refused),
    TooLarge { bytes: usize, is_signed: bool },
}

/// Reads the body to its end and checks its signature; of one that is too large nothing is kept.
async fn read(mut payload: Payload, mut check: Check, settings: &InboxSettings) -> Result<Read, Problem> {
    let (mut body, mut bytes) = (BytesMut::new(), 0);
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| invalid("the body could not be read to its end"))?;
        bytes += piece.len();
        if bytes > READ_AT_MOST {
            return Ok(Read::TooLarge { bytes, is_signed: false });
        }
        check.update(&piece);
        if bytes > settings.max_body {
            body = BytesMut::new();
        } else {
            body.extend_from_slice(&piece);
        }
    }
    Ok(match check.end() {
        result if bytes > settings.max_body => Read::TooLarge { bytes, is_signed: result.is_ok() },
        Ok(()) => Read::Whole(body.freeze()),
        Err(why) => Read::Refused(why),
    })
}

/// Counted each time, said now and then: who floods an endpoint would fill the log.
fn refused(services: &Services, path: Option<&str>, why: Refused) -> Problem {
    let counter = &services.counters().signatures_refused;
    counter.add_one();
    let (path, reason) = (path.unwrap_or_default(), why.as_str());
    if counter.get().is_power_of_two() {
        warn!(target: "inbox", path, reason, refused = counter.get(),
            hint = "compare webhook.signing_key with the application's page at developer.calendly.com, and the clock";
            "a delivery's signature was refused");
    } else {
        debug!(target: "inbox", path, reason; "a delivery's signature was refused");
    }
    Problem::new(BAD_SIGNATURE, why.to_string())
}

fn text(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(Into::into)
}

/// Either writing of a segment names the same connection.
fn decoded(segment: &str) -> Box<str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into()
}
