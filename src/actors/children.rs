//! The connections' actors by connection id. Outside the supervisor: a supervisor that restarts finds them all.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use actix::Addr;
use chrono::{DateTime, TimeDelta, Utc};

use super::connection::ConnectionActor;
use super::messages::{Finish, Look};
use crate::domain::ids::ConnectionId;
use crate::registry::lock;
use crate::registry::order::Order;

/// Who is there.
#[derive(Debug)]
pub struct Children(Mutex<HashMap<ConnectionId, Child, Order>>);

#[derive(Debug, Default)]
struct Child {
    /// `None` while quarantined.
    address: Option<Addr<ConnectionActor>>,
    quarantines: u32,
    /// When a parked child is tried again.
    parked_until: Option<DateTime<Utc>>,
}

impl Children {
    /// Nobody yet; gone through in `order`.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self(Mutex::new(HashMap::with_hasher(order)))
    }

    /// A child was started, for the first time or after quarantine.
    pub fn started(&self, id: ConnectionId, address: Addr<ConnectionActor>) {
        let mut children = lock(&self.0);
        let child = children.entry(id).or_default();
        child.address = Some(address);
        child.parked_until = None;
    }

    /// Its address is dead. `rest` says how long it rests, by how often it was parked.
    pub fn park(
        &self,
        id: &ConnectionId,
        now: DateTime<Utc>,
        rest: impl FnOnce(u32) -> Duration,
    ) -> Duration {
        let mut children = lock(&self.0);
        let child = children.entry(id.clone()).or_default();
        child.address = None;
        child.quarantines += 1;
        let rest = rest(child.quarantines);
        child.parked_until = Some(now + TimeDelta::from_std(rest).unwrap_or(TimeDelta::MAX));
        rest
    }

    /// Whether it rests in quarantine.
    #[must_use]
    pub fn is_parked(&self, id: &ConnectionId) -> bool {
        lock(&self.0).get(id).is_some_and(|child| child.parked_until.is_some())
    }

    /// Those whose rest is over.
    #[must_use]
    pub fn rested(&self, now: DateTime<Utc>) -> Vec<ConnectionId> {
        let children = lock(&self.0);
        let rested =
            children.iter().filter(|(_, child)| child.parked_until.is_some_and(|until| until <= now));
        rested.map(|(id, _)| id.clone()).collect()
    }

    /// It has gone for good. Tells the actor, where there is one.
    pub fn remove(&self, id: &ConnectionId) {
        if let Some(Child { address: Some(address), .. }) = lock(&self.0).remove(id) {
            address.do_send(Finish);
        }
    }

    /// Whether a child is known and running.
    #[must_use]
    pub fn is_running(&self, id: &ConnectionId) -> bool {
        let children = lock(&self.0);
        let address = children.get(id).and_then(|child| child.address.as_ref());
        address.is_some_and(Addr::connected)
    }

    /// The actor of a connection, where one runs.
    #[must_use]
    pub fn address(&self, id: &ConnectionId) -> Option<Addr<ConnectionActor>> {
        lock(&self.0).get(id)?.address.clone()
    }

    /// Makes an actor look at its cell now.
    pub fn nudge(&self, id: &ConnectionId) {
        if let Some(address) = lock(&self.0).get(id).and_then(|child| child.address.as_ref()) {
            address.do_send(Look::default());
        }
    }

    /// All ids.
    #[must_use]
    pub fn ids(&self) -> Vec<ConnectionId> {
        lock(&self.0).keys().cloned().collect()
    }
}
