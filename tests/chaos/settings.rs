//! What a run is asked for, by environment.

use std::fmt;
use std::time::Duration;

use crate::support::database::Backend;
use crate::support::rig::setting;

/// From here on a run has the time for troubles that need some.
const LONG: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    /// One works, the others stand by.
    pub(crate) keepers: usize,
}

impl Settings {
    /// `None` where another database was asked for.
    pub(crate) fn read(backend: Backend) -> Option<Self> {
        let wanted = setting("KEEPER_CHAOS_DATABASE", String::new());
        assert!(["", "sqlite", "postgres"].contains(&wanted.as_str()), "KEEPER_CHAOS_DATABASE={wanted}");
        if !wanted.is_empty() && wanted != backend.name() {
            return None;
        }
        let keepers = setting("KEEPER_CHAOS_KEEPERS", if backend == Backend::Sqlite { 2 } else { 1 });
        assert!((1..=2).contains(&keepers), "KEEPER_CHAOS_KEEPERS={keepers}: 1 or 2");
        Some(Self {
            backend,
            length: Duration::from_secs(setting("KEEPER_CHAOS_SECONDS", 6)),
            seed: setting("KEEPER_CHAOS_SEED", rand::random::<u32>().into()),
            connections: setting("KEEPER_CHAOS_CONNECTIONS", 150),
            keepers,
        })
    }

    pub(crate) fn is_long(&self) -> bool {
        self.length >= LONG
    }

    /// Nobody stands by, so that what a kill or a stop has left can be looked at.
    pub(crate) fn alone(&self) -> bool {
        self.keepers == 1
    }

    /// After its server started anew, or another keeper was killed, nobody may refresh for 90 s.
    pub(crate) fn has_holds(&self) -> bool {
        self.backend == Backend::Postgres
    }

    /// Of an access token, in seconds; in the short form as short as Calendly's 8 tokens a minute allow.
    pub(crate) fn lifetime(&self) -> i64 {
        if self.is_long() { 60 } else { 20 }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, length, seed, connections, keepers } = self;
        write!(
            f,
            "{}: {} s of trouble, {connections} connections, keepers {keepers}, KEEPER_CHAOS_SEED={seed}",
            backend.name(),
            length.as_secs()
        )
    }
}
