//! An event has happened: the ledger notes that it is due, and whoever subscribed gets a delivery.
//! It is due whether or not anybody subscribed: an application should hear of it all the same.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Delivery;
use super::ledger::Due;
use crate::simulator::meetings;
use crate::simulator::state::State;
use crate::simulator::subscriptions::{Subscription, SubscriptionScope};
use crate::simulator::time::{self, SECOND};

/// How long one message is tried, and how long a subscription may fail.
pub(super) const DAY: i64 = 24 * 3600 * SECOND;

impl State {
    /// It happens now.
    pub(crate) fn event_due(&mut self, name: &'static str, invitee: u32, at: i64) {
        let subscribed = self.subscribed(name, invitee);
        let subscriptions = subscribed.len() as u32;
        let number = self.note_due(Due { name, invitee, at, subscriptions, delivered: 0 });
        if subscribed.is_empty() {
            return;
        }
        let payload = meetings::payload(self, invitee);
        let ends_at = self.meetings.meeting_of(invitee).start.saturating_add(DAY);
        // Until 24 hours after the first attempt or after the meeting, whichever is first.
        let patience = (ends_at - at).clamp(0, DAY);
        for subscription in subscribed {
            let Some(entry) = self.subscriptions.get(subscription) else { continue };
            let delivery = Delivery {
                subscription,
                uuid: entry.uuid,
                url: Arc::clone(&entry.url),
                event: number,
                user: entry.creator,
                body: self.body(name, entry, &payload, at).to_string().into(),
                patience,
                attempts: 0,
                first_at: 0,
                taken_at: 0,
                repeated: false,
            };
            self.deliveries.queue.push(delivery, 0);
        }
    }

    /// It happened a time ago: nobody is told any more.
    pub(crate) fn event_was_due(&mut self, name: &'static str, invitee: u32, at: i64) {
        self.note_due(Due { name, invitee, at, subscriptions: 0, delivered: 0 });
    }

    fn note_due(&mut self, due: Due) -> u64 {
        self.ledger.counters.events_due += 1;
        self.deliveries.ledger.due.push(due)
    }

    /// The subscriptions that get it, as they are now, in order of creation.
    fn subscribed(&self, name: &str, invitee: u32) -> Vec<u32> {
        let meeting = self.meetings.meeting_of(invitee);
        let gets = |entry: &Subscription| {
            let concerned = match entry.scope {
                SubscriptionScope::Organization => true,
                SubscriptionScope::User => meeting.hosts.contains(&entry.creator),
            };
            concerned && !entry.disabled && entry.events.iter().any(|event| event == name)
        };
        let of_organization = self.subscriptions.of_organization(meeting.organization);
        of_organization.filter(|(_, entry)| gets(entry)).map(|(number, _)| number).collect()
    }

    fn body(&self, name: &str, entry: &Subscription, payload: &Value, at: i64) -> Value {
        // Real ones are said to the second.
        let created_at = self.shown(at).div_euclid(SECOND) * SECOND;
        json!({
            "event": name,
            "created_at": time::written(created_at),
            "created_by": self.user_uri(entry.creator),
            "payload": payload,
        })
    }
}
