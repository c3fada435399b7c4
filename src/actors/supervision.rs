//! One-for-one supervision after Erlang/OTP on actix; the one file that knows actix's inner parts.
//!
//! A task per child polls the child's context and catches panics around the poll, so that nothing is dropped while
//! unwinding, and calls `ContextFut::restart()`: address and mailbox survive. Rules for a supervised actor:
//! `restarting()` drops everything and rebuilds, timers are never cancelled (they carry an epoch), and work that must
//! survive is never in the context.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix::dev::{AsyncContextParts as _, ContextFut, channel};
use actix::{Actor, Addr, ArbiterHandle, Context, Supervised};

use crate::domain::intensity::{AfterFailure, History, RestartPolicy};
use crate::ports::{Clock, Jitter};
use crate::runtime::sleep;
use crate::telemetry::log::scrubbed;

/// Messages that fit before `try_send` refuses; actix takes more from `do_send` all the same.
const MAILBOX: usize = 16;

/// What a child reports to whoever supervises it.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildEvent {
    /// Runs for the first time.
    Started {
        /// The child's name.
        key: Arc<str>,
    },
    /// Failed; starts again after `delay`.
    Restarting {
        /// The child's name.
        key: Arc<str>,
        /// Panic message, error, or that it stopped.
        why: String,
        /// Failures within the period.
        nth: usize,
        /// How long it waits.
        delay: Duration,
    },
    /// Failed too often: its address is dead.
    Quarantined {
        /// The child's name.
        key: Arc<str>,
        /// The last failure.
        why: String,
    },
    /// Ended on purpose.
    Finished {
        /// The child's name.
        key: Arc<str>,
    },
    /// Its arbiter stopped under it.
    Lost {
        /// The child's name.
        key: Arc<str>,
    },
}

/// Shared by all children of one supervisor.
pub struct Parent {
    policy: RestartPolicy,
    clock: Arc<dyn Clock>,
    jitter: Arc<dyn Jitter>,
    events: Box<dyn Fn(ChildEvent) + Send + Sync>,
}

impl Parent {
    /// `events` is called from the children's arbiters and must not block.
    pub fn new(
        policy: RestartPolicy,
        clock: Arc<dyn Clock>,
        jitter: Arc<dyn Jitter>,
        events: impl Fn(ChildEvent) + Send + Sync + 'static,
    ) -> Self {
        Self { policy, clock, jitter, events: Box::new(events) }
    }
}

impl std::fmt::Debug for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parent").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Why an actor stops itself, said before `ctx.stop()`. A stop without a word is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// On purpose: it is not started again.
    Normal,
    /// A failure: it is restarted.
    Error(String),
}

/// Where an actor says why it stops.
#[derive(Clone, Debug, Default)]
pub struct ExitCell(Rc<RefCell<Option<Exit>>>);

impl ExitCell {
    /// To be called before `ctx.stop()`.
    pub fn set(&self, exit: Exit) {
        *self.0.borrow_mut() = Some(exit);
    }

    fn take(&self) -> Option<Exit> {
        self.0.borrow_mut().take()
    }
}

/// Starts a child on an arbiter. The address stays valid over restarts, until the child is quarantined or finished.
pub fn start_child<A, F>(arbiter: &ArbiterHandle, key: Arc<str>, parent: Arc<Parent>, make: F) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
    F: FnOnce(ExitCell) -> A + Send + 'static,
{
    let (sender, receiver) = channel::channel(MAILBOX);
    let lost = Lost { key, parent: Some(parent) };
    // Where the arbiter is dead the closure is dropped, and `lost` with it: that reports the child as lost.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts supervised tasks; they hold nothing that must survive"
    )]
    arbiter.spawn_fn(move || {
        actix::spawn(async move {
            // Boxed: while it waits, the state machine of each child is small.
            let exit = ExitCell::default();
            let for_actor = exit.clone();
            match guard(move || make(for_actor)) {
                Ok(actor) => {
                    let context = Box::new(Context::with_receiver(receiver).into_future(actor));
                    supervise(lost, context, exit).await;
                }
                Err(why) => lost.end(|key| ChildEvent::Quarantined { key, why }),
            }
        });
    });
    Addr::new(sender)
}

/// Reports a child as lost when its task is dropped without having ended.
struct Lost {
    key: Arc<str>,
    parent: Option<Arc<Parent>>,
}

impl Lost {
    fn report(&self, event: impl FnOnce(Arc<str>) -> ChildEvent) {
        if let Some(parent) = &self.parent {
            (parent.events)(event(self.key.clone()));
        }
    }

    fn end(mut self, event: impl FnOnce(Arc<str>) -> ChildEvent) {
        self.report(event);
        self.parent = None;
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.report(|key| ChildEvent::Lost { key });
    }
}

async fn supervise<A>(lost: Lost, mut context: Box<ContextFut<A, Context<A>>>, exit: ExitCell)
where
    A: Supervised + Actor<Context = Context<A>>,
{
    let Some(parent) = lost.parent.clone() else { return };
    let mut history: Option<Box<History>> = None; // made at the first failure: most children never have one
    lost.report(|key| ChildEvent::Started { key });
    loop {
        let ended = poll_fn(|cx| match guard(|| Pin::new(&mut *context).poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(None),
            Err(panic) => Poll::Ready(Some(panic)),
        })
        .await;
        let why = match (ended, exit.take()) {
            (Some(panic), _) => panic,
            (None, Some(Exit::Normal)) => {
                bury(context);
                return lost.end(|key| ChildEvent::Finished { key });
            }
            (None, Some(Exit::Error(error))) => error,
            (None, None) => "stopped without a reason".into(),
        };
        let after =
            history.get_or_insert_default().failed(parent.clock.boot(), &parent.policy, parent.jitter.draw());
        let AfterFailure::Restart { nth, delay } = after else {
            bury(context);
            return lost.end(|key| ChildEvent::Quarantined { key, why });
        };
        // Futures and timers are released and the state rebuilt now; `restarting()` itself may panic, once.
        let again = guard(|| context.restart()).or_else(|_| guard(|| context.restart()));
        if again == Ok(false) {
            bury(context); // every address is gone: nobody can reach it any more
            return lost.end(|key| ChildEvent::Finished { key });
        }
        lost.report(|key| ChildEvent::Restarting { key, why, nth, delay });
        Box::pin(sleep(delay)).await;
    }
}

/// Drops a context whose actor must not be polled again: without this a panic in `stopped()` or `Drop` aborts the process.
fn bury<A>(mut context: Box<ContextFut<A, Context<A>>>)
where
    A: Actor<Context = Context<A>>,
{
    context.ctx().parts().terminate();
    let _ = guard(move || drop(context));
}

fn guard<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic: Box<dyn Any + Send>| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        #[expect(clippy::mem_forget, reason = "the payload's own Drop may panic")]
        std::mem::forget(panic);
        // It goes into the timeline and the status, and may quote what the code was at work on.
        format!("panic: {}", text.map_or_else(|| "without a message".into(), |text| scrubbed(&text)))
    })
}
