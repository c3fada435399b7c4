//! What is known in memory: a cell for each connection, the rotations in flight, counters. No I/O, no actors.

pub mod cell;
pub mod counters;
pub mod exposure;
pub mod in_flight;
pub mod order;
pub mod ownership;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::grant::Connection;
use crate::domain::ids::ConnectionId;
use cell::{Adopted, Cell};
use counters::Counters;
use exposure::Exposure;
use in_flight::InFlight;
use order::Order;
use ownership::Ownership;

/// So many are counted one by one.
const FEW: usize = 64;
/// Of more than these nobody reads a line for each refresh.
const MANY: usize = 1000;

/// Everything in memory.
#[derive(Debug)]
pub struct Registry {
    cells: RwLock<HashMap<ConnectionId, Arc<Cell>, Order>>,
    /// Rotations under way in this process.
    pub in_flight: InFlight,
    /// What happened since the start.
    pub counters: Counters,
    /// How long new tokens were in memory alone.
    pub exposure: Exposure,
    /// Which connections are this keeper's.
    pub ownership: Ownership,
    foreign_clients: Mutex<HashSet<Box<str>>>,
}

/// Locks, also when a holder panicked: what is guarded is replaced whole or not at all.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// An empty one, gone through in `order`.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self {
            cells: RwLock::new(HashMap::with_hasher(order)),
            in_flight: InFlight::default(),
            counters: Counters::default(),
            exposure: Exposure::default(),
            ownership: Ownership::default(),
            foreign_clients: Mutex::default(),
        }
    }

    /// The cell of a connection.
    #[must_use]
    pub fn get(&self, id: &ConnectionId) -> Option<Arc<Cell>> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Takes a row as the store has it: a new cell, or what is newer than memory. `jitter`: 0 to 1.
    pub fn adopt(&self, row: Connection, jitter: f64) -> (Arc<Cell>, Adopted) {
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        match cells.get(&row.id) {
            Some(cell) => (cell.clone(), cell.adopt(row)),
            None => {
                let cell = Arc::new(Cell::new(row, jitter));
                cells.insert(cell.id().clone(), cell.clone());
                (cell, Adopted::New)
            }
        }
    }

    /// Forgets a deleted connection; whoever still holds its cell finds it marked.
    pub fn remove(&self, id: &ConnectionId) -> Option<Arc<Cell>> {
        let cell = self.cells.write().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        cell.mark_deleted(cell.read(|c| c.grant_id));
        Some(cell)
    }

    /// Whether this foreign `client_id` is met for the first time: worth one line.
    pub fn is_news(&self, foreign_client: &str) -> bool {
        lock(&self.foreign_clients).insert(foreign_client.into())
    }

    /// All cells, in no order.
    #[must_use]
    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The first `limit` connections after `after`, in order of their ids, among those that `wanted` takes.
    #[must_use]
    pub fn page(
        &self,
        after: Option<&ConnectionId>,
        limit: usize,
        wanted: impl Fn(&Cell) -> bool,
    ) -> Vec<Arc<Cell>> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let mut first: BTreeMap<&ConnectionId, &Arc<Cell>> = BTreeMap::new();
        for (id, cell) in cells.iter().filter(|(id, _)| after.is_none_or(|after| *id > after)) {
            let is_full = first.len() == limit;
            if is_full && first.last_key_value().is_none_or(|(last, _)| id > *last) || !wanted(cell) {
                continue;
            }
            first.insert(id, cell);
            if is_full {
                first.pop_last();
            }
        }
        first.into_values().cloned().collect()
    }

    /// How many connections may be refreshed; where there are many, how many there are.
    #[must_use]
    pub fn refreshable(&self) -> usize {
        match self.len() {
            few if few <= FEW => self.cells().iter().filter(|cell| cell.token_view().may_refresh).count(),
            many => many,
        }
    }

    /// Whether there are so many that what happens to each of them again and again is summed up.
    #[must_use]
    pub fn has_many(&self) -> bool {
        self.len() > MANY
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
