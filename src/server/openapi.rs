//! The description of the API, made of what stands beside each route.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::problem::Body;
use super::routes::{
    access_token, connect, connections, deliveries, events, grants, health, metrics, oauth_callback, openapi,
    timeline, verbs,
};
use crate::views::{
    AccessTokenView, AttemptView, ConnectionView, EntryView, EventInFullView, EventView, SummaryView,
    WebhookView,
};

/// The whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "calendly-keeper",
        description = "Keeps every Calendly connection of an application alive: ask it for tokens, hand it grants, fetch its \
                       events, see how connections stand. Times are RFC 3339 in UTC. Every error is an RFC 9457 problem whose type ends with \
                       a stable name."
    ),
    paths(
        health::live,
        health::ready,
        metrics::get,
        openapi::get,
        connections::list,
        connections::one,
        grants::put,
        grants::delete,
        access_token::get,
        timeline::get,
        verbs::refresh,
        verbs::verify,
        verbs::pause,
        verbs::resume,
        events::fetch::get,
        events::one::get,
        events::ack::post,
        events::replay::post,
        events::purge::post,
        events::resume::post,
        events::list::get,
        connect::begin,
        connect::confirm,
        connect::look,
        oauth_callback::get,
        deliveries::post,
    ),
    components(schemas(
        AccessTokenView,
        ConnectionView,
        WebhookView,
        EntryView,
        EventView,
        EventInFullView,
        AttemptView,
        SummaryView,
        events::fetch::Page,
        events::ack::Acknowledgement,
        events::replay::Wanted,
        events::replay::Replayed,
        events::purge::Wanted,
        events::purge::Purged,
        events::resume::Resumed,
        events::list::Page,
        Body,
        connect::Wanted,
        connect::Made,
        connect::Confirmation,
        connect::Standing,
        connections::List,
        timeline::Page,
        grants::Line,
        health::Health
    )),
    modifiers(&Bearer)
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API token of server.api_tokens; the scopes named at a route are the roles that may",
            ))
            .build();
        api.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}
