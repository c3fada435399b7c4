//! Tells whoever waits that events have come.

use tokio::sync::watch;

/// Counts the batches of new events.
#[derive(Debug)]
pub struct Arrivals(watch::Sender<u64>);

impl Default for Arrivals {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Arrivals {
    /// New events are in the database.
    pub fn note(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Says when there are more. Subscribe before looking, so that nothing is missed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
