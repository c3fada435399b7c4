//! The rotations under way in this process. A claim of ours lives exactly as long as its task is in this set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::lock;
use crate::domain::ids::ConnectionId;

/// Who is being refreshed; at most one rotation a connection.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<HashMap<ConnectionId, watch::Receiver<bool>>>>);

/// A rotation's place in the set, left when dropped, whatever ends the task.
#[derive(Debug)]
pub struct Place {
    set: InFlight,
    id: ConnectionId,
    /// Whether its exchange is under way. Dropped: ended.
    exchanging: watch::Sender<bool>,
}

impl InFlight {
    /// Enters the set; `None` where a rotation of this connection is under way.
    #[must_use]
    pub fn enter(&self, id: &ConnectionId) -> Option<Place> {
        let mut set = lock(&self.0);
        if set.contains_key(id) {
            return None;
        }
        let (exchanging, wait) = watch::channel(false);
        set.insert(id.clone(), wait);
        Some(Place { set: self.clone(), id: id.clone(), exchanging })
    }

    /// A future that ends with the rotation under way; `None` where there is none.
    #[must_use]
    pub fn end_of(&self, id: &ConnectionId) -> Option<impl Future<Output = ()> + Send + 'static> {
        let mut wait = lock(&self.0).get(id)?.clone();
        Some(async move { while wait.changed().await.is_ok() {} })
    }

    /// Whether the token of this connection may end at any moment: its exchange is under way, not only waited for.
    #[must_use]
    pub fn is_exchanging(&self, id: &ConnectionId) -> bool {
        lock(&self.0).get(id).is_some_and(|wait| *wait.borrow())
    }

    /// Who, in order, `most` at most.
    #[must_use]
    pub fn ids(&self, most: usize) -> Vec<ConnectionId> {
        let mut ids: Vec<_> = lock(&self.0).keys().cloned().collect();
        ids.sort();
        ids.truncate(most);
        ids
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Place {
    /// From now on the token that is in use may end.
    pub fn exchanges(&self) {
        self.exchanging.send_replace(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.set.0).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_one_place_a_connection_and_its_end_is_told() {
        let set = InFlight::default();
        let id: ConnectionId = "a".parse().unwrap();
        let place = set.enter(&id).unwrap();
        assert!(set.enter(&id).is_none());
        let end = set.end_of(&id).unwrap();
        assert!(!set.is_exchanging(&id));
        place.exchanges();
        assert!(set.is_exchanging(&id));
        drop(place);
        end.await;
        assert!(set.end_of(&id).is_none());
        assert!(set.enter(&id).is_some());
        assert!(set.is_empty());
    }

    #[tokio::test]
    async fn a_task_that_panics_leaves_its_place() {
        let set = InFlight::default();
        let id: ConnectionId = "a".parse().unwrap();
        let place = set.enter(&id).unwrap();
        let end = set.end_of(&id).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a task that ends by a panic is what is tested")]
        let task = tokio::spawn(async move {
            let _place = place;
            panic!("on purpose");
        });
        end.await;
        assert!(task.await.is_err());
        assert!(set.is_empty());
    }
}
