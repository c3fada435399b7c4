//! What the database refused at a replay: the only living pairs of their connections, served from memory and tried on.

use std::collections::HashMap;
use std::sync::Mutex;

use super::Journalling;
use crate::domain::ids::ConnectionId;
use crate::domain::journal::Known;
use crate::registry::lock;

/// By whose they are.
#[derive(Default)]
pub(super) struct PutOff(Mutex<HashMap<ConnectionId, Known>>);

impl Journalling {
    /// The database refused what is known about a connection.
    pub fn put_off(&self, id: ConnectionId, known: Known) {
        lock(&self.put_off.0).insert(id, known);
    }

    /// Whether something was put off about a connection.
    #[must_use]
    pub fn is_put_off(&self, id: &ConnectionId) -> bool {
        lock(&self.put_off.0).contains_key(id)
    }

    /// What was put off about a connection.
    pub fn take_put_off(&self, id: &ConnectionId) -> Option<Known> {
        lock(&self.put_off.0).remove(id)
    }
}
