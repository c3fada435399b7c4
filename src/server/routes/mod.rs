//! What can be asked for: one file a resource.

pub(super) mod access_token;
pub(super) mod connect;
pub(super) mod connections;
pub(super) mod deliveries;
pub(super) mod events;
pub(super) mod grants;
pub(super) mod health;
pub(super) mod metrics;
pub(super) mod oauth_callback;
pub(super) mod openapi;
pub(super) mod timeline;
pub(super) mod verbs;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use super::metrics::Route;
use super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem};
use super::redirect;

/// Which routes an address shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// The application and the commands.
    Private,
    /// The internet.
    Public,
    /// Everybody, where there is one address only.
    Both,
}

impl Face {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "api",
            Self::Public => "public",
            Self::Both => "api+public",
        }
    }
}

/// All routes of a face.
pub(super) fn configure(routes: &mut ServiceConfig, face: Face) {
    if face != Face::Public {
        private(routes);
    }
    if face != Face::Private {
        routes.service(
            at(redirect::PATH)
                .route(web::head().to(oauth_callback::looked_at))
                .route(web::get().to(oauth_callback::get)),
        );
        for path in ["/webhooks/calendly", "/webhooks/calendly/{id}"] {
            routes.service(at(path).route(web::post().to(deliveries::post)));
        }
    }
    routes.default_service(web::to(nothing_here));
}

/// They are tried in this order: first what is asked for before each call of an application.
fn private(routes: &mut ServiceConfig) {
    routes
        .service(at("/v1/connections/{id}/access-token").route(web::get().to(access_token::get)))
        .service(at("/healthz").route(web::get().to(health::live)))
        .service(at("/readyz").route(web::get().to(health::ready)))
        .service(at("/openapi.json").route(web::get().to(openapi::get)))
        .service(at("/metrics").route(web::get().to(metrics::get)))
        .service(at("/v1/connections").route(web::get().to(connections::list)))
        .service(
            at("/v1/connections/{id}")
                .route(web::get().to(connections::one))
                .route(web::put().to(grants::put))
                .route(web::delete().to(grants::delete)),
        )
        .service(at("/v1/connections/{id}/timeline").route(web::get().to(timeline::get)))
        .service(at("/v1/connections/{id}/refresh").route(web::post().to(verbs::refresh)))
        .service(at("/v1/connections/{id}/verify").route(web::post().to(verbs::verify)))
        .service(at("/v1/connections/{id}/pause").route(web::post().to(verbs::pause)))
        .service(at("/v1/connections/{id}/resume").route(web::post().to(verbs::resume)))
        .service(at("/v1/events").route(web::get().to(events::fetch::get)))
        .service(at("/v1/events/ack").route(web::post().to(events::ack::post)))
        .service(at("/v1/events/replay").route(web::post().to(events::replay::post)))
        .service(at("/v1/events/purge").route(web::post().to(events::purge::post)))
        .service(at("/v1/events/resume").route(web::post().to(events::resume::post)))
        .service(at("/v1/events/{id}").route(web::get().to(events::one::get)))
        .service(at("/v1/inbox").route(web::get().to(events::list::get)))
        .service(at("/v1/connect").route(web::post().to(connect::begin)))
        .service(at("/v1/connect/confirm").route(web::post().to(connect::confirm)))
        .service(at("/v1/connect/{flow}").route(web::get().to(connect::look)));
}

/// A path, with its name for whoever counts, and an answer of ours for methods that it does not know.
fn at(path: &'static str) -> Resource {
    web::resource(path).app_data(Route { route: path }).default_service(web::to(other_method))
}

async fn other_method() -> Result<HttpResponse, Problem> {
    Err(Problem::new(METHOD_NOT_ALLOWED, "see /openapi.json for the methods of each path"))
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::new(NOT_FOUND, "see /openapi.json for the paths there are"))
}
