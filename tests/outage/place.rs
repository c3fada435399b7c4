//! Connections of which some are refreshed when the database goes away, and others fall due while it is.

use std::time::Duration;

use calendly_keeper::domain::facts::GrantFact;
use calendly_keeper::domain::grant::Connection;
use calendly_keeper::simulator::{
    Endpoint, Fault, FaultKind, NewGrant, Options, SeedGrant, SeedUser, Simulator,
};
use tokio::runtime::{Builder, Runtime};

use crate::support::database::{Backend, Database};
use crate::support::postgres::Stop;
use crate::support::rig::setting;

/// Refreshed before, so that as many may be at once: a slow start.
pub(crate) const FIRST: usize = 24;
/// Their answers come when the database is gone.
pub(crate) const HELD: usize = 16;
/// They fall due without a database, and their tokens live on.
pub(crate) const LATER: usize = 40;
/// Of the database, for everything; and for whatever is waited for before.
pub(crate) const RETURN: Duration = Duration::from_secs(10);
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// What the whole thing needs.
pub(crate) struct Place {
    pub(crate) simulator: Simulator,
    pub(crate) database: Database,
    pub(crate) home: tempfile::TempDir,
    pub(crate) backend: Backend,
    /// How long the database is away.
    pub(crate) length: Duration,
    /// Of an access token, in seconds.
    pub(crate) lifetime: i64,
    pub(crate) runtime: Runtime,
}

impl Place {
    pub(crate) fn new(backend: Backend) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let seconds: u64 = setting("KEEPER_OUTAGE_SECONDS", 15);
        // A token falls due a fifth, and up to a twentieth, of it before its end, and then lives on for so long.
        let lifetime = (5 * seconds as i64).max(240);
        let options = Options { expires_in: lifetime, ..Options::default() };
        let simulator = Simulator::start_on(runtime.handle(), options).unwrap();
        let database = Database::new(backend);
        let home = tempfile::tempdir().unwrap();
        let length = Duration::from_secs(seconds);
        eprintln!("{} away for {seconds} s, tokens live {lifetime} s", backend.name());
        Self { simulator, database, home, backend, length, lifetime, runtime }
    }

    /// Users whose access tokens end in so many parts of a thousand of a lifetime.
    pub(crate) fn users(&self, name: &str, count: usize, ends: impl Fn(i64) -> i64) -> Vec<SeedGrant> {
        let user = |n: usize| {
            let user = self.simulator.add_user(&SeedUser::named(format!("{name}-{n}")));
            let left = self.lifetime * ends(n as i64) / 1000;
            self.simulator.add_grant(user.0, &NewGrant { expires_in: Some(left), scopes: None }).unwrap()
        };
        (0..count).map(user).collect()
    }

    /// Those that are there from the beginning.
    pub(crate) fn early(&self) -> Vec<SeedGrant> {
        let mut early = self.users("first", FIRST, |_| 100);
        early.extend(self.users("later", LATER, |n| 280 + n));
        early
    }

    /// From now on answers wait, having taken effect; of these users they are asked for at once.
    pub(crate) fn hold(&self) -> Vec<SeedGrant> {
        self.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
        self.users("held", HELD, |_| 100)
    }

    /// Until the answers of all these are held.
    pub(crate) fn all_in_flight(&self) -> bool {
        let is_asked_for = |n| {
            let ledger = self.simulator.ledger_of(format!("held-{n}")).unwrap();
            !ledger.presented.is_empty()
        };
        self.simulator.held() >= HELD && (0..HELD).all(is_asked_for)
    }

    pub(crate) fn leaves(&mut self) {
        self.database.leave(self.home.path(), Stop::Immediate);
        self.simulator.clear_faults();
        assert!(self.simulator.release() >= HELD);
    }

    /// Connections whose row is not what Calendly gave out last. None is marked.
    pub(crate) fn behind(&self, rows: &[Connection]) -> usize {
        assert_eq!(rows.len(), FIRST + HELD + LATER);
        let is_behind = |row: &&Connection| {
            assert!(matches!(row.facts.grant, GrantFact::Live { .. }), "{row:?}");
            let newest = self.simulator.current_grant(row.id.as_str()).unwrap().access_token;
            row.access_token.as_ref().is_none_or(|token| token.expose() != newest)
        };
        rows.iter().filter(is_behind).count()
    }

    /// Nothing spent was presented, and no answer was asked for twice.
    pub(crate) fn nothing_is_lost(&self) {
        let counters = self.simulator.counters();
        let bad = (
            counters.tokens_reused,
            counters.presented_after_whole_answer,
            counters.unknown_refresh_tokens,
            counters.requests_with_expired_access_token,
        );
        assert_eq!(bad, (0, 0, 0, 0), "{counters:#?}");
    }

    /// After its server has started anew nobody refreshes for 90 s: the short form does not wait for that.
    pub(crate) fn can_wait_for_refreshes(&self) -> bool {
        self.backend == Backend::Sqlite || self.length > DEADLINE
    }
}
