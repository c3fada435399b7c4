//! Requests to the HTTP API, counted and timed by route.

use std::time::Duration;

use actix_web::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds: a token from memory takes well under a millisecond, who waits for one takes seconds.
const BOUNDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0, 10.0];

/// A route with its placeholders, as in `/v1/connections/{id}`: never what a caller made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(in crate::server) struct Route {
    pub(in crate::server) route: &'static str,
}

impl Route {
    /// A path that there is not.
    pub(in crate::server) const NONE: Self = Self { route: "none" };
}

/// One request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(in crate::server) struct Request {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// All so far.
#[derive(Clone, Debug)]
pub(in crate::server) struct Requests {
    answered: Family<Request, Counter>,
    took: Family<Route, Histogram>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { answered: Family::default(), took: Family::new_with_constructor(|| Histogram::new(BOUNDS)) }
    }
}

impl Request {
    pub(in crate::server) fn new(method: &Method, Route { route }: Route, status: u16) -> Self {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        Self { method, route, status }
    }
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("keeper_http_requests", "Requests answered", self.answered.clone());
        registry.register(
            "keeper_http_request_duration_seconds",
            "From the head of a request to the head of its answer",
            self.took.clone(),
        );
    }

    /// One more.
    pub(in crate::server) fn answered(&self, request: &Request, took: Duration) {
        self.answered.get_or_create(request).inc();
        self.took.get_or_create(&Route { route: request.route }).observe(took.as_secs_f64());
    }
}
