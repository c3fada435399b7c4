//! What was spilled goes into the database, in its order, when that takes writes again.

use std::sync::Arc;
use std::time::Duration;

use log::error;

use super::InboxSettings;
use super::intake::{BATCH, write};
use crate::domain::event::{About, Arrival, recognise};
use crate::ports::Spill;
use crate::runtime::sleep;
use crate::services::Services;

/// How often an absent database is tried.
pub(super) const TRY_EVERY: Duration = Duration::from_secs(1);
/// A delivery that the database does not take while it takes others is tried so often.
const AGAIN: usize = 3;
/// Read at once: each look passes over what was taken already.
const PORTION: usize = 32 << 20;

/// How far it has come.
pub(super) enum Back {
    /// So many are in the database, and there may be more.
    Some(usize),
    /// There were no more.
    All,
    /// The database is still away.
    NotYet,
}

/// Takes some back, after a wait.
pub(super) async fn take_back(services: Arc<Services>, settings: InboxSettings, wait: Duration) -> Back {
    sleep(wait).await;
    // Asked first: reading the spill for nothing would be dear.
    if services.adapters.store.try_write().await.is_err() {
        return Back::NotYet;
    }
    let spill = services.adapters.spill.clone();
    let records = match spill.next(PORTION).await {
        Ok(records) => records,
        Err(error) => {
            error!(target: "inbox", error:% = error, hint = "put back a whole copy of the file, or move it away";
                "what was kept beside the database cannot be read, trying again");
            sleep(TRY_EVERY * 10).await;
            return Back::NotYet;
        }
    };
    for some in records.chunks(BATCH) {
        if !portion(&services, &settings, &*spill, some).await {
            return Back::NotYet;
        }
    }
    spill.took().await;
    if records.is_empty() { Back::All } else { Back::Some(records.len()) }
}

/// False where the database is away again.
async fn portion(
    services: &Services,
    settings: &InboxSettings,
    spill: &dyn Spill,
    records: &[Vec<u8>],
) -> bool {
    let (mut arrivals, mut whole) = (vec![], vec![]);
    for record in records {
        match Arrival::from_record(record) {
            Some(arrival) => {
                arrivals.push((recognise(&arrival.body), arrival));
                whole.push(record);
            }
            None if aside(spill, record, "it is no delivery").await => {}
            None => return false,
        }
    }
    let deliveries: Vec<(&Arrival, Option<&About>)> =
        arrivals.iter().map(|(about, arrival)| (arrival, about.as_ref())).collect();
    if write(services, settings, &deliveries).await.is_ok() {
        return true;
    }
    // One that the database does not take must not keep all others out.
    'deliveries: for (one, record) in deliveries.chunks(1).zip(whole) {
        let mut why = String::new();
        for _ in 0..AGAIN {
            match write(services, settings, one).await {
                Ok(_) => continue 'deliveries,
                Err(error) => why = error.to_string(),
            }
            // Not while the database goes away in this moment: then it is nobody's fault but its own.
            if services.adapters.store.try_write().await.is_err() {
                return false;
            }
            sleep(TRY_EVERY).await;
        }
        if !aside(spill, record, &why).await {
            return false;
        }
    }
    true
}

/// False where it could not be kept apart: then it stays in the spill, with all that came after it.
async fn aside(spill: &dyn Spill, record: &[u8], why: &str) -> bool {
    let failed = spill.set_aside(record.to_vec()).await.err().map(|error| error.to_string());
    error!(target: "inbox", error = why, aside = failed.as_deref().unwrap_or_default(), hint = "the file with the extension .aside in data_dir/spill has it";
        "a delivery that was acknowledged is not taken by the database, it is kept apart");
    failed.is_none()
}
