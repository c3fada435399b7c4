//! Which path is which endpoint, and the module that does it. Faults and bytes are not its business.

use hyper::Method;

use super::answer::Answer;
use super::authorize;
use super::call::Call;
use super::errors;
use super::faults::Endpoint;
use super::meetings;
use super::oauth::{self, Twist};
use super::oauth_tokens;
use super::state::State;
use super::users;
use super::webhook_create;
use super::webhooks;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// An endpoint that faults can be set for, and the id in its path.
    Endpoint(Endpoint, &'a str),
    /// The consent page.
    Authorize,
    /// `/simulator/...`: the path behind it.
    Control(&'a str),
    Nothing,
}

pub(super) fn find<'a>(method: &Method, path: &'a str) -> Route<'a> {
    if let Some(rest) = path.strip_prefix("/simulator/") {
        return Route::Control(rest);
    }
    if let Some(rest) = path.strip_prefix("/scheduled_events").filter(|_| method == Method::GET) {
        return scheduled_events(rest);
    }
    let id = path.strip_prefix("/webhook_subscriptions/").filter(|id| !id.is_empty() && !id.contains('/'));
    let endpoint = match (method.as_str(), path, id) {
        ("POST", "/oauth/token", _) => Endpoint::Token,
        ("POST", "/oauth/revoke", _) => Endpoint::Revoke,
        ("POST", "/oauth/introspect", _) => Endpoint::Introspect,
        ("GET", "/oauth/authorize", _) => return Route::Authorize,
        ("GET", "/users/me", _) => Endpoint::UsersMe,
        ("GET", "/webhook_subscriptions", _) => Endpoint::WebhooksList,
        ("POST", "/webhook_subscriptions", _) => Endpoint::WebhooksCreate,
        ("GET", _, Some(_)) => Endpoint::WebhooksGet,
        ("DELETE", _, Some(_)) => Endpoint::WebhooksDelete,
        _ => return Route::Nothing,
    };
    Route::Endpoint(endpoint, id.unwrap_or_default())
}

/// What lies below `/scheduled_events`; of one invitee the whole rest is its id.
fn scheduled_events(rest: &str) -> Route<'_> {
    let segments: Vec<&str> = rest.split('/').collect();
    let endpoint = match segments[..] {
        [""] => Endpoint::ScheduledEventsList,
        ["", id] if !id.is_empty() => Endpoint::ScheduledEventsGet,
        ["", id, "invitees"] if !id.is_empty() => Endpoint::InviteesList,
        ["", id, "invitees", invitee] if !id.is_empty() && !invitee.is_empty() => Endpoint::InviteesGet,
        _ => return Route::Nothing,
    };
    let id = rest.trim_start_matches('/');
    Route::Endpoint(endpoint, id.strip_suffix("/invitees").unwrap_or(id))
}

/// Lets a call take effect.
pub(super) fn perform(state: &mut State, call: &Call, twist: Option<&Twist<'_>>) -> Answer {
    match call.endpoint {
        Endpoint::Token => oauth::token(state, call, twist),
        Endpoint::Revoke => oauth_tokens::revoke(state, call),
        Endpoint::Introspect => oauth_tokens::introspect(state, call),
        Endpoint::UsersMe => users::me(state, call),
        Endpoint::WebhooksList => webhooks::list(state, call),
        Endpoint::WebhooksGet => webhooks::get(state, call),
        Endpoint::WebhooksCreate => webhook_create::create(state, call),
        Endpoint::WebhooksDelete => webhooks::delete(state, call),
        Endpoint::ScheduledEventsList => meetings::list(state, call),
        Endpoint::ScheduledEventsGet => meetings::get(state, call),
        Endpoint::InviteesList => meetings::list_invitees(state, call),
        Endpoint::InviteesGet => meetings::get_invitee(state, call),
        Endpoint::Delivery | Endpoint::Any => errors::not_found(),
    }
}

/// Lets the consent page be visited.
pub(super) fn visit(state: &mut State, call: &Call) -> Answer {
    authorize::authorize(state, call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_method_are_one_endpoint() {
        assert_eq!(find(&Method::POST, "/oauth/token"), Route::Endpoint(Endpoint::Token, ""));
        assert_eq!(find(&Method::GET, "/oauth/token"), Route::Nothing);
        assert_eq!(
            find(&Method::DELETE, "/webhook_subscriptions/abc"),
            Route::Endpoint(Endpoint::WebhooksDelete, "abc")
        );
        assert_eq!(find(&Method::GET, "/webhook_subscriptions/"), Route::Nothing);
        let events = |rest: &'static str| find(&Method::GET, rest);
        assert_eq!(events("/scheduled_events"), Route::Endpoint(Endpoint::ScheduledEventsList, ""));
        assert_eq!(events("/scheduled_events/a"), Route::Endpoint(Endpoint::ScheduledEventsGet, "a"));
        assert_eq!(events("/scheduled_events/a/invitees"), Route::Endpoint(Endpoint::InviteesList, "a"));
        let one = Route::Endpoint(Endpoint::InviteesGet, "a/invitees/b");
        assert_eq!(events("/scheduled_events/a/invitees/b"), one);
        for nothing in [
            "/scheduled_events/",
            "/scheduled_events/a/invitees/",
            "/scheduled_eventsx",
            "/scheduled_events/a/b",
        ] {
            assert_eq!(events(nothing), Route::Nothing, "{nothing}");
        }
        assert_eq!(find(&Method::POST, "/scheduled_events"), Route::Nothing);
        assert_eq!(find(&Method::GET, "/simulator/ledger"), Route::Control("ledger"));
    }
}
