//! A data directory and the processes that start on it.

use std::collections::BTreeMap;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::domain::journal::Known;

/// Stands still until it is moved.
#[derive(Clone)]
pub(super) struct HandClock(Arc<Mutex<(DateTime<Utc>, Duration)>>);

impl HandClock {
    pub(super) fn pass(&self, time: Duration) {
        let mut both = self.0.lock().unwrap();
        both.0 += time;
        both.1 += time;
    }

    /// As an administrator does; the time since boot goes on.
    pub(super) fn set_back(&self, by: TimeDelta) {
        self.0.lock().unwrap().0 -= by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().0
    }

    fn boot(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// A data directory, and the configuration of whoever starts on it.
pub(super) struct Machine {
    _temporary: Option<TempDir>,
    pub(super) directory: PathBuf,
    pub(super) database: String,
    pub(super) keys: Vec<String>,
    pub(super) clock: HandClock,
}

/// A keeper's process. To drop it is to kill it: what was not on the disk is gone, its locks are free.
pub(super) struct Process {
    pub(super) journal: Arc<JournalFile>,
    pub(super) runtime: Runtime,
}

impl Machine {
    pub(super) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("journal");
        Self { _temporary: Some(temporary), ..Self::on(directory) }
    }

    pub(super) fn on(directory: PathBuf) -> Self {
        let clock = HandClock(Arc::new(Mutex::new((at(0), Duration::from_secs(1000)))));
        Self { _temporary: None, directory, database: "d1".into(), keys: vec![key("k1")], clock }
    }

    pub(super) fn try_start(&self) -> Result<Process, JournalError> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let place = Place { directory: self.directory.clone(), database: self.database.clone() };
        let sealer = Arc::new(KeyRing::parse(&self.keys).unwrap());
        let opened = JournalFile::open(place, sealer, Arc::new(self.clock.clone()), runtime.handle());
        let journal = Arc::new(runtime.block_on(opened)?);
        Ok(Process { journal, runtime })
    }

    pub(super) fn start(&self) -> Process {
        self.try_start().unwrap()
    }

    /// What a refusal says. It changes nothing.
    pub(super) fn refusal(&self) -> String {
        let before = self.bytes();
        let refused = self.try_start().err();
        assert_eq!(self.bytes(), before, "left byte for byte as it was");
        match refused {
            Some(JournalError::Unusable(what)) => what,
            other => panic!("{other:?}"),
        }
    }

    /// Every file there.
    pub(super) fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(&self.directory).unwrap().map(Result::unwrap);
        let read =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        entries.map(read).collect()
    }

    /// The files with records, in their order.
    pub(super) fn names(&self) -> Vec<String> {
        self.bytes().into_keys().filter(|name| name != "settled").collect()
    }

    /// The path of the `nth` file.
    pub(super) fn path(&self, nth: usize) -> PathBuf {
        self.directory.join(&self.names()[nth])
    }

    /// What a keeper that starts now knows, as `id` and generation.
    pub(super) fn after_a_restart(&self) -> Vec<(String, i64)> {
        self.start().generations()
    }
}

impl Process {
    pub(super) fn append(&self, record: Record) -> Result<Receipt, JournalError> {
        self.runtime.block_on(self.journal.append(record))
    }

    pub(super) fn keep(&self, record: Record) -> Receipt {
        self.append(record).unwrap()
    }

    pub(super) fn settle(&self, receipt: Receipt) {
        self.runtime.block_on(self.journal.settle(receipt));
        self.until_idle();
    }

    pub(super) fn settle_known(&self) {
        self.settle_known_after(false);
    }

    /// `wrote`: the database lacked some of it.
    pub(super) fn settle_known_after(&self, wrote: bool) {
        self.runtime.block_on(self.journal.settle_known(wrote));
        self.until_idle();
    }

    pub(super) fn known(&self) -> BTreeMap<ConnectionId, Known> {
        self.runtime.block_on(self.journal.known()).unwrap().into_known().collect()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.runtime.block_on(self.journal.keys()).unwrap().into_iter().collect()
    }

    pub(super) fn generations(&self) -> Vec<(String, i64)> {
        let known = self.known().into_iter().filter_map(|(id, known)| Some((id, known.grant?)));
        known.map(|(id, grant)| (id.to_string(), grant.generation.0)).collect()
    }

    pub(super) fn tidy(&self) {
        self.runtime.block_on(self.journal.tidy());
        self.until_idle();
    }

    /// Until so many files are left. At once, unless a child of another test holds a lock between its fork and its exec.
    pub(super) fn tidy_until_left(&self, machine: &Machine, count: usize) {
        let tried = std::iter::repeat_with(|| self.tidy()).take(10_000);
        let left = tried.map(|()| machine.names().len()).find(|left| *left == count);
        assert_eq!(left, Some(count), "{:?}", machine.names());
    }

    /// Waits until the task is done with all that it was told before: one more word for it, of a file that never was.
    pub(super) fn until_idle(&self) {
        let jobs = &self.journal.spool.jobs;
        let idle = async {
            self.journal.settle(Receipt(u32::MAX)).await;
            while jobs.capacity() < jobs.max_capacity() {
                tokio::task::yield_now().await;
            }
        };
        let idle = async { tokio::time::timeout(Duration::from_secs(20), idle).await };
        self.runtime.block_on(idle).expect("the task goes on");
    }
}
