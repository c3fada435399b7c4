//! What is still to be delivered, by when it is due. Sending it is `dispatch`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Delivery;
use super::clock::DeliveryClock;

/// What the queue wants done.
pub(super) enum Next {
    /// Send this one.
    Send(Box<Delivery>),
    /// Come again in so long.
    Wait(Duration),
    /// Come again when something has changed.
    Nothing,
}

pub(in crate::simulator) struct Queue {
    waiting: BTreeMap<(i64, u64), Delivery>,
    /// Those due at the same moment go in the order they came.
    pushed: u64,
    in_flight: usize,
    clock: DeliveryClock,
    changed: Arc<Notify>,
}

impl Queue {
    pub(super) fn new(factor: f64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            pushed: 0,
            in_flight: 0,
            clock: DeliveryClock::new(factor),
            changed: Arc::new(Notify::new()),
        }
    }

    /// Told whenever something may have become due.
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// How many are waiting or on their way.
    pub(super) fn pending(&self) -> usize {
        self.waiting.len() + self.in_flight
    }

    pub(super) fn push(&mut self, delivery: Delivery, after: i64) {
        let due = self.clock.now().saturating_add(after);
        self.waiting.insert((due, self.pushed), delivery);
        self.pushed += 1;
        self.changed.notify_one();
    }

    /// Takes the next one; `landed` or `put_back` has to follow.
    pub(super) fn take(&mut self) -> Next {
        let Some(entry) = self.waiting.first_entry() else { return Next::Nothing };
        let wait = self.clock.until(entry.key().0);
        if !wait.is_zero() {
            return Next::Wait(wait);
        }
        let mut delivery = entry.remove();
        delivery.taken_at = self.clock.now();
        if delivery.attempts == 0 {
            delivery.first_at = delivery.taken_at;
        }
        self.in_flight += 1;
        Next::Send(Box::new(delivery))
    }

    /// One that was taken has been tried.
    pub(super) fn landed(&mut self) {
        self.in_flight -= 1;
    }

    /// One that was taken could not even be tried.
    pub(super) fn put_back(&mut self, delivery: Delivery) {
        self.landed();
        self.push(delivery, 0);
    }

    /// Drops what waits for a subscription; how many.
    pub(super) fn drop_of(&mut self, subscription: u32) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|_, delivery| delivery.subscription != subscription);
        before - self.waiting.len()
    }

    pub(in crate::simulator) fn set_pace(&mut self, factor: f64) {
        self.clock.set_factor(factor);
        self.changed.notify_one();
    }

    pub(super) fn pass(&mut self, micros: i64) {
        self.clock.pass(micros);
        self.changed.notify_one();
    }
}
