//! The handle's methods about deliveries.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::view::{self, DeliveryAttempt, DueEvent, Part};
use crate::simulator::{Result, Simulator};

/// Deliveries, and what should have been seen of them.
impl Simulator {
    /// Every event that an application should have seen, oldest first, whether or not there was a subscription.
    #[must_use]
    pub fn due_events(&self) -> Vec<DueEvent> {
        view::due_events(&self.shared().state(), Part::default()).collect()
    }

    /// The events of one user's meetings (URI, uuid or name), those at `since` or later.
    ///
    /// # Errors
    /// An unknown user.
    pub fn due_events_of(
        &self,
        user: impl AsRef<str>,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<DueEvent>> {
        let state = self.shared().state();
        let user = Some(state.user_or_error(user.as_ref())?);
        let since = since.map(|since| since.timestamp_micros());
        Ok(view::due_events(&state, Part { user, since, ..Part::default() }).collect())
    }

    /// Every attempt to deliver, oldest first.
    #[must_use]
    pub fn delivery_attempts(&self) -> Vec<DeliveryAttempt> {
        view::attempts(&self.shared().state(), Part::default()).collect()
    }

    /// How many deliveries are on their way or wait to be tried again.
    #[must_use]
    pub fn pending_deliveries(&self) -> usize {
        self.shared().state().deliveries.queue.pending()
    }

    /// Lets time pass at once, for deliveries alone: what is due by then is tried now.
    pub fn pass_delivery_time(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        self.shared().state().deliveries.queue.pass(micros);
    }
}
