//! How a call of Calendly's API can fail, by what the caller does about it.

use std::time::Duration;

/// A call of the API that failed, by what the caller does about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {detail}")]
pub struct ApiError {
    /// Decides what follows.
    pub class: ApiErrorClass,
    /// The call, as in `list webhook subscriptions`.
    pub what: &'static str,
    /// Status, title, message and details, without secrets.
    pub detail: String,
}

/// What to do about a failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiErrorClass {
    /// 401: refresh once, then again.
    Unauthenticated,
    /// 403 with the scopes that are missing.
    InsufficientScope(Vec<String>),
    /// 403: plan or role.
    PermissionDenied,
    /// 404.
    NotFound,
    /// 409.
    AlreadyExists,
    /// 400 and other refusals of what was asked: our configuration.
    InvalidRequest,
    /// 429: wait.
    Throttled(Option<Duration>),
    /// Not reached, 5xx, cut short: try again later.
    Unavailable,
    /// Answered with something that is not Calendly's.
    Unreadable,
}
