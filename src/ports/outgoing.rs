//! What the keeper sends to the application's own servers.

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

/// One message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Where to.
    pub to: &'a Url,
    /// Its headers, the signature's among them.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What came of sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// There was an answer.
    Answered {
        /// Its status: a redirect is one like any other.
        status: u16,
    },
    /// It may have arrived; why there was no answer.
    Lost(String),
    /// It has not arrived, and why.
    NotSent(String),
}

/// Sends messages. Follows no redirect, and no layer below resends.
#[async_trait]
pub trait Outgoing: Send + Sync {
    /// Sends it, once, and waits so long for an answer's head. What the answer holds besides is not read.
    async fn post(&self, message: Message<'_>, patience: Duration) -> Posted;
}
