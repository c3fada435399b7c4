//! Group commit: one task collects what is ready and writes it in one transaction, so that a thousand rotations share
//! one write to the disk.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::batch::{Done, Op};
use super::failure::Failure;
use crate::ports::StoreError;

/// More gain little: at 1000 rows the write to the disk is a small part of the work.
const MAX_BATCH: usize = 1024;

/// So many rows failing alone, and none succeeding, means that the database is at fault: a full disk, a timeout.
const HOPELESS: usize = 3;

/// Carries a batch out, wholly or not at all. Ids in it are distinct and in order.
pub(super) trait Executor: Send + Sync + 'static {
    /// One answer an operation, in their order.
    fn execute(&self, ops: Arc<[Op]>) -> impl Future<Output = Result<Vec<Done>, Failure>> + Send;
}

/// Hands operations to the task. The task ends after the last of these is gone and all it was given is done.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
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
        Self { jobs }
    }

    /// Returns when it is durable.
    pub(super) async fn write(&self, op: Op) -> Answer {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the store is shutting down".into());
        self.jobs.send(Job { op, answer }).await.map_err(|_| stopped())?;
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
            let jobs = self.take_batch();
            let ops: Arc<[Op]> = jobs.iter().map(|job| job.op.clone()).collect();
            // On a task of its own: a panic in a driver fails this batch and not every later one.
            let executor = Arc::clone(&self.executor);
            let batch = Handle::current().spawn(async move { execute(&*executor, ops).await });
            let failed = || StoreError::Unavailable("writing to the database failed".into());
            let mut answers = batch.await.unwrap_or_default().into_iter();
            for job in jobs {
                // A caller that went away has its row written all the same.
                drop(job.answer.send(answers.next().unwrap_or_else(|| Err(failed()))));
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
        while self.waiting.len() < MAX_BATCH {
            let Ok(job) = self.incoming.try_recv() else { break };
            self.waiting.push_back(job);
        }
        true
    }

    /// One statement changes a row once, so a second operation on the same id waits for the next batch.
    fn take_batch(&mut self) -> Vec<Job> {
        let mut ids = HashSet::new();
        let (mut batch, mut later) = (Vec::new(), VecDeque::new());
        for job in self.waiting.drain(..) {
            if ids.insert(job.op.id().to_owned()) {
                batch.push(job);
            } else {
                later.push_back(job);
            }
        }
        self.waiting = later;
        batch.sort_by(|a, b| a.op.id().cmp(b.op.id()));
        batch
    }
}

/// Where a batch fails each row is tried alone: one bad row harms nobody.
async fn execute(executor: &impl Executor, ops: Arc<[Op]>) -> Vec<Answer> {
    let failure = match executor.execute(Arc::clone(&ops)).await {
        Ok(done) => return done.into_iter().map(Ok).collect(),
        Err(failure) => failure,
    };
    if ops.len() == 1 || matches!(failure, Failure::Away(_)) {
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
                let hopeless = matches!(failure, Failure::Away(_)) || (kept == 0 && unclear >= HOPELESS);
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
