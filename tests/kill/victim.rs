//! A keeper that is killed, and the bookkeeping of what that cost: the database against the simulator's ledger.

use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::Connection;
use calendly_keeper::ports::Store;
use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, Options, Simulator};
use calendly_keeper::store::KeyRing;
use tokio::runtime::{Builder, Runtime};

use crate::support::book::{Book, rows};
use crate::support::keeper_process::{KeeperProcess, Setup};
use crate::support::rig::open;
use crate::support::wait::until;

/// Long enough that no user needs more than Calendly's 8 tokens a minute.
const LIFETIME: i64 = 20;
/// What an answer needs to come: the time in which a kill loses it.
const WAY: u64 = 100;
const DEADLINE: Duration = Duration::from_secs(90);

/// Everything a run needs.
pub(crate) struct Victim {
    pub(crate) setup: Setup,
    simulator: Simulator,
    home: tempfile::TempDir,
    runtime: Runtime,
    /// What the last kill lost stays open: the keeper itself has to find out.
    book: Book,
}

impl Victim {
    /// Connections with short tokens, imported by the command.
    pub(crate) fn new(connections: usize, seed: u64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            expires_in: LIFETIME,
            seed: Some(seed),
            ledger_entries: 2_000_000,
            tokens_per_minute: 0,
            ..Options::default()
        };
        let simulator = Simulator::start_on(runtime.handle(), options).unwrap();
        let home = tempfile::tempdir().unwrap();
        let lines = home.path().join("grants.jsonl");
        let book = Book::open(&simulator, connections, LIFETIME, &lines);
        simulator.fault(Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: WAY })).unwrap();
        let client = (simulator.client_id(), simulator.client_secret());
        let setup = Setup::new(home.path(), &simulator.url(), client);
        setup.command(&["import", lines.to_str().unwrap()]);
        Self { setup, simulator, home, runtime, book }
    }

    /// Kills the keeper and, in the same moment, everything between it and Calendly.
    pub(crate) fn kill(&self, keeper: KeeperProcess) {
        keeper.kill(|| self.simulator.stop());
        let mut before = None;
        until("a simulator at rest", DEADLINE, || {
            let now = self.simulator.counters();
            (before.replace(now) == Some(now)).then_some(())
        });
    }

    /// Every pair in the database is Calendly's newest one, or its successor was on its way when the keeper died.
    pub(crate) fn compare(&mut self) {
        assert!(self.book.open.is_empty(), "only the last kill leaves lost grants");
        let rows = self.rows();
        for lost in self.book.behind(&self.simulator, &rows) {
            let row = rows.iter().find(|row| row.id.as_str() == lost.id).unwrap();
            assert!(row.claim.is_some(), "its token was sent without a claim: {row:?}");
            assert!(matches!(row.facts.grant, GrantFact::Live { .. }), "{row:?}");
            self.book.lose(lost);
        }
        self.no_committed_answer_was_asked_for_again();
        self.simulator.come_back().unwrap();
    }

    /// What was lost is given to the keeper anew, as a user would.
    pub(crate) fn connect_again(&mut self) {
        let ids: Vec<_> = self.book.open.iter().cloned().collect();
        let (store, runtime) = (self.store(), &self.runtime);
        let put = |offers| runtime.block_on(store.put(offers, false)).unwrap();
        self.book.connect_again(&self.simulator, &ids, put);
    }

    /// Left alone, the keeper brings every grant into order, and says of the lost ones that they are.
    pub(crate) fn last_life(&mut self) {
        let mut keeper = self.setup.run();
        keeper.wait_for(&["supervisor", "started"], DEADLINE);
        let wanted = &self.book.open;
        let look = || {
            let refused = |row: &Connection| match row.facts.grant {
                GrantFact::Refused { reason, .. } => Some(reason == Refusal::RotationLost),
                GrantFact::Live { .. } => None,
            };
            let now = chrono::Utc::now();
            let done = self.rows().iter().all(|row| match refused(row) {
                Some(rightly) => {
                    assert!(rightly && wanted.contains(row.id.as_str()), "refused: {row:?}");
                    true
                }
                None => !wanted.contains(row.id.as_str()) && row.expires_at.is_some_and(|at| at > now),
            });
            done.then_some(())
        };
        until("every grant in order", DEADLINE, look);
        let ended = keeper.stop(DEADLINE);
        assert!(ended.success(), "{ended}");
        let behind = self.book.behind(&self.simulator, &self.rows());
        assert!(behind.is_empty(), "{behind:?}");
        self.no_committed_answer_was_asked_for_again();
    }

    /// Lost grants: whose answer was on its way, and whose had arrived.
    pub(crate) fn lost(&self) -> (usize, usize) {
        for lost in &self.book.lost {
            eprintln!("  lost {} generation {} arrived {}", lost.id, lost.consumed.1, lost.arrived);
        }
        self.book.counts()
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.simulator.counters().rotations
    }

    /// Whoever holds the answer has no reason to come with the spent token again.
    fn no_committed_answer_was_asked_for_again(&self) {
        let again = self.book.asked_again(&self.simulator.ledger().presented);
        assert!(again.is_empty(), "presented again although the answer was committed: {again:?}");
    }

    fn rows(&self) -> Vec<Connection> {
        rows(&self.runtime, &self.store())
    }

    fn store(&self) -> Arc<dyn Store> {
        let keys = KeyRing::parse(&[&self.setup.key]).unwrap();
        open(&self.runtime, self.home.path(), keys, false)
    }
}
