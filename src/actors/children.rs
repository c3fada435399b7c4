//! The connections' actors by connection id. Outside the supervisor: a supervisor that restarts finds them all.

use std::collections::HashMap;
use std::sync::Mutex;

use actix::Addr;

use super::connection::ConnectionActor;
use super::messages::{Finish, Look};
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// Who is there.
#[derive(Debug, Default)]
pub struct Children(Mutex<HashMap<ConnectionId, Child>>);

#[derive(Debug, Default)]
struct Child {
    /// `None` while quarantined.
    address: Option<Addr<ConnectionActor>>,
    quarantines: u32,
}

impl Children {
    /// A child was started, for the first time or after quarantine.
    pub fn started(&self, id: ConnectionId, address: Addr<ConnectionActor>) {
        lock(&self.0).entry(id).or_default().address = Some(address);
    }

    /// Its address is dead; it may be started again. Answers how often it was parked.
    pub fn parked(&self, id: &ConnectionId) -> u32 {
        let mut children = lock(&self.0);
        let Some(child) = children.get_mut(id) else { return 0 };
        child.address = None;
        child.quarantines += 1;
        child.quarantines
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
        lock(&self.0).get(id).is_some_and(|child| child.address.is_some())
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
