//! Writes the timeline behind the work: entries are collected and written together, so that no rotation waits for them.

use std::sync::Arc;
use std::time::Duration;

use log::warn;
use tokio::sync::mpsc;

use crate::domain::ids::ConnectionId;
use crate::domain::timeline::{Entry, Kind};
use crate::ports::{Clock, Store};
use crate::runtime::{IoRuntime, sleep};

/// More than these are not kept while the database is away.
const CAPACITY: usize = 50_000;
const BATCH: usize = 1_000;

/// Where entries are handed in.
#[derive(Clone)]
pub struct Timeline {
    clock: Arc<dyn Clock>,
    entries: mpsc::Sender<Entry>,
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").field("free", &self.entries.capacity()).finish()
    }
}

impl Timeline {
    /// Starts the writer; it ends when the last clone is dropped and everything is written.
    pub fn start(io: &IoRuntime, clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Self {
        let (entries, queue) = mpsc::channel(CAPACITY);
        io.spawn(write(queue, store));
        Self { clock, entries }
    }

    /// Notes what happened. `detail` holds no secret.
    pub fn note(
        &self,
        connection: &ConnectionId,
        kind: Kind,
        text: impl Into<String>,
        detail: serde_json::Value,
    ) {
        let entry =
            Entry { connection: connection.clone(), at: self.clock.now(), kind, text: text.into(), detail };
        if self.entries.try_send(entry).is_err() {
            warn!(target: "timeline", connection:% = connection, kind = kind.as_str(); "timeline entry dropped, the database is too slow");
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Entry>, store: Arc<dyn Store>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut wait = Duration::from_millis(100);
        loop {
            match store.record(batch.clone()).await {
                Ok(()) => break,
                // While the last sender is gone the keeper is stopping: one honest try, no endless wait.
                Err(_) if !queue.is_closed() => sleep(wait).await,
                Err(error) => {
                    warn!(target: "timeline", entries = batch.len(), error:% = error; "timeline entries not written");
                    break;
                }
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        batch.clear();
    }
}
