//! The threads that actors run on: the system arbiter, and for connections as many more as the machine has cores.

use actix::{Arbiter, ArbiterHandle};

use crate::domain::ids::ConnectionId;

/// Handles to the arbiters, and the arbiters of our own, to be joined at the end.
pub struct Arbiters {
    system: ArbiterHandle,
    connections: Vec<ArbiterHandle>,
    owned: std::sync::Mutex<Vec<Arbiter>>,
}

impl Arbiters {
    /// The current arbiter as the system's, and `connections` new ones.
    #[must_use]
    pub fn start(connections: usize) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that makes arbiters; tests use `current`"
        )]
        let owned: Vec<_> = (0..connections.max(1)).map(|_| Arbiter::new()).collect();
        Self {
            system: Arbiter::current(),
            connections: owned.iter().map(Arbiter::handle).collect(),
            owned: owned.into(),
        }
    }

    /// Everything on the current arbiter: the only way under virtual time.
    #[must_use]
    pub fn current() -> Self {
        Self { system: Arbiter::current(), connections: vec![Arbiter::current()], owned: vec![].into() }
    }

    /// Where the supervisor and the webhook actor run.
    #[must_use]
    pub fn system(&self) -> ArbiterHandle {
        self.system.clone()
    }

    /// Where a connection's actor runs.
    #[must_use]
    pub fn of(&self, id: &ConnectionId) -> &ArbiterHandle {
        &self.connections[id.bucket(self.connections.len())]
    }

    /// Each, with a name to report it by.
    #[must_use]
    pub fn all(&self) -> Vec<(String, ArbiterHandle)> {
        let connections = self.connections.iter().zip(1..);
        let connections =
            connections.map(|(arbiter, n)| (format!("the arbiter connections {n}"), arbiter.clone()));
        std::iter::once(("the system arbiter".to_owned(), self.system.clone())).chain(connections).collect()
    }

    /// Stops the connections' arbiters and waits for their threads; `System::stop` alone joins nothing.
    pub fn stop(&self) {
        let owned = std::mem::take(&mut *crate::registry::lock(&self.owned));
        for arbiter in &owned {
            arbiter.stop();
        }
        for arbiter in owned {
            let _ = arbiter.join();
        }
    }
}

impl std::fmt::Debug for Arbiters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arbiters").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}
