//! Calendly over HTTP: the token endpoint, the webhook subscriptions, the meetings. Nothing here decides what to do about an answer.
//!
//! Connections are carried by the runtime that opened them: call the ports from tasks on the I/O runtime alone,
//! or an arbiter that stops takes other connections' requests in flight with it.

mod api_client;
mod errors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod half;
mod http;
mod meetings;
mod once;
mod rate;
mod reach;
mod skew;
mod token_client;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use self::api_client::ApiClient;
pub use self::reach::reach;
pub use self::token_client::TokenClient;
use crate::domain::secrets::ClientSecret;
use crate::ports::Clock;
use skew::Skew;

/// Where Calendly is, who we are there, how patient we are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `calendly.auth_url`: the OAuth server.
    pub auth_url: Url,
    /// `calendly.api_url`.
    pub api_url: Url,
    /// `calendly.token_url`: the token endpoint, where it is not `/oauth/token` of the OAuth server.
    pub token_url: Option<Url>,
    /// `calendly.client_id`.
    pub client_id: String,
    /// `calendly.client_secret`.
    pub client_secret: ClientSecret,
    /// For a whole call of the API.
    pub request_timeout: Duration,
    /// For the token endpoint's answer, from when the request is on its way.
    pub token_timeout: Duration,
    /// For connecting, TLS included.
    pub connect_timeout: Duration,
}

/// The consent page that users are sent to: `/oauth/authorize` of the OAuth server.
///
/// # Errors
/// Where nothing can be put behind the URL.
pub fn authorize_url(auth_url: &Url) -> Result<Url, SetupError> {
    http::endpoint(auth_url, "calendly.auth_url", &["oauth", "authorize"])
}

impl Settings {
    /// Calendly itself, with the timeouts that the rotation's safety was calculated with.
    #[must_use]
    pub fn new(
        auth_url: Url,
        api_url: Url,
        client_id: impl Into<String>,
        client_secret: ClientSecret,
    ) -> Self {
        Self {
            auth_url,
            api_url,
            token_url: None,
            client_id: client_id.into(),
            client_secret,
            request_timeout: Duration::from_secs(30),
            token_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A URL that nothing can be put behind, or that would put a secret into requests on its own.
    #[error("{key} must be an http or https URL without user, query and fragment")]
    Url {
        /// The configuration key.
        key: &'static str,
    },
    /// The HTTP or TLS layer could not be set up.
    #[error("the HTTP client cannot be set up: {0}; is the system's CA bundle installed?")]
    Http(String),
}

/// Both clients, to be made once for the whole process.
#[derive(Clone, Debug)]
pub struct Calendly {
    /// The token endpoint.
    pub tokens: Arc<TokenClient>,
    /// The API.
    pub api: Arc<ApiClient>,
    skew: Arc<Skew>,
}

impl Calendly {
    /// Checks the URLs and sets the clients up; connects to nothing.
    ///
    /// # Errors
    /// Names the key that is wrong, or says why there is no HTTP or TLS.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let skew = Arc::new(Skew::new(clock.clone()));
        Ok(Self {
            tokens: Arc::new(TokenClient::new(settings, clock.clone(), skew.clone())?),
            api: Arc::new(ApiClient::new(settings, clock, skew.clone())?),
            skew,
        })
    }

    /// How many seconds Calendly's clock is ahead of ours (negative: behind), as last seen in a `Date` header.
    #[must_use]
    pub fn skew_seconds(&self) -> Option<i64> {
        self.skew.seconds()
    }
}
