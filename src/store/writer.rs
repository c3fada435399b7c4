//! Group commit: one task collects what is ready and writes it in one transaction, so that a thousand rotations share
//! one write to the disk.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::batch::{Done, Op};
use super::failure::Failure;
use crate::ports::StoreError;

/// More gain little: at 1000 rows the write to the disk is a small part of the work.
const MAX_BATCH: usize = 1024;
/// Where kinds share a transaction, so does everybody who waits: a batch of all of them would leave nobody to make ready
/// what comes next, and the machine idle meanwhile.
const MAX_MIXED: usize = 128;

/// So many rows failing alone, and none succeeding, means that the database is at fault: a full disk, a timeout.
const HOPELESS: usize = 3;

/// Carries a batch out, wholly or not at all. Ids in it are distinct and in order.
pub(super) trait Executor: Send + Sync + 'static {
    /// Whether operations of different kinds share a transaction without costing it round trips.
    fn mixes(&self) -> bool;

    /// One answer an operation, in their order.
    fn execute(&self, ops: Arc<[Op]>) -> impl Future<Output = Result<Vec<Done>, Failure>> + Send;
}

/// Hands operations to the task. The task ends after the last of these is gone and all it was given is done.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    handle: Handle,
}

struct Job {
    op: Op,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Done, StoreError>;

impl Writer {
    pub(super) fn start(handle: &Handle, executor: impl Executor) -> Self {
        let (jobs, incoming) = mpsc::channel(MAX_BATCH);
        let task = Task { incoming, waiting: VecDeque::new(), executor: Arc::new(executor) };
        handle.spawn(task.run());
        Self { jobs, handle: handle.clone() }
    }

    /// Returns when it is durable. Handed in at the first poll: whoever goes away after that has it done all the same.
    pub(super) async fn write(&self, op: Op) -> Answer {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the store is shutting down".into());
        match self.jobs.try_send(Job { op, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => {
                let jobs = self.jobs.clone();
                // A task of its own waits for room, so that a caller that goes away takes nothing with it.
                drop(self.handle.spawn(async move { jobs.send(job).await }));
            }
            Err(TrySendError::Closed(_)) => return Err(stopped()),
        }
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

struct Task<E> {
    incoming: mpsc::Receiver<Job>,
    waiting: VecDeque<Job>,
    executor: Arc<E>,
}

impl<E: Executor> Task<E> {
    async fn run(mut self) {
        while self.collect().await {
            let jobs = self.take_batch().into_iter().map(|job| (job.op, job.answer));
            let (ops, waiting): (Vec<Op>, Vec<_>) = jobs.unzip();
            let ops = Arc::from(ops);
            // On a task of its own: a panic in a driver fails this batch and not every later one.
            let executor = Arc::clone(&self.executor);
            let batch = Handle::current().spawn(async move { execute(&*executor, ops).await });
            let failed = || StoreError::Unavailable("writing to the database failed".into());
            let mut answers = batch.await.unwrap_or_default().into_iter();
            for answer in waiting {
                // A caller that went away has its row written all the same.
                drop(answer.send(answers.next().unwrap_or_else(|| Err(failed()))));
            }
        }
    }

    /// Waits for one job and takes what else is ready. False at the end.
    async fn collect(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.incoming.recv().await {
                Some(job) => self.waiting.push_back(job),
                None => return false,
            }
        }
        let most = if self.executor.mixes() { MAX_MIXED } else { MAX_BATCH };
        while self.waiting.len() < most {
            let Ok(job) = self.incoming.try_recv() else { break };
            self.waiting.push_back(job);
        }
        true
    }

    /// One statement changes a row once, so a second operation on the same id waits for the next batch.
    fn take_batch(&mut self) -> Vec<Job> {
        let kind = match self.waiting.front() {
            Some(first) if !self.executor.mixes() => Some(std::mem::discriminant(&first.op)),
            _ => None,
        };
        let (now, mut later): (VecDeque<Job>, VecDeque<Job>) = self
            .waiting
            .drain(..)
            .partition(|job| kind.is_none_or(|kind| kind == std::mem::discriminant(&job.op)));
        let mut now = Vec::from(now);
        now.sort_by(|a, b| a.op.id().cmp(b.op.id()));
        let mut batch: Vec<Job> = Vec::with_capacity(now.len());
        for job in now {
            match batch.last() {
                Some(last) if last.op.id() == job.op.id() => later.push_back(job),
                _ => batch.push(job),
            }
        }
        self.waiting = later;
        batch
    }
}

/// Where a batch fails each row is tried alone: one bad row harms nobody.
async fn execute(executor: &impl Executor, ops: Arc<[Op]>) -> Vec<Answer> {
    let failure = match executor.execute(Arc::clone(&ops)).await {
        Ok(done) => return done.into_iter().map(Ok).collect(),
        Err(failure) => failure,
    };
    if ops.len() == 1 || matches!(failure, Failure::Away(_) | Failure::Unwritable(_)) {
        return vec![Err(failure.into()); ops.len()];
    }
    let mut answers: Vec<Answer> = Vec::with_capacity(ops.len());
    let (mut kept, mut unclear) = (0, 0);
    for op in ops.iter() {
        match executor.execute(Arc::from([op.clone()])).await {
            Ok(done) => {
                kept += 1;
                answers.push(Ok(done.into_iter().next().unwrap_or(Done::Nothing)));
            }
            Err(failure) => {
                unclear += usize::from(matches!(failure, Failure::Unclear(_)));
                let hopeless = matches!(failure, Failure::Away(_) | Failure::Unwritable(_))
                    || (kept == 0 && unclear >= HOPELESS);
                answers.push(Err(failure.clone().into()));
                if hopeless {
                    answers.resize(ops.len(), Err(failure.into()));
                    break;
                }
            }
        }
    }
    answers
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
