//! What every request may use.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use url::Url;

use super::metrics::Metrics;
use super::problem::{INTERNAL, Problem};
use crate::actors::Shared;
use crate::domain::api_token::ApiToken;
use crate::services::Services;

/// One for the server, shared by its threads.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The actors and what they share.
    pub(super) shared: Arc<Shared>,
    /// Who may ask for what.
    pub(super) tokens: Arc<[ApiToken]>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// Only this machine reaches it: what holds no secret is shown without a token.
    pub(super) is_loopback: bool,
    /// Where Calendly sends browsers; `None` where nobody could come there.
    pub(super) redirect_uri: Option<Arc<Url>>,
}

impl State {
    pub(super) fn new(
        shared: Arc<Shared>,
        tokens: Vec<ApiToken>,
        is_loopback: bool,
        redirect_uri: Option<Url>,
    ) -> Self {
        let metrics = Metrics::new(shared.clone());
        Self { shared, tokens: tokens.into(), metrics, is_loopback, redirect_uri: redirect_uri.map(Arc::new) }
    }

    pub(super) fn services(&self) -> &Arc<Services> {
        &self.shared.services
    }
}

/// The state, as an argument of a route.
pub(super) struct Here(State);

impl std::ops::Deref for Here {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl FromRequest for Here {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<State>().cloned();
        ready(
            state
                .map(Self)
                .ok_or_else(|| Problem::new(INTERNAL, "the server was put together without its state")),
        )
    }
}
