//! What an attempt leads to: delivered, tried again later, given up, or the subscription disabled.

use std::sync::Arc;
use std::time::Duration;

use super::Delivery;
use super::due::DAY;
use super::ledger::{Attempt, Posted};
use super::options::AfterRetries;
use super::post::Post;
use super::signature::signature;
use crate::simulator::faults::Endpoint;
use crate::simulator::state::State;
use crate::simulator::time::{self, SECOND};

/// Calendly says that the waits grow exponentially, not from what to what.
const FIRST_WAIT: i64 = 10 * SECOND;
const LONGEST_WAIT: i64 = 3600 * SECOND;

/// An attempt that was made.
pub(super) struct Tried {
    pub at: i64,
    pub posted: Posted,
    /// Microseconds.
    pub latency: i64,
}

impl State {
    /// The POST of a delivery, signed for this moment; none where its subscription is gone or disabled.
    pub(super) fn addressed(&mut self, delivery: &Delivery) -> Option<Post> {
        let Some(entry) = self.subscriptions.get(delivery.subscription).filter(|entry| !entry.disabled)
        else {
            self.ledger.counters.deliveries_dropped += 1;
            return None;
        };
        let options = &self.options.deliveries;
        // Another application's key is none of ours.
        let of_the_app = entry.grant.map(|_| options.signing_key.as_str());
        let key = entry.signing_key.as_deref().or(of_the_app).filter(|key| !key.is_empty());
        let seconds = self.shown(time::now()).div_euclid(SECOND);
        Some(Post {
            url: delivery.url.to_string(),
            signature: key.map(|key| signature(key, seconds, &delivery.body)),
            body: delivery.body.clone(),
            timeout: Duration::from_secs_f64(options.delivery_timeout),
        })
    }

    /// Notes the attempt and does what follows; `again`: what arrived is to arrive once more.
    pub(super) fn settle(&mut self, mut delivery: Delivery, tried: Tried, again: bool) {
        let number = delivery.subscription;
        delivery.attempts += 1;
        self.ledger.sent(Endpoint::Delivery, tried.at);
        self.ledger.counters.deliveries_attempted += 1;
        self.deliveries.ledger.attempts.push(Attempt {
            event: delivery.event,
            subscription: delivery.uuid,
            url: Arc::clone(&delivery.url),
            at: tried.at,
            attempt: delivery.attempts,
            repeated: delivery.repeated,
            posted: tried.posted,
            latency: tried.latency,
        });
        if tried.posted.is_success() {
            self.delivered(delivery, again);
        } else if self.failed_for_a_day(number, delivery.taken_at) {
            self.ledger.counters.deliveries_dropped += 1;
            self.disable_subscription(number, "deliveries");
        } else {
            self.try_later(delivery);
        }
    }

    fn delivered(&mut self, mut delivery: Delivery, again: bool) {
        self.ledger.counters.deliveries_succeeded += 1;
        if let Some(due) = self.deliveries.ledger.due.get_mut(delivery.event) {
            due.delivered += 1;
        }
        let clears = self.options.deliveries.after_retries == AfterRetries::Clear;
        if let Some(entry) = self.subscriptions.get_mut(delivery.subscription)
            && entry.failing_since.take().is_some()
            && clears
        {
            entry.retry_started_at = None;
            entry.updated_at = time::now();
        }
        if again {
            (delivery.attempts, delivery.repeated) = (0, true);
            self.deliveries.queue.push(delivery, 0);
        }
    }

    /// Notes a failure; whether nothing has arrived for so long that the subscription is to be disabled.
    fn failed_for_a_day(&mut self, number: u32, taken_at: i64) -> bool {
        let Some(entry) = self.subscriptions.get_mut(number).filter(|entry| !entry.disabled) else {
            return false;
        };
        let since = *entry.failing_since.get_or_insert_with(|| {
            let now = time::now();
            entry.retry_started_at = Some(now);
            entry.updated_at = now;
            taken_at
        });
        taken_at - since >= DAY
    }

    fn try_later(&mut self, delivery: Delivery) {
        let left = delivery.first_at + delivery.patience - delivery.taken_at;
        let gone = self.subscriptions.get(delivery.subscription).is_none_or(|entry| entry.disabled);
        if left <= 0 || gone {
            self.ledger.counters.deliveries_dropped += 1;
            return;
        }
        let doublings = delivery.attempts.saturating_sub(1).min(20);
        let wait = (FIRST_WAIT << doublings).min(LONGEST_WAIT);
        let spread = self.deliveries.chance.between(80, 120);
        // The last attempt is at the end of the time, not beyond it.
        let wait = (wait * spread / 100).min(left);
        self.deliveries.queue.push(delivery, wait);
    }

    /// What waited for a subscription that ends is not delivered to anybody.
    pub(crate) fn drop_deliveries(&mut self, number: u32) {
        let dropped = self.deliveries.queue.drop_of(number);
        self.ledger.counters.deliveries_dropped += dropped as u64;
    }
}
