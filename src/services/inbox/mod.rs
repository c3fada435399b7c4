//! The inbox: what Calendly delivers is durable before it is answered, in the database or, while that is away, beside it.
//!
//! One task writes, in batches; it alone knows whether the database takes deliveries. What it could not take is spilled,
//! and taken in, in its order, before anything newer goes to the database again.

pub mod arrivals;
mod intake;
mod oversized;
mod resolve;
mod take_back;
mod upkeep;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Services;
use super::restarted::restarted;
use crate::domain::event::{About, Arrival, NewEvent, recognise};
use crate::domain::secrets::SigningKey;
use crate::domain::subscription::Scope;
use crate::ports::StoreError;
use crate::runtime::sleep;

pub use arrivals::Arrivals;
pub use oversized::too_large;
pub use upkeep::{erase_of, expire};

/// More deliveries than these wait for the writer.
const QUEUE: usize = 4096;
/// Kilobytes of bodies at once: 256 MiB.
const ROOM: usize = 256 * 1024;
/// How often files of the spill that are not needed any more are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// How deliveries are taken.
#[derive(Clone, Debug)]
pub struct InboxSettings {
    /// Newest first; never empty.
    pub signing_keys: Arc<[SigningKey]>,
    /// In bytes; a larger body is refused.
    pub max_body: usize,
    /// For whose events subscriptions are.
    pub scope: Scope,
    /// What is no event is relayed, too.
    pub unrecognized: bool,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the database, or was before.
    Kept,
    /// It is durable beside the database.
    Spilled,
    /// It is nobody's any more.
    Dropped,
}

/// Nothing could keep it: Calendly has to send it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the delivery could not be kept: {0}")]
pub struct NotTaken(pub String);

/// Hands deliveries to the writer.
#[derive(Debug)]
pub struct Inbox {
    queue: OnceLock<mpsc::Sender<Item>>,
    /// Deliveries go to the spill.
    spilling: AtomicBool,
    /// Kilobytes of bodies that were not answered yet.
    room: Arc<Semaphore>,
    /// Whoever waits for new events.
    pub arrivals: Arrivals,
}

struct Item {
    arrival: Arrival,
    about: Option<About>,
    answer: oneshot::Sender<Result<Taken, NotTaken>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            queue: OnceLock::new(),
            spilling: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(ROOM)),
            arrivals: Arrivals::default(),
        }
    }
}

impl Inbox {
    /// Room in memory for a body until it is answered; `None` where there is none now. Whoever reads a body needs it: its
    /// signature is known at its end only.
    #[must_use]
    pub fn room_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kilobytes = u32::try_from(bytes / 1024 + 1).ok()?;
        self.room.clone().try_acquire_many_owned(kilobytes).ok()
    }

    /// Takes a delivery whose signature was checked. Durable when it returns.
    ///
    /// # Errors
    /// Where nothing could keep it.
    pub async fn take(&self, arrival: Arrival) -> Result<Taken, NotTaken> {
        let stopped = || NotTaken("the keeper does not take deliveries now".into());
        let queue = self.queue.get().ok_or_else(stopped)?;
        let about = recognise(&arrival.body);
        let (answer, answered) = oneshot::channel();
        queue.send(Item { arrival, about, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// Starts the writer, where deliveries are taken at all.
pub(super) fn start(services: &Arc<Services>) {
    let Some(settings) = services.settings.events.inbox.clone() else { return };
    let (queue, items) = mpsc::channel(QUEUE);
    if services.inbox.queue.set(queue).is_ok() {
        let (of, queue) = (services.clone(), Arc::new(Mutex::new(items)));
        let run = move || intake::run(of.clone(), settings.clone(), queue.clone());
        services.io.spawn_loop(restarted(services.io.clone(), "inbox", run));
        services.io.spawn_loop(tidy(services.clone()));
    }
}

/// While something is spilled it stays: all of it may be needed.
async fn tidy(services: Arc<Services>) {
    loop {
        sleep(TIDY_EVERY).await;
        if !services.inbox.spilling.load(Ordering::Relaxed) {
            services.adapters.spill.tidy().await;
        }
    }
}

/// Keeps events that did not come by a delivery; whether each is new.
///
/// # Errors
/// Where the database does not take them.
pub async fn add(services: &Services, events: Vec<NewEvent>) -> Result<Vec<bool>, StoreError> {
    if events.is_empty() {
        return Ok(vec![]);
    }
    let are_new = services.adapters.store.take_in(events).await?;
    let (new, all) = (are_new.iter().filter(|is_new| **is_new).count(), are_new.len());
    services.counters().events_kept.add(new as u64);
    services.counters().events_duplicate.add((all - new) as u64);
    if new > 0 {
        services.inbox.arrivals.note();
    }
    Ok(are_new)
}
