//! A faithful local Calendly: OAuth with single-use refresh tokens, webhook subscriptions, meetings, deliveries, errors,
//! limits.
//! For the demo, the tests and the benches; it shares no types with the client that talks to it.
//!
//! What Calendly documents is the default, what nobody knows is a switch ([`Options`]), what may go wrong is a
//! [`Fault`], and what happened stands in the ledger ([`Simulator::ledger`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, Options, Simulator};
//!
//! let simulator = Simulator::start(Options::default())?;
//! let grant = simulator.connect("anna")?;
//! simulator.fault(Fault::next(Endpoint::Token, FaultKind::ResetAfter))?;
//! // A client at simulator.url() now loses one answer after its refresh token was spent.
//! # let _ = grant; Ok(())
//! # }
//! ```
//!
//! The way through a request: `server` accepts, `serve` reads it and applies faults, `routes` finds the module
//! (`oauth`, `oauth_tokens`, `authorize`, `users`, `webhooks`, `webhook_create`, `meetings`), which acts on `state` under
//! one lock; `departure` sends the answer and notes that it left whole. `/simulator/...` is `control`. What happens to
//! `meetings`, by hand or by itself, `deliveries` tells whoever subscribed.
#![allow(
    clippy::disallowed_methods,
    reason = "a server of its own, outside the keeper's runtimes and clocks"
)]

mod answer;
mod api;
mod authorize;
mod call;
mod chance;
mod consent_page;
pub mod control;
mod control_view;
mod deliveries;
mod departure;
mod errors;
mod fault_book;
mod faults;
mod grants;
mod ledger;
mod ledger_view;
mod limits;
mod meetings;
mod oauth;
mod oauth_tokens;
mod options;
mod paging;
mod routes;
mod running;
mod scopes;
mod seed;
mod seeding;
mod serve;
mod server;
mod shared;
mod state;
mod subscriptions;
mod time;
mod tokens;
mod users;
mod webhook_create;
mod webhooks;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Handle;

pub use deliveries::{AfterRetries, DeliveryAttempt, DeliveryOptions, DueEvent};
pub use fault_book::SetFault;
pub use faults::{Endpoint, Fault, FaultKind};
pub use grants::{AccessTokenState, RefreshTokenState};
pub use ledger::{Change, Counters, PresentationOutcome};
pub use ledger_view::{
    AccessEntry, EndpointRate, IssuedEntry, LedgerView, PresentedEntry, SubscriptionEntry, UserRate,
};
pub use meetings::{Booked, Booking, Canceler, MeetingOptions, UpdatedAt};
pub use options::{AfterRevoke, MissingEventScope, OldAccessToken, Options, Reuse, Rotation, UniqueCallback};
pub use scopes::DEFAULT_SCOPES;
pub use seed::{NewGrant, NewSubscription, Plan, RefreshTokenFacts, Role, SeedGrant, SeedUser, UserUri};
pub use subscriptions::SubscriptionScope;

use ledger_view::Selection;
use running::Running;
use shared::Shared;

/// What a call of the handle or of the control API cannot do; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Nothing is called that.
    #[error("{what}: `{text}` is not known here; add it first or check its spelling")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// What it was called.
        text: String,
    },
    /// A field's value cannot be: "field: value, remedy".
    #[error("{0}")]
    Invalid(String),
}

impl SimulatorError {
    fn unknown(what: &'static str, text: &str) -> Self {
        Self::Unknown { what, text: text.to_owned() }
    }
}

/// Of the handle's methods.
pub type Result<T> = std::result::Result<T, SimulatorError>;

/// A running simulator. Clones are handles to the same one; it ends with the last of them, or by [`Self::stop`].
#[derive(Clone)]
pub struct Simulator {
    running: Arc<Running>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Simulator").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Starts one on the current tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on, or a switch has a value that cannot be (`InvalidInput`).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(options: Options) -> io::Result<Self> {
        Self::start_on(&Handle::current(), options)
    }

    /// Starts one on that runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_on(runtime: &Handle, options: Options) -> io::Result<Self> {
        let running = Running::start(runtime, options)?;
        Ok(Self { running: Arc::new(running) })
    }

    /// Where it listens, like `http://127.0.0.1:40123`: for OAuth and for the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// What its tokens, ids and random faults come from; give it to [`Options::seed`] to repeat a run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.running.seed
    }

    /// The application's client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.running.client_id
    }

    /// The application's client secret.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.running.client_secret
    }

    /// Closes the port and drops every connection at once, as a crash would; what it knows stays.
    pub fn stop(&self) {
        self.running.go_down();
    }

    /// Listens again on the same port after [`Self::stop`], with everything it knew.
    ///
    /// # Errors
    /// Somebody else has taken the port meanwhile.
    pub fn come_back(&self) -> io::Result<()> {
        self.running.listen()
    }

    /// Sets a fault; the number to clear it by.
    ///
    /// # Errors
    /// A field whose value cannot be, or an unknown user; nothing is set then.
    pub fn fault(&self, fault: Fault) -> Result<u64> {
        control::set_fault(self.shared(), fault)
    }

    /// Clears all faults; answers that are held back stay held.
    pub fn clear_faults(&self) {
        self.shared().faults(|faults| faults.clear(None));
    }

    /// Clears one fault; whether it was there.
    #[must_use]
    pub fn clear_fault(&self, id: u64) -> bool {
        self.shared().faults(|faults| faults.clear(Some(id))) > 0
    }

    /// The faults that are set, used up ones included, with how often each has fired.
    #[must_use]
    pub fn faults(&self) -> Vec<SetFault> {
        self.shared().faults(|faults| faults.all())
    }

    /// How many answers are held back now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared().held()
    }

    /// Lets the answers go that are held back now; how many.
    pub fn release(&self) -> usize {
        self.shared().release()
    }

    /// Changes switches of the running simulator. `listen`, the client, `seed`, `uri_base`, `ledger_entries` and
    /// `delivery_connect_timeout` are fixed: changing them here does nothing.
    ///
    /// # Errors
    /// A switch has a value that cannot be; nothing is changed then.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Options)) -> Result<()> {
        let mut state = self.shared().state();
        let mut options = state.options.clone();
        change(&mut options);
        options.validate().map_err(SimulatorError::Invalid)?;
        let now = &state.options;
        options.client_id.clone_from(&now.client_id);
        options.client_secret.clone_from(&now.client_secret);
        state.options = options;
        drop(state);
        self.shared().options_changed();
        Ok(())
    }

    /// Totals since the start; cheap.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared().state().ledger.counters
    }

    /// Everything that happened. A copy: with many entries it takes a moment, during which requests wait.
    #[must_use]
    pub fn ledger(&self) -> LedgerView {
        ledger_view::view(&self.shared().state(), Selection { newest: usize::MAX, user: None })
    }

    /// What happened to one user (URI, uuid or name).
    ///
    /// # Errors
    /// An unknown user.
    pub fn ledger_of(&self, user: impl AsRef<str>) -> Result<LedgerView> {
        let state = self.shared().state();
        let user = Some(state.user_or_error(user.as_ref())?);
        Ok(ledger_view::view(&state, Selection { newest: usize::MAX, user }))
    }

    /// Requests a second at an endpoint, over the last `seconds` whole seconds (at most 600).
    #[must_use]
    pub fn requests_per_second(&self, endpoint: Endpoint, seconds: u32) -> f64 {
        ledger_view::mean_rate(&self.shared().state(), endpoint, seconds, time::now())
    }

    fn shared(&self) -> &Shared {
        &self.running.shared
    }
}
