//! The heartbeat: a thread of its own asks each arbiter and the I/O runtime, again and again, whether they still turn.
//!
//! One that is blocked cannot say so, and its actors cannot be restarted by anybody on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use actix::ArbiterHandle;

use crate::runtime::IoRuntime;

/// How often is asked, and how often in vain before it is over.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two questions.
    pub every: Duration,
    /// Rounds without an answer. Rounds, not seconds: while the whole process stands still nobody is late.
    pub patience: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), patience: 30 }
    }
}

/// One that has to answer.
pub struct Watched {
    name: String,
    ask: Box<dyn Fn(Arc<AtomicBool>) + Send>,
    answered: Arc<AtomicBool>,
    silent: u32,
}

impl Watched {
    /// An arbiter.
    #[must_use]
    pub fn arbiter(name: impl Into<String>, arbiter: ArbiterHandle) -> Self {
        Self::new(name, move |answered| {
            #[expect(
                clippy::disallowed_methods,
                reason = "what is asked is whether the arbiter itself still turns"
            )]
            arbiter.spawn_fn(move || answered.store(true, Ordering::Release));
        })
    }

    /// The I/O runtime.
    #[must_use]
    pub fn io(io: IoRuntime) -> Self {
        Self::new(IO, move |answered| {
            drop(io.spawn_loop(async move { answered.store(true, Ordering::Release) }));
        })
    }

    fn new(name: impl Into<String>, ask: impl Fn(Arc<AtomicBool>) + Send + 'static) -> Self {
        Self { name: name.into(), ask: Box::new(ask), answered: Arc::new(AtomicBool::new(true)), silent: 0 }
    }

    /// Asks again only where the last question was answered: a queue that nobody reads must not grow.
    fn look(&mut self) -> u32 {
        if self.answered.swap(false, Ordering::Acquire) {
            self.silent = 0;
            (self.ask)(self.answered.clone());
        } else {
            self.silent += 1;
        }
        self.silent
    }
}

/// The name under which the I/O runtime is reported.
pub const IO: &str = "the I/O runtime";

/// Asks as long as it lives.
pub struct Heartbeat {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// `beats` is called after each round in which everybody had answered, `silent` once, with the name of who did not.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        watched: Vec<Watched>,
        pace: Pace,
        beats: impl FnMut() + Send + 'static,
        silent: impl FnOnce(&str) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || ask_on_and_on(watched, pace, &stopped, beats, silent))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ask_on_and_on(
    mut watched: Vec<Watched>,
    pace: Pace,
    stopped: &Receiver<()>,
    mut beats: impl FnMut(),
    silent: impl FnOnce(&str),
) {
    while stopped.recv_timeout(pace.every) == Err(RecvTimeoutError::Timeout) {
        let mut all = true;
        for one in &mut watched {
            let rounds = one.look();
            all &= rounds == 0;
            if rounds >= pace.patience {
                return silent(&one.name);
            }
        }
        if all {
            beats();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use actix::Arbiter;

    use super::*;

    const PACE: Pace = Pace { every: Duration::from_millis(5), patience: 20 };

    /// Everything that a heartbeat said, and the heartbeat.
    #[expect(clippy::disallowed_methods, reason = "a test that listens to a thread")]
    fn watch(watched: Vec<Watched>) -> (Heartbeat, Receiver<Option<String>>) {
        let (say, heard) = channel();
        let also = say.clone();
        let beats = move || drop(say.send(None));
        let silent = move |name: &str| drop(also.send(Some(name.to_owned())));
        (Heartbeat::start(watched, PACE, beats, silent).unwrap(), heard)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test of arbiters")]
    fn an_arbiter_that_is_blocked_is_named_and_the_others_are_not() {
        actix::System::new().block_on(async {
            let (works, blocked) = (Arbiter::new(), Arbiter::new());
            let (heartbeat, heard) = watch(vec![
                Watched::arbiter("connections 1", works.handle()),
                Watched::arbiter("connections 2", blocked.handle()),
            ]);
            assert_eq!(heard.recv().unwrap(), None, "both answer");
            let (release, held) = channel::<()>();
            blocked.spawn_fn(move || {
                let _ = held.recv();
            });

            let named = heard.iter().find_map(|said| said);
            assert_eq!(named.as_deref(), Some("connections 2"));
            drop(heartbeat);
            assert_eq!(heard.recv().ok(), None, "said once, and then nothing more");
            drop(release);
            for arbiter in [works, blocked] {
                arbiter.stop();
                arbiter.join().unwrap();
            }
        });
    }

    #[test]
    fn one_that_is_late_and_comes_back_in_time_is_nobody_s_end() {
        let mut late = Watched::new("late", |_| {});
        assert_eq!(late.look(), 0);
        assert_eq!((late.look(), late.look()), (1, 2));
        late.answered.store(true, Ordering::Release);
        assert_eq!(late.look(), 0);
    }
}
