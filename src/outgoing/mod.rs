//! Posts to the application's own servers: notices, over one configured client.
//!
//! As for Calendly's client, connections are carried by the runtime that opened them: to be called on the I/O runtime alone.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, redirect, retry};

use crate::ports::{Message, Outgoing, Posted};

/// For connecting, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Shorter than a usual server keeps an idle connection.
const IDLE: Duration = Duration::from_secs(4);

/// Sends over HTTP.
#[derive(Clone, Debug)]
pub struct Poster(Client);

/// Why there can be no client.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing messages cannot be set up: {0}; is the system's CA bundle installed?")]
pub struct SetupError(String);

impl Poster {
    /// Sets the client up; connects to nothing. A redirect would carry a signed message to whom it was not meant for.
    ///
    /// # Errors
    /// Says why there is no HTTP or TLS.
    pub fn new() -> Result<Self, SetupError> {
        Client::builder()
            .user_agent(concat!("calendly-keeper/", env!("CARGO_PKG_VERSION")))
            .tls_backend_rustls()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .build()
            .map(Self)
            .map_err(|error| SetupError(explain(error)))
    }
}

#[async_trait]
impl Outgoing for Poster {
    async fn post(&self, message: Message<'_>, patience: Duration) -> Posted {
        let mut request = self.0.post(message.to.clone()).timeout(patience).body(message.body);
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => Posted::Answered { status: response.status().as_u16() },
            Err(error) if error.is_connect() || error.is_builder() => Posted::NotSent(explain(error)),
            Err(error) => Posted::Lost(explain(error)),
        }
    }
}

/// The error and its causes, without the URL, which may hold a secret of the receiver.
fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
