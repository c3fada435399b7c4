//! Writes the timeline behind the work: entries are collected and written together, so that no rotation waits for them.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use log::warn;
use tokio::sync::{mpsc, oneshot};

use crate::domain::ids::ConnectionId;
use crate::domain::timeline::{Entry, Kind};
use crate::ports::{Clock, Store};
use crate::runtime::{IoRuntime, sleep};

/// More than these are not kept while the database is away.
const CAPACITY: usize = 50_000;
const BATCH: usize = 1_000;
/// An entry waits so long for others: each write is one more that rotations have to share the database with.
const LINGER: Duration = Duration::from_millis(200);

/// Where entries are handed in.
#[derive(Clone)]
pub struct Timeline {
    clock: Arc<dyn Clock>,
    entries: mpsc::Sender<Item>,
}

enum Item {
    Entry(Box<Entry>),
    /// Answered when everything before it is written, or given up.
    Flush(oneshot::Sender<()>),
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").field("free", &self.entries.capacity()).finish()
    }
}

impl Timeline {
    /// Starts the writer.
    pub fn start(io: &IoRuntime, clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Self {
        let (entries, queue) = mpsc::channel(CAPACITY);
        io.spawn_loop(write(queue, store));
        Self { clock, entries }
    }

    /// Waits until what was noted so far is written, `deadline` at most.
    pub async fn flush(&self, deadline: Duration) {
        let (done, written) = oneshot::channel();
        let _ = tokio::time::timeout(deadline, async {
            if self.entries.send(Item::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        })
        .await;
    }

    /// Notes what happened. `detail` holds no secret.
    pub fn note(
        &self,
        connection: &ConnectionId,
        kind: Kind,
        text: impl Into<String>,
        detail: serde_json::Value,
    ) {
        let at = self.clock.now();
        let entry = Entry { connection: connection.clone(), at, kind, text: text.into(), detail };
        if self.entries.try_send(Item::Entry(Box::new(entry))).is_err() {
            warn!(target: "timeline", connection:% = connection, kind = kind.as_str(); "timeline entry dropped, the database is too slow");
        }
    }
}

/// Forgets what is older than `keep`, a little at a time, so that no refresh waits for it.
pub async fn forget_old(store: &dyn Store, clock: &dyn Clock, keep: Duration) {
    let Some(before) = TimeDelta::from_std(keep).ok().and_then(|keep| clock.now().checked_sub_signed(keep))
    else {
        return;
    };
    loop {
        match store.forget_timeline(before).await {
            Ok(0) => return,
            Ok(_) => sleep(Duration::from_millis(50)).await,
            Err(error) => {
                warn!(target: "timeline", error:% = error; "old timeline entries could not be deleted, next time");
                return;
            }
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Item>, store: Arc<dyn Store>) {
    let mut items = Vec::new();
    while collect(&mut queue, &mut items).await {
        let mut entries = Vec::with_capacity(items.len());
        let mut waiting = vec![];
        for item in items.drain(..) {
            match item {
                Item::Entry(entry) => entries.push(*entry),
                Item::Flush(done) => waiting.push(done),
            }
        }
        write_batch(entries, &*store, waiting.is_empty()).await;
        for done in waiting {
            let _ = done.send(());
        }
    }
}

/// Waits for one item, then a little for more; not at all where somebody waits for the end. False at the end.
async fn collect(queue: &mut mpsc::Receiver<Item>, items: &mut Vec<Item>) -> bool {
    if queue.recv_many(items, BATCH).await == 0 {
        return false;
    }
    if items.len() < BATCH && items.iter().all(|item| matches!(item, Item::Entry(_))) {
        let more = async {
            while items.len() < BATCH
                && let Some(item) = queue.recv().await
            {
                let awaited = matches!(item, Item::Flush(_));
                items.push(item);
                if awaited {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, more).await;
    }
    true
}

/// Tries until it is written; where somebody waits for the end, once.
async fn write_batch(entries: Vec<Entry>, store: &dyn Store, patient: bool) {
    let mut wait = Duration::from_millis(100);
    while !entries.is_empty() {
        match store.record(entries.clone()).await {
            Ok(()) => return,
            Err(error) if patient && error.is_passing() => sleep(wait).await,
            Err(error) => {
                warn!(target: "timeline", entries = entries.len(), error:% = error; "timeline entries not written");
                return;
            }
        }
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
