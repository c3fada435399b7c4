//! What is counted and measured, for Prometheus: read from the cells and counters when it is asked for, so that nothing
//! is counted twice, and counting costs nothing. `docs/METRICS.md` explains each.

mod events;
mod keeper;
mod page;
mod process;
mod requests;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::actors::Shared;
use keeper::Keeper;
use process::Process;
pub(super) use requests::{Request, Requests, Route};

/// As `encode` writes it.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process.
pub(super) struct Metrics(Registry);

impl Metrics {
    pub(super) fn new(shared: Arc<Shared>, requests: &Requests) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Keeper(shared)));
        registry.register_collector(Box::new(Process));
        requests.register(&mut registry);
        Self(registry)
    }

    /// As text.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
