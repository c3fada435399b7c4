//! The task that owns a spool's files.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::files::FileRead;
use super::segment::{Before, Header, Segment};
use super::{Home, Visit};
use crate::ports::{Clock, JournalError, Moment, Receipt};

/// A record is kept so long after it was settled: a database that fails over may go back to a state before that.
const KEEP: Duration = Duration::from_secs(600);
/// After so long, or so much, a new file is begun, so that whole files can be removed.
const FILE_AGE: Duration = Duration::from_secs(60);
const FILE_SIZE: u64 = 8 << 20;
/// Records made durable at once, at most.
const GROUP: usize = 1024;

pub(super) enum Job {
    Append { record: Vec<u8>, answer: oneshot::Sender<Result<Receipt, JournalError>> },
    Read { visit: Visit, answer: oneshot::Sender<Result<(), JournalError>> },
    Settle(Receipt),
    SettleRead { wrote: bool },
    SettleAll,
    Tidy,
}

pub(super) struct Task {
    home: Home,
    clock: Arc<dyn Clock>,
    nonce: u32,
    number: u32,
    current: Option<Current>,
    /// Files of this process that are closed.
    closed: Vec<Own>,
    /// Files of earlier processes, and of other ones, as the latest read found them.
    others: Vec<Other>,
}

struct Current {
    segment: Segment,
    begun: Moment,
    own: Own,
}

/// A file of this process.
struct Own {
    number: u32,
    name: String,
    length: u64,
    unsettled: usize,
    settled: Moment,
}

/// A file that this process does not write.
struct Other {
    name: String,
    read: u64,
    /// When this length of it was first settled, as an earlier process or read noted. Not to be relied on until what was
    /// read is settled once more: the database may have gone back, or refuse some of it.
    noted: Option<Moment>,
    settled: Option<Moment>,
}

impl Task {
    pub(super) fn new(home: Home, clock: Arc<dyn Clock>) -> Self {
        Self { home, clock, nonce: rand::random(), number: 0, current: None, closed: vec![], others: vec![] }
    }

    pub(super) fn prepare(&self) -> Result<(), JournalError> {
        self.home.prepare()
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut next = jobs.recv().await;
        while let Some(job) = next.take() {
            match job {
                Job::Append { record, answer } => {
                    let (mut records, mut answers) = (vec![record], vec![answer]);
                    while records.len() < GROUP {
                        match jobs.try_recv() {
                            Ok(Job::Append { record, answer }) => {
                                records.push(record);
                                answers.push(answer);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    let written = self.append(records).await;
                    for answer in answers {
                        drop(answer.send(written.clone())); // who went away has it written all the same
                    }
                }
                Job::Read { visit, answer } => drop(answer.send(self.read(visit).await)),
                Job::Settle(receipt) => self.settle(receipt),
                Job::SettleRead { wrote } => self.settle_read(wrote).await,
                Job::SettleAll => {
                    self.settle_own();
                    self.settle_read(false).await;
                }
                Job::Tidy => self.tidy().await,
            }
            if next.is_none() {
                next = jobs.recv().await;
            }
        }
    }

    async fn append(&mut self, records: Vec<Vec<u8>>) -> Result<Receipt, JournalError> {
        let count = records.len();
        self.close_if_old();
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin().await?,
        };
        let (mut segment, path) = (current.segment, self.home.directory.display().to_string());
        let written = spawn_blocking(move || {
            let written = segment.append(&records);
            (segment, written)
        });
        let (segment, written) = written.await.map_err(|error| unwritable(&path, &error))?;
        current.segment = segment;
        current.own.length = current.segment.length();
        current.own.settled = Moment::of(&*self.clock);
        match written {
            Ok(()) => {
                current.own.unsettled += count;
                let receipt = Receipt(current.own.number);
                self.current = Some(current);
                Ok(receipt)
            }
            Err(error) => {
                self.closed.push(current.own);
                Err(unwritable(&path, &error))
            }
        }
    }

    fn close_if_old(&mut self) {
        let clock = &*self.clock;
        let is_old = |current: &mut Current| {
            current.begun.age(clock) >= FILE_AGE || current.segment.length() >= FILE_SIZE
        };
        if let Some(current) = self.current.take_if(is_old) {
            self.closed.push(current.own);
        }
    }

    async fn begin(&mut self) -> Result<Current, JournalError> {
        self.number += 1;
        let name = self.home.name(self.begin_at(), self.nonce, self.number);
        let last_own = self.closed.last().map(|own| (own.name.clone(), own.length));
        let before = last_own.or_else(|| self.others.last().map(|other| (other.name.clone(), other.read)));
        let header = Header {
            kind: self.home.kind.into(),
            database: self.home.database.clone(),
            before: before.map(|(name, length)| Before { name, length }),
        };
        let path = self.home.path(&name);
        let shown = path.display().to_string();
        let made = spawn_blocking(move || Segment::create(&path, &header)).await;
        let segment =
            made.map_err(|error| unwritable(&shown, &error))?.map_err(|error| unwritable(&shown, &error))?;
        let begun = Moment::of(&*self.clock);
        let own = Own { number: self.number, name, length: segment.length(), unsettled: 0, settled: begun };
        Ok(Current { segment, begun, own })
    }

    /// Now, or just after the latest file that is known, where the clock was set back: names tell the order.
    fn begin_at(&self) -> i64 {
        let names =
            self.closed.iter().map(|own| &own.name).chain(self.others.iter().map(|other| &other.name));
        let latest = names.filter_map(|name| Home::begun_at(name)).max();
        let now = self.clock.now().timestamp_millis();
        latest.map_or(now, |latest| now.max(latest.saturating_add(1)))
    }

    pub(super) async fn read(&mut self, visit: Visit) -> Result<(), JournalError> {
        let home = self.home.clone();
        let read = spawn_blocking(move || home.read(visit)).await;
        let read = read.unwrap_or_else(|error| Err(JournalError::Unwritable(error.to_string())))?;
        let mine = |name: &str| {
            self.closed
                .iter()
                .chain(self.current.iter().map(|current| &current.own))
                .any(|own| own.name == name)
        };
        let noted = self.home.settled(&*self.clock);
        let other = |file: FileRead| {
            let (name, read) = (file.name, file.good);
            let noted = noted.get(&(name.clone(), read)).copied();
            Other { name, read, noted, settled: None }
        };
        self.others = read.into_iter().filter(|file| !mine(&file.name)).map(other).collect();
        Ok(())
    }

    fn settle(&mut self, Receipt(number): Receipt) {
        let now = Moment::of(&*self.clock);
        let current = self.current.as_mut().map(|current| &mut current.own);
        if let Some(own) = self.closed.iter_mut().chain(current).find(|own| own.number == number) {
            own.unsettled = own.unsettled.saturating_sub(1);
            own.settled = now;
        }
    }

    fn settle_own(&mut self) {
        let current = self.current.as_mut().map(|current| &mut current.own);
        let now = Moment::of(&*self.clock);
        self.closed.iter_mut().chain(current).for_each(|own| {
            own.unsettled = 0;
            own.settled = now;
        });
    }

    async fn settle_read(&mut self, wrote: bool) {
        let now = Moment::of(&*self.clock);
        for other in &mut self.others {
            let first = if wrote { None } else { other.settled.or(other.noted) };
            other.settled = Some(first.unwrap_or(now));
        }
        if wrote {
            let current = self.current.as_mut().map(|current| &mut current.own);
            self.closed.iter_mut().chain(current).for_each(|own| own.settled = now);
        }
        let of = |other: &Other| Some(((other.name.clone(), other.read), other.settled?));
        let (home, settled) = (self.home.clone(), self.others.iter().filter_map(of).collect());
        // Where the disk is full the time begins anew at the next start, which does no harm.
        if let Ok(Err(error)) = spawn_blocking(move || home.note_settled(&settled)).await {
            log::debug!(target: "journal", error:% = error; "what is settled could not be noted");
        }
    }

    async fn tidy(&mut self) {
        self.close_if_old();
        let clock = self.clock.clone();
        let old = move |settled: Moment| settled.boot_age(&*clock) >= KEEP;
        let own = self.closed.extract_if(.., |own| own.unsettled == 0 && old(own.settled));
        let mut gone: Vec<_> = own
            .map(|own| Other { name: own.name, read: own.length, noted: None, settled: Some(own.settled) })
            .collect();
        gone.extend(self.others.extract_if(.., |other| other.settled.is_some_and(&old)));
        if gone.is_empty() {
            return;
        }
        let home = self.home.clone();
        let removing = spawn_blocking(move || {
            gone.retain(|file| match home.remove(&file.name, file.read) {
                Ok(removed) => !removed,
                Err(error) => {
                    log::warn!(target: "journal", file = file.name, error:% = error; "a settled file could not be removed");
                    true
                }
            });
            gone
        });
        // What somebody holds is tried again, until it is read anew.
        self.others.splice(..0, removing.await.unwrap_or_default());
    }
}

fn unwritable(path: &str, error: &dyn std::fmt::Display) -> JournalError {
    JournalError::Unwritable(format!("{path}: {error}"))
}
