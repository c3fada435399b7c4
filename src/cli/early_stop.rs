//! SIGTERM and SIGINT before the actors run: a keeper that is asked to end while it opens its database ends in order.

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the start of the process until `process::keep` does.
pub(super) struct EarlyStop {
    term: Signal,
    interrupt: Signal,
}

impl EarlyStop {
    pub(super) fn listen(io: &Runtime) -> Result<Self> {
        let _inside = io.enter();
        Ok(Self {
            term: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    /// The signal's name, once one comes.
    pub(super) async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// The same where one has come already.
    pub(super) fn was_asked(&mut self) -> Option<&'static str> {
        self.asked().now_or_never()
    }
}
