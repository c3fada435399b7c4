//! Sends what is due: each delivery a task of its own, so that none waits for another.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Delivery;
use super::ledger::Posted;
use super::post::Clients;
use super::queue::Next;
use super::settle::Tried;
use crate::simulator::fault_book::Verdict;
use crate::simulator::faults::{Endpoint, FaultKind};
use crate::simulator::shared::Shared;
use crate::simulator::time;

/// Posts on their way at the same time; a file descriptor each.
const AT_ONCE: usize = 256;

/// Delivers until cancelled. What is on its way then goes out again later, as after a crash.
pub(in crate::simulator) async fn run(shared: Arc<Shared>, cancelled: CancellationToken) {
    let connect_timeout = shared.state().options.deliveries.delivery_connect_timeout;
    let clients = Arc::new(Clients::new(Duration::from_secs_f64(connect_timeout)));
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let changed = shared.state().deliveries.queue.changed();
    loop {
        let slot = tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { return };
        let next = shared.state().deliveries.queue.take();
        let wait = match next {
            Next::Send(delivery) => {
                let sending = Sending { shared: Arc::clone(&shared), clients: Arc::clone(&clients), slot };
                tokio::spawn(sending.send(*delivery, cancelled.clone()));
                continue;
            }
            Next::Wait(wait) => wait,
            Next::Nothing => Duration::MAX,
        };
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            () = changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Sending {
    shared: Arc<Shared>,
    clients: Arc<Clients>,
    slot: OwnedSemaphorePermit,
}

impl Sending {
    async fn send(self, delivery: Delivery, cancelled: CancellationToken) {
        let verdict = self.judged(&delivery);
        let tried = tokio::select! {
            biased;
            () = cancelled.cancelled() => {
                self.shared.state().deliveries.queue.put_back(delivery);
                return;
            }
            tried = self.tried(&delivery, &verdict) => tried,
        };
        let mut state = self.shared.state();
        state.deliveries.queue.landed();
        if let Some(tried) = tried {
            let again = matches!(verdict.kind, Some(FaultKind::Duplicate));
            state.settle(delivery, tried, again);
        }
        drop(state);
        drop(self.slot);
    }

    fn judged(&self, delivery: &Delivery) -> Verdict {
        if !self.shared.is_armed() {
            return Verdict::default();
        }
        let user = Some(delivery.user);
        let verdict = self.shared.faults(|faults| faults.judge(Endpoint::Delivery, user));
        let fired = u64::from(verdict.kind.is_some()) + u64::from(!verdict.delay.is_zero());
        self.shared.state().ledger.counters.faults_fired += fired;
        verdict
    }

    /// None where nobody wants it any more.
    async fn tried(&self, delivery: &Delivery, verdict: &Verdict) -> Option<Tried> {
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        let post = self.shared.state().addressed(delivery)?;
        let (at, began) = (time::now(), Instant::now());
        let posted = match verdict.kind {
            Some(FaultKind::ResetBefore) => Posted::Failed("fault: never sent"),
            Some(FaultKind::ResetAfter) => {
                self.clients.post(post).await;
                Posted::Failed("fault: answer lost")
            }
            _ => self.clients.post(post).await,
        };
        let latency = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        Some(Tried { at, posted, latency })
    }
}
