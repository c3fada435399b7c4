//! SIGTERM, SIGINT and SIGHUP, listened to from the start of the process on: one that comes while the database is opened, or
//! right after another, must not go by unheard.

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to stop. A signal waits here until it is asked for.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    interrupt: Signal,
    /// Unheard it would end the process at once, in the middle of refreshes. `None` where whoever started us wants it
    /// ignored, as `nohup` does.
    hangup: Option<Signal>,
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
            hangup: (!ignores_hangup())
                .then(|| signal(SignalKind::hangup()))
                .transpose()
                .context("cannot listen for SIGHUP")?,
        })
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = hangup => "SIGHUP",
        }
    }
}

/// Whether SIGHUP was ignored when this process began; it can be asked only before somebody listens.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first signal's bit is the lowest.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
