//! The one task that writes deliveries down.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use log::{debug, error, info, warn};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::resolve::resolve;
use super::{InboxSettings, Item, NotTaken, Taken};
use crate::domain::event::{About, Arrival, recognise};
use crate::ports::{Spill, StoreError};
use crate::runtime::sleep;
use crate::services::Services;

/// Deliveries in one transaction.
const BATCH: usize = 256;
/// Bytes in one transaction, more or less.
const BATCH_BYTES: usize = 8 << 20;
/// Calendly waits 15 s for an answer, connecting included: a database slower than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often an absent database is tried.
const TRY_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(services: Arc<Services>, settings: InboxSettings, items: mpsc::Receiver<Item>) {
    let spilling = services.adapters.spill.holds_some();
    let wait = Box::pin(sleep(Duration::ZERO));
    Intake { services, settings, items, spilling, wait, full: false, taken_back: 0 }.run().await;
}

struct Intake {
    services: Arc<Services>,
    settings: InboxSettings,
    items: mpsc::Receiver<Item>,
    /// Deliveries go to the spill until everything in it is in the database.
    spilling: bool,
    /// Until the spill is looked at again.
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The spill takes nothing either.
    full: bool,
    taken_back: usize,
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
                () = &mut self.wait, if self.spilling => self.take_back().await,
            }
        }
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
                self.spilling = true;
                self.wait = Box::pin(sleep(TRY_EVERY));
                self.spill(batch).await;
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
        let spilled = kept.iter().filter(|kept| kept.is_ok()).count();
        self.services.counters().events_spilled.add(spilled as u64);
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

    /// Some of what was spilled goes into the database; when it is empty, deliveries go there again.
    async fn take_back(&mut self) {
        let spill = self.services.adapters.spill.clone();
        let records = match spill.next(BATCH_BYTES).await {
            Ok(records) => records,
            Err(error) => {
                error!(target: "inbox", error:% = error; "what was kept beside the database cannot be read, trying again");
                self.wait = Box::pin(sleep(TRY_EVERY * 10));
                return;
            }
        };
        if records.is_empty() {
            return self.done(&*spill).await;
        }
        let count = records.len();
        let arrivals: Vec<_> = records.iter().filter_map(|record| Arrival::from_record(record)).collect();
        if arrivals.len() < count {
            error!(target: "inbox", records = count - arrivals.len(); "some of what was kept beside the database is no delivery");
        }
        if back_into_the_database(&self.services, &self.settings, &arrivals).await {
            spill.took().await;
            self.taken_back += count;
            self.wait = Box::pin(std::future::ready(()));
        } else {
            self.wait = Box::pin(sleep(TRY_EVERY));
        }
    }

    async fn done(&mut self, spill: &dyn Spill) {
        // Nothing may be left behind by a database that is asked for nothing: it has to take something first.
        if self.services.adapters.store.try_write().await.is_err() {
            self.wait = Box::pin(sleep(TRY_EVERY));
            return;
        }
        spill.took().await;
        (self.spilling, self.full) = (false, false);
        let deliveries = std::mem::take(&mut self.taken_back);
        info!(target: "inbox", deliveries; "the database takes deliveries again, what was kept beside it is in it");
    }
}

async fn write(
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
        debug!(target: "inbox", deliveries = dropped; "deliveries are nobody's any more, dropped");
    }
    Ok(taken)
}

/// False where the database is still away.
async fn back_into_the_database(services: &Services, settings: &InboxSettings, arrivals: &[Arrival]) -> bool {
    for some in arrivals.chunks(BATCH) {
        let abouts: Vec<_> = some.iter().map(|arrival| recognise(&arrival.body)).collect();
        let all: Vec<_> = some.iter().zip(abouts.iter().map(Option::as_ref)).collect();
        match write(services, settings, &all).await {
            Ok(_) => {}
            Err(error) if error.is_passing() => return false,
            Err(_) => {
                for one in all.chunks(1) {
                    match write(services, settings, one).await {
                        Ok(_) => {}
                        Err(error) if error.is_passing() => return false,
                        Err(error) => {
                            error!(target: "inbox", error:% = error; "a delivery was refused by the database, it is in the spill for ten minutes");
                        }
                    }
                }
            }
        }
    }
    true
}

fn answer(batch: Vec<Item>, answers: impl Iterator<Item = Result<Taken, NotTaken>>) {
    for (item, taken) in batch.into_iter().zip(answers) {
        let _ = item.answer.send(taken); // who went away sends it again
    }
}
