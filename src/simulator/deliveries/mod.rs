//! What Calendly tells applications: which events are due, which subscriptions get them, and the way there.
//! `due` notes an event and queues its deliveries, `dispatch` sends them, `settle` draws the conclusions; what
//! happened stands in `ledger`, which `view` shows.

mod clock;
pub(super) mod control;
mod dispatch;
mod due;
mod handle;
mod ledger;
mod options;
mod post;
mod queue;
mod settle;
mod signature;
mod view;

use std::sync::Arc;

use hyper::body::Bytes;

pub(super) use dispatch::run as deliver;
pub use options::{AfterRetries, DeliveryOptions};
pub use view::{DeliveryAttempt, DueEvent};

use super::chance::Chance;
use ledger::DeliveryLedger;
use queue::Queue;

/// One message to one subscription.
pub(super) struct Delivery {
    pub subscription: u32,
    /// Of the subscription, which may end while it is on its way.
    pub uuid: u128,
    pub url: Arc<str>,
    /// The number of its event.
    pub event: u64,
    /// Whose subscription it is; faults are set for users.
    pub user: u32,
    pub body: Bytes,
    /// How long it is tried, from its first attempt.
    pub patience: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first taken to be sent.
    pub first_at: i64,
    /// When it was last taken to be sent.
    pub taken_at: i64,
    /// It had arrived before.
    pub repeated: bool,
}

/// Everything about deliveries that stands behind the simulator's lock.
pub(super) struct Deliveries {
    pub queue: Queue,
    pub ledger: DeliveryLedger,
    /// For the spread of retries.
    chance: Chance,
}

impl Deliveries {
    pub(crate) fn new(options: &DeliveryOptions, ledger_entries: usize, seed: u64) -> Self {
        Self {
            queue: Queue::new(options.delivery_clock),
            ledger: DeliveryLedger::new(ledger_entries),
            chance: Chance::new(seed ^ 0x7265_7472),
        }
    }
}
