//! The whole story of being asked to stop: a flag that everybody can look at and wait for.

use tokio::sync::watch;

/// Raised once, never lowered. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<bool>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Shutdown {
    /// No new work from now on.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is requested.
    pub async fn requested(&self) {
        let mut flag = self.0.subscribe();
        let _ = flag.wait_for(|requested| *requested).await;
    }
}
