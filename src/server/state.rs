//! What every request may use, from the moment at which the keeper is put together.

use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use url::Url;

use super::metrics::Metrics;
use super::problem::{INTERNAL, NOT_WORKING, Problem};
use crate::actors::Shared;
use crate::domain::api_token::ApiToken;
use crate::services::Services;

/// How soon a keeper that waits for its database may be asked again.
const SOON: Duration = Duration::from_secs(2);

/// One for the server, shared by its threads.
#[derive(Debug)]
pub(super) struct State {
    /// The actors and what they share.
    pub(super) shared: Arc<Shared>,
    /// Who may ask for what.
    pub(super) tokens: Vec<ApiToken>,
    /// What is counted.
    pub(super) metrics: Metrics,
    /// Only this machine reaches it: what holds no secret is shown without a token.
    pub(super) is_loopback: bool,
    /// Where Calendly sends browsers; `None` where nobody could come there.
    pub(super) redirect_uri: Option<Url>,
}

impl State {
    pub(super) fn services(&self) -> &Arc<Services> {
        &self.shared.services
    }
}

/// Where requests find the state. It is shut while the database is being opened: the process lives, and nothing else can
/// be said of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Door(Arc<OnceLock<Arc<State>>>);

impl Door {
    /// Lets all requests in, for good.
    pub(super) fn open(&self, state: State) {
        let _ = self.0.set(Arc::new(state));
    }

    /// What is behind it, once it is open.
    pub(super) fn state(&self) -> Option<&Arc<State>> {
        self.0.get()
    }
}

/// The state, for whoever cannot do without.
pub(super) fn of(request: &HttpRequest) -> Result<&Arc<State>, Problem> {
    let Some(door) = request.app_data::<Door>() else {
        return Err(Problem::new(INTERNAL, "the server was put together without its state"));
    };
    door.state().ok_or_else(|| {
        let detail =
            "it is still opening its database; where that takes long, the log says what it waits for";
        Problem::new(NOT_WORKING, detail).retry_after(SOON)
    })
}

/// The state, as an argument of a route.
pub(super) struct Here(Arc<State>);

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
        ready(of(request).map(|state| Self(state.clone())))
    }
}
