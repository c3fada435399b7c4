//! The one task that writes deliveries down.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use log::{error, info, warn};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::resolve::resolve;
use super::take_back::{Back, take_back};
use super::{InboxSettings, Item, NotTaken, Taken};
use crate::domain::event::{About, Arrival};
use crate::ports::StoreError;
use crate::services::Services;

/// Deliveries in one transaction.
pub(super) const BATCH: usize = 256;
/// Calendly waits 15 s for an answer, connecting included: a database slower than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(4);

/// Where deliveries are handed in; a run that is started again goes on with it.
pub(super) type Queue = Arc<Mutex<mpsc::Receiver<Item>>>;

pub(super) async fn run(services: Arc<Services>, settings: InboxSettings, queue: Queue) {
    let items = queue.lock_owned().await;
    let spilling = services.adapters.spill.holds_some();
    let mut intake =
        Intake { services, settings, items, spilling, full: false, spilled: 0, returning: None, returned: 0 };
    if intake.spills(spilling) {
        intake.begin_to_take_back(Duration::ZERO);
    }
    intake.run().await;
}

struct Intake {
    services: Arc<Services>,
    settings: InboxSettings,
    items: OwnedMutexGuard<mpsc::Receiver<Item>>,
    /// Deliveries go to the spill until everything in it is in the database.
    spilling: bool,
    /// The spill takes nothing either.
    full: bool,
    /// How many went to the spill.
    spilled: u64,
    /// Takes some of the spill back, and how many had gone there when it began. A task of its own: deliveries are answered
    /// meanwhile, however long the database takes.
    returning: Option<(JoinHandle<Back>, u64)>,
    returned: usize,
}

impl Intake {
    async fn run(mut self) {
        let mut batch = vec![];
        loop {
            tokio::select! {
                count = self.items.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.take(std::mem::take(&mut batch)).await;
                }
                back = ended(&mut self.returning) => self.took_back(back),
            }
        }
    }

    fn spills(&mut self, spilling: bool) -> bool {
        self.spilling = spilling;
        self.services.inbox.spilling.store(spilling, Ordering::Relaxed);
        spilling
    }

    async fn take(&mut self, batch: Vec<Item>) {
        if self.spilling {
            return self.spill(batch).await;
        }
        let deliveries: Vec<_> = batch.iter().map(|item| (&item.arrival, item.about.as_ref())).collect();
        let written = match timeout(PATIENCE, write(&self.services, &self.settings, &deliveries)).await {
            Ok(written) => written,
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        match written {
            Ok(taken) => answer(batch, taken.into_iter().map(Ok)),
            Err(error) if error.is_passing() => {
                warn!(target: "inbox", error:% = error; "the database does not take deliveries, they are kept beside it");
                self.spills(true);
                self.spill(batch).await;
                self.begin_to_take_back(super::take_back::TRY_EVERY);
            }
            Err(error) => self.one_by_one(batch, &error).await,
        }
    }

    /// One that the database refuses harms no other.
    async fn one_by_one(&mut self, batch: Vec<Item>, error: &StoreError) {
        if batch.len() == 1 {
            error!(target: "inbox", error:% = error; "a delivery was refused by the database, Calendly sends it again");
            return answer(batch, std::iter::once(Err(NotTaken(error.to_string()))));
        }
        for item in batch {
            Box::pin(self.take(vec![item])).await;
        }
    }

    async fn spill(&mut self, batch: Vec<Item>) {
        let spill = &self.services.adapters.spill;
        let kept = join_all(batch.iter().map(|item| spill.append(item.arrival.to_record()))).await;
        let spilled = kept.iter().filter(|kept| kept.is_ok()).count() as u64;
        self.spilled += spilled;
        self.services.counters().events_spilled.add(spilled);
        if let Some(Err(error)) = kept.iter().find(|kept| kept.is_err())
            && !std::mem::replace(&mut self.full, true)
        {
            error!(target: "inbox", error:% = error, hint = "make room on the disk, or bring the database back";
                "deliveries can be kept nowhere, Calendly sends them again for 24 hours");
        }
        let kept = kept.into_iter().map(|kept| match kept {
            Ok(()) => Ok(Taken::Spilled),
            Err(error) => Err(NotTaken(error.to_string())),
        });
        answer(batch, kept);
    }

    fn begin_to_take_back(&mut self, wait: Duration) {
        let task = take_back(self.services.clone(), self.settings.clone(), wait);
        self.returning = Some((self.services.io.spawn_loop(task), self.spilled));
    }

    /// When everything is back, deliveries go to the database again.
    fn took_back(&mut self, back: Option<Back>) {
        let Some((_, spilled_then)) = self.returning.take() else { return };
        match back {
            Some(Back::Some(count)) => {
                self.returned += count;
                self.begin_to_take_back(Duration::ZERO);
            }
            Some(Back::All) if self.spilled == spilled_then => {
                self.full = self.spills(false);
                let deliveries = std::mem::take(&mut self.returned);
                info!(target: "inbox", deliveries; "the database takes deliveries again, what was kept beside it is in it");
            }
            Some(Back::All) => self.begin_to_take_back(Duration::ZERO), // some came meanwhile
            Some(Back::NotYet) | None => self.begin_to_take_back(super::take_back::TRY_EVERY),
        }
    }
}

/// Writes deliveries into the database, all or none.
pub(super) async fn write(
    services: &Services,
    settings: &InboxSettings,
    deliveries: &[(&Arrival, Option<&About>)],
) -> Result<Vec<Taken>, StoreError> {
    let relays = services.settings.events.relay.is_some();
    let resolved = resolve(&*services.adapters.store, settings, relays, deliveries).await?;
    let taken = resolved
        .iter()
        .map(|events| if events.is_empty() { Taken::Dropped } else { Taken::Kept })
        .collect::<Vec<_>>();
    super::add(services, resolved.into_iter().flatten().collect()).await?;
    let dropped = taken.iter().filter(|taken| **taken == Taken::Dropped).count();
    if dropped > 0 {
        services.counters().events_dropped.add(dropped as u64);
        let all = services.counters().events_dropped.get();
        // Said each time their number has doubled: they may come again and again.
        if all.checked_ilog2() > (all - dropped as u64).checked_ilog2() {
            warn!(target: "inbox", deliveries = dropped, so_far = all; "deliveries are nobody's any more, dropped");
        }
    }
    Ok(taken)
}

/// `None` where it failed.
async fn ended(returning: &mut Option<(JoinHandle<Back>, u64)>) -> Option<Back> {
    match returning {
        Some((task, _)) => task.await.ok(),
        None => std::future::pending().await,
    }
}

fn answer(batch: Vec<Item>, answers: impl Iterator<Item = Result<Taken, NotTaken>>) {
    for (item, taken) in batch.into_iter().zip(answers) {
        let _ = item.answer.send(taken); // who went away sends it again
    }
}
