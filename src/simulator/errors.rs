//! Calendly's error bodies, word for word. Nothing here decides when one is due.

use hyper::header::WWW_AUTHENTICATE;
use serde_json::{Value, json};

use super::answer::Answer;
use super::grants::AccessTokenState;

// === OAuth: {"error", "error_description"} ===

const INVALID_GRANT: &str = "The provided authorization grant is invalid, expired, revoked, does not match the \
    redirection URI used in the authorization request, or was issued to another client.";
const INVALID_CLIENT: &str = "Client authentication failed due to unknown client, no client authentication \
    included, or unsupported authentication method.";

fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": description}))
}

pub(super) fn invalid_grant(status: u16) -> Answer {
    oauth(status, "invalid_grant", INVALID_GRANT)
}

pub(super) fn invalid_client() -> Answer {
    let challenge = format!(
        "Bearer realm=\"Calendly\", error=\"invalid_client\", error_description=\"{INVALID_CLIENT}\""
    );
    oauth(401, "invalid_client", INVALID_CLIENT).header(WWW_AUTHENTICATE, &challenge)
}

pub(super) fn missing_parameter(parameter: &str) -> Answer {
    oauth(400, "invalid_request", &format!("Missing required parameter: {parameter}."))
}

/// A page for the browser: sending it there is just what must not be done.
pub(super) fn invalid_redirect_uri() -> Answer {
    oauth(
        400,
        "invalid_redirect_uri",
        "The requested redirect uri is malformed or doesn't match client redirect URI.",
    )
}

pub(super) fn unsupported_grant_type() -> Answer {
    oauth(
        400,
        "unsupported_grant_type",
        "The authorization grant type is not supported by the authorization server.",
    )
}

pub(super) fn invalid_scope() -> Answer {
    oauth(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
}

pub(super) fn may_not_revoke() -> Answer {
    oauth(403, "unauthorized_client", "You are not authorized to revoke this token")
}

/// Undocumented: only that there is a limit is known.
pub(super) fn too_many_tokens() -> Answer {
    oauth(429, "too_many_requests", "Too many tokens were requested for this user. Try again later.")
}

// === the API: {"title", "message", "details"} ===

fn api(status: u16, title: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"title": title, "message": message}))
}

pub(super) fn unauthenticated(state: AccessTokenState) -> Answer {
    let message = match state {
        AccessTokenState::Expired => "The access token expired",
        AccessTokenState::Revoked => "The access token was revoked",
        AccessTokenState::Unknown | AccessTokenState::Valid => "The access token is invalid",
    };
    let challenge =
        format!("Bearer realm=\"Calendly\", error=\"invalid_token\", error_description=\"{message}\"");
    api(401, "Unauthenticated", message).header(WWW_AUTHENTICATE, &challenge)
}

/// A parameter and what is wrong with it.
pub(super) type Detail = (&'static str, String);

pub(super) fn invalid_argument(details: &[Detail]) -> Answer {
    let mut body = json!({"title": "Invalid Argument", "message": "The supplied parameters are invalid."});
    if !details.is_empty() {
        let details =
            details.iter().map(|(parameter, message)| json!({"parameter": parameter, "message": message}));
        body["details"] = Value::Array(details.collect());
    }
    Answer::json(400, &body)
}

pub(super) fn insufficient_scope(required: &[&str]) -> Answer {
    Answer::json(
        403,
        &json!({
            "title": "Insufficient scope",
            "message": "This operation requires the scopes listed in the 'required_scopes' array.",
            "required_scopes": required,
        }),
    )
}

/// Why somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Plan,
    Resource,
    NotYours,
    Unauthorized,
    Event,
    AlsoOrganization,
    NotInOrganization,
}

pub(super) fn permission_denied(denial: Denial) -> Answer {
    let message = match denial {
        Denial::Plan => "Please upgrade to a paid Calendly account.",
        Denial::Resource => "You do not have permission to access this resource.",
        Denial::NotYours => "You do not have permission",
        Denial::Unauthorized => "Unauthorized",
        Denial::Event => "You are not allowed to view this event",
        Denial::AlsoOrganization => {
            "Please also specify organization when requesting events for a user within your organization."
        }
        Denial::NotInOrganization => "This user is not in your organization",
    };
    api(403, "Permission Denied", message)
}

pub(super) fn not_found() -> Answer {
    api(404, "Resource Not Found", "The server could not find the requested resource.")
}

pub(super) fn already_exists() -> Answer {
    api(409, "Already Exists", "Hook with this url already exists")
}

/// The body is undocumented, the headers are not.
pub(super) fn too_many_requests() -> Answer {
    api(429, "Too Many Requests", "You have exceeded the number of requests allowed per minute.")
}

pub(super) fn too_large() -> Answer {
    api(413, "Content Too Large", "The body is larger than one mebibyte.")
}
