//! Puts a keeper together: clock, chance, Calendly's client and the store behind their ports, services above them.

use std::sync::Arc;

use anyhow::Context as _;

use super::open::Beside;
use crate::calendly::{self, Calendly};
use crate::clock::RandomJitter;
use crate::outgoing::Poster;
use crate::ports::{Clock, Store};
use crate::runtime::IoRuntime;
use crate::services::{self, Adapters, Services};
use crate::shutdown::Shutdown;

/// The services of a keeper that talks to Calendly over HTTP.
///
/// # Errors
/// Where the HTTP client cannot be set up.
pub fn services(
    client: &calendly::Settings,
    settings: services::Settings,
    store: Arc<dyn Store>,
    beside: Beside,
    clock: Arc<dyn Clock>,
    io: &tokio::runtime::Handle,
) -> anyhow::Result<Arc<Services>> {
    let calendly = Calendly::new(client, clock.clone()).context("the client for Calendly cannot be made")?;
    let adapters = Adapters {
        clock,
        jitter: Arc::new(RandomJitter),
        tokens: calendly.tokens,
        subscriptions: calendly.api.clone(),
        meetings: calendly.api,
        store,
        journal: beside.journal,
        spill: beside.spill,
        outgoing: Arc::new(Poster::new().context("notices and events cannot be sent")?),
    };
    // Whatever services start beside runs on the I/O runtime.
    let _inside = io.enter();
    Ok(Services::start(adapters, settings, IoRuntime::new(io.clone()), Shutdown::default()))
}
