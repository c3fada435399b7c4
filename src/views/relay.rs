//! How passing events on goes.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::shown;

/// What a notice about the relay says.
#[derive(Clone, Debug, Serialize)]
pub struct RelayView {
    /// Events to be passed on.
    pub pending: u64,
    /// Events given up.
    pub dead: u64,
    /// When the oldest of those to be passed on came.
    pub oldest_pending_at: Option<DateTime<Utc>>,
    /// Since when the application takes none.
    pub down_since: Option<DateTime<Utc>>,
    /// It answered 410 and is left alone.
    pub paused: bool,
    /// Why the latest attempt failed.
    pub error: Option<Box<str>>,
}

impl RelayView {
    /// With times as they are shown.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            oldest_pending_at: self.oldest_pending_at.map(shown),
            down_since: self.down_since.map(shown),
            ..self
        }
    }
}
