//! SIGTERM and SIGINT, listened to from the start of the process on: one that comes while the database is opened, or
//! right after another, must not go by unheard.

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to stop. A signal waits here until it is asked for.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens on the runtime that outlives all others.
    ///
    /// # Errors
    /// Where the system lets nobody listen.
    pub fn listen(io: &Runtime) -> Result<Self> {
        let _inside = io.enter();
        Ok(Self {
            term: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
