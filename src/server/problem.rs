//! Errors as RFC 9457 problem details: a stable type, a title, and what was wrong this time.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::page;

/// Where the types are documented; the name follows.
const TYPES: &str = "https://calendly-keeper.dev/problems/";

/// A kind of error: its name never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The end of its type.
    pub name: &'static str,
    /// The same for all of this kind.
    pub title: &'static str,
    /// The status that it is answered with.
    pub status: u16,
}

const fn kind(name: &'static str, status: u16, title: &'static str) -> Kind {
    Kind { name, title, status }
}

macro_rules! kinds {
    ($($constant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        $(pub(super) const $constant: Kind = kind($name, $status, $title);)*
        /// All there are.
        pub const PROBLEMS: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    INVALID_REQUEST = "invalid-request", 400, "The request cannot be understood";
    RETURN_URL_NOT_ALLOWED = "return-url-not-allowed", 400, "The browser may not be sent there";
    UNKNOWN_FLOW = "unknown-flow", 400, "No link of this keeper leads here";
    UNAUTHORIZED = "unauthorized", 401, "No API token, or none that is known";
    BAD_SIGNATURE = "bad-signature", 401, "The delivery's signature is refused";
    FORBIDDEN = "forbidden", 403, "The API token has not the role for this";
    NOT_FOUND = "not-found", 404, "There is nothing under this path";
    UNKNOWN_CONNECTION = "unknown-connection", 404, "There is no such connection";
    UNKNOWN_EVENT = "unknown-event", 404, "There is no such event";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The path knows no such method";
    REAUTHORIZATION_REQUIRED = "reauthorization-required", 409, "The user has to connect again";
    PAUSED = "paused", 409, "The connection is paused";
    OLDER_GRANT = "older-grant", 409, "A newer grant is stored";
    TOKEN_IN_USE = "token-in-use", 409, "The refresh token belongs to another connection";
    PUBLIC_URL_MISSING = "public-url-missing", 409, "There is no address that browsers could come back to";
    DIFFERENT_USER = "different-user", 409, "The connection belongs to another Calendly user";
    OTHER_CONNECTION = "other-connection", 409, "The ticket belongs to another connection";
    NO_RELAY = "no-relay", 409, "Events are not relayed";
    TICKET_USED = "ticket-used", 409, "The ticket was used";
    LINK_USED = "link-used", 409, "The link was used";
    FLOW_EXPIRED = "flow-expired", 410, "The connect flow is over";
    TOO_LARGE = "too-large", 413, "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", 415, "The body is not JSON";
    INTERNAL = "internal", 500, "The keeper failed";
    TOKEN_UNAVAILABLE = "token-unavailable", 503, "There is no living token now";
    NOT_WORKING = "not-working", 503, "This keeper does not work now";
    TOO_MANY_FLOWS = "too-many-flows", 503, "Too many users are being connected";
    DATABASE_UNAVAILABLE = "database-unavailable", 503, "The database does not answer";
}

/// One error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {detail}", kind.name)]
pub struct Problem {
    kind: Kind,
    detail: String,
    retry_after: Option<Duration>,
    /// For a browser: as a page.
    as_page: bool,
}

/// As it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    request_id: Option<&'a str>,
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None, as_page: false }
    }

    /// Worth another try after this time.
    pub(super) fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// As a page, where somebody looks at it.
    pub(super) fn page(self, as_page: bool) -> Self {
        Self { as_page, ..self }
    }

    /// As a response to the request of that id.
    pub(super) fn response(&self, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CACHE_CONTROL, "no-store"));
        if self.kind == UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Some(after) = self.retry_after {
            response.insert_header((RETRY_AFTER, after.as_secs_f64().ceil().max(1.0) as u64));
        }
        if self.as_page {
            let beside = request_id.map(|id| format!("request {id}"));
            return page::write(&mut response, self.kind.title, &self.detail, beside.as_deref());
        }
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.json(Body {
            r#type: format!("{TYPES}{}", self.kind.name),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            request_id,
        })
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response(None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_stable_words_and_statuses_are_errors() {
        let names: HashSet<_> = PROBLEMS.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), PROBLEMS.len());
        for kind in PROBLEMS {
            assert!(kind.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", kind.name);
            assert!(
                StatusCode::from_u16(kind.status).is_ok_and(|s| s.is_client_error() || s.is_server_error())
            );
        }
    }
}
