//! The I/O runtime: where everything runs that must not be lost. It outlives every arbiter and every actor.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// A handle to the I/O runtime, with the account of what still runs there.
#[derive(Clone, Debug)]
pub struct IoRuntime {
    handle: Handle,
    tracked: TaskTracker,
}

impl IoRuntime {
    /// Runs tasks on the runtime behind `handle`.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self { handle, tracked: TaskTracker::new() }
    }

    /// Starts a task that a stop waits for. No caller's end cancels it.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracked.spawn_on(task, &self.handle)
    }

    /// Starts a task that a stop does not wait for: a loop that watches something.
    pub fn spawn_loop<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(task)
    }

    /// The runtime itself.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How many tracked tasks run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracked.len()
    }

    /// Waits until the last tracked task has ended, `deadline` at most; answers how many have not.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.tracked.close();
        let _ = tokio::time::timeout(deadline, self.tracked.wait()).await;
        self.tracked.len()
    }
}

/// Waits on whatever clock the runtime has; the one way to sleep, so that virtual time reaches everything.
pub async fn sleep(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    tokio::time::sleep(duration).await;
}
