//! Append-only files that are durable when an append returns: the rotation journal, the inbox's spill.
//!
//! One task owns the files. What is ready at once is written and made durable at once. A file is closed after a while and
//! removed when everything in it has been settled elsewhere for long enough.

mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod journal;
mod memory;
mod memory_spill;
mod reached;
mod record;
mod segment;
mod settled;
mod spill;
mod task;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub use self::journal::{JournalFile, Place};
pub use self::memory::MemoryJournal;
pub use self::memory_spill::MemorySpill;
pub use self::spill::SpillFile;
use self::task::{Job, Task};
use crate::ports::{Clock, JournalError, Receipt};

/// More appends than these wait for room.
const QUEUE: usize = 1024;

/// Which files are this spool's.
#[derive(Clone, Debug)]
struct Home {
    directory: PathBuf,
    /// What the records are, as in the files' first line.
    kind: &'static str,
    /// Of which database.
    database: String,
}

/// Hands work to the task. The task ends after the last of these is gone.
#[derive(Clone)]
struct Spool {
    jobs: mpsc::Sender<Job>,
}

/// Called for each record, oldest first. An error says that the record cannot be one of this spool's.
type Visit = Box<dyn FnMut(Vec<u8>) -> Result<(), String> + Send>;

impl Spool {
    /// Looks at the files that are there.
    ///
    /// # Errors
    /// Where one of them is of another database or damaged, or the directory cannot be used. Nothing is changed then.
    async fn open(
        home: Home,
        clock: Arc<dyn Clock>,
        handle: &Handle,
        visit: Visit,
    ) -> Result<Self, JournalError> {
        let mut task = Task::new(home, clock);
        task.prepare()?;
        task.read(visit).await?;
        let (jobs, incoming) = mpsc::channel(QUEUE);
        handle.spawn(task.run(incoming));
        Ok(Self { jobs })
    }

    /// Durable when it returns.
    async fn append(&self, record: Vec<u8>) -> Result<Receipt, JournalError> {
        self.ask(|answer| Job::Append { record, answer }).await?
    }

    /// Visits every record, oldest first.
    async fn read(&self, visit: Visit) -> Result<(), JournalError> {
        self.ask(|answer| Job::Read { visit, answer }).await?
    }

    /// What that append wrote is durable elsewhere.
    async fn settle(&self, receipt: Receipt) {
        let _ = self.jobs.send(Job::Settle(receipt)).await;
    }

    /// What the latest read visited is durable elsewhere; `wrote`: some of it only since just now.
    async fn settle_read(&self, wrote: bool) {
        let _ = self.jobs.send(Job::SettleRead { wrote }).await;
    }

    /// Whatever is there is durable elsewhere.
    async fn settle_all(&self) {
        let _ = self.jobs.send(Job::SettleAll).await;
    }

    /// Removes what was settled long enough ago.
    async fn tidy(&self) {
        let _ = self.jobs.send(Job::Tidy).await;
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, JournalError> {
        let stopped = || JournalError::Unwritable("the spool is shutting down".into());
        let (answer, answered) = oneshot::channel();
        self.jobs.send(job(answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())
    }
}
