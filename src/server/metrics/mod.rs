//! What is counted and measured, for Prometheus: read from the cells and counters when it is asked for, so that nothing
//! is counted twice, and counting costs nothing. `docs/METRICS.md` explains each.

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
pub(super) use requests::{Request, Requests};

/// As `encode` writes it.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process.
pub(super) struct Metrics {
    registry: Registry,
    /// To be told of each request that was answered.
    pub(super) requests: Requests,
}

impl Metrics {
    pub(super) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Keeper(shared)));
        registry.register_collector(Box::new(Process));
        let requests = Requests::default();
        requests.register(&mut registry);
        Arc::new(Self { registry, requests })
    }

    /// As text.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
