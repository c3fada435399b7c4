//! A keeper that is killed or stopped, and the bookkeeping of what that cost: database and journal against the simulator's
//! ledger.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::Connection;
use calendly_keeper::ports::Store;
use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, IssuedEntry, Options, Simulator};
use calendly_keeper::store::KeyRing;
use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};

use crate::support::book::{Book, Lost, journalled, rows};
use crate::support::database::{Backend, Database};
use crate::support::exposures::{Exposures, last_status};
use crate::support::keeper_process::{KeeperProcess, Setup};
use crate::support::rig::open_at;
use crate::support::wait::until;

/// Long enough that no user needs more than Calendly's 8 tokens a minute.
const LIFETIME: i64 = 20;
/// What an answer needs to come: the time in which a kill loses it.
const WAY: u64 = 100;
/// So much later it is durable, on a machine that has other things to do.
const EXPOSED: TimeDelta = TimeDelta::milliseconds(1_000);
const DEADLINE: Duration = Duration::from_secs(90);

/// Everything a run needs.
pub(crate) struct Victim {
    pub(crate) setup: Setup,
    /// Refreshes that a stop met.
    pub(crate) in_flight: usize,
    simulator: Simulator,
    database: Database,
    home: tempfile::TempDir,
    runtime: Runtime,
    /// What the last kill lost stays open: the keeper itself has to find out.
    book: Book,
    killed_at: DateTime<Utc>,
    /// The longest time between an issued pair that was lost and the kill.
    longest: TimeDelta,
    /// Pairs that only the journal had at a kill.
    by_journal: usize,
    exposures: Exposures,
}

impl Victim {
    /// Connections with short tokens, imported by the command.
    pub(crate) fn new(backend: Backend, connections: usize, seed: u64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            expires_in: LIFETIME,
            seed: Some(seed),
            ledger_entries: 2_000_000,
            tokens_per_minute: 0,
            ..Options::default()
        };
        let simulator = Simulator::start_on(runtime.handle(), options).unwrap();
        let database = Database::new(backend);
        let home = tempfile::tempdir().unwrap();
        let lines = home.path().join("grants.jsonl");
        let book = Book::open(&simulator, connections, LIFETIME, &lines);
        simulator.fault(Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: WAY })).unwrap();
        let client = (simulator.client_id(), simulator.client_secret());
        let setup = Setup::new(home.path(), &simulator.url(), client)
            .with("KEEPER__DATABASE__URL", database.url())
            .with("KEEPER__LOG__STATUS_EVERY", "250ms");
        setup.command(&["import", lines.to_str().unwrap()]);
        Self {
            setup,
            in_flight: 0,
            simulator,
            database,
            home,
            runtime,
            book,
            killed_at: Utc::now(),
            longest: TimeDelta::zero(),
            by_journal: 0,
            exposures: Exposures::default(),
        }
    }

    /// A keeper that works.
    pub(crate) fn started(&self) -> KeeperProcess {
        let mut keeper = self.setup.run();
        keeper.wait_for(&["supervisor", "started"], DEADLINE);
        keeper
    }

    /// Kills the keeper and, in the same moment, everything between it and Calendly.
    pub(crate) fn kill(&mut self, keeper: KeeperProcess) {
        self.exposures.life(&keeper.log());
        self.killed_at = Utc::now();
        keeper.kill(|| self.simulator.stop());
        let mut before = None;
        until("a simulator at rest", DEADLINE, || {
            let now = self.simulator.counters();
            (before.replace(now) == Some(now)).then_some(())
        });
    }

    /// Every pair in the database, or in the journal, is Calendly's newest one, or its successor was on its way when the
    /// keeper died.
    pub(crate) fn compare(&mut self) {
        assert!(self.book.open.is_empty(), "only the last kill leaves lost grants");
        let store = self.store();
        let rows = rows(&self.runtime, &store);
        let journalled = journalled(&self.runtime, &store, self.home.path(), self.keys());
        let behind = self.book.behind(&self.simulator, &rows, &journalled);
        self.by_journal += self.book.behind(&self.simulator, &rows, &BTreeSet::new()).len() - behind.len();
        let issued = self.simulator.ledger().issued;
        for lost in behind {
            let row = rows.iter().find(|row| row.id.as_str() == lost.id).unwrap();
            assert!(row.claim.is_some(), "its token was sent without a claim: {row:?}");
            assert!(matches!(row.facts.grant, GrantFact::Live { .. }), "{row:?}");
            let before = self.killed_at - issued_at(&issued, &lost);
            assert!(
                before < TimeDelta::milliseconds(WAY as i64) + EXPOSED,
                "{before} before the kill: {row:?}"
            );
            self.longest = self.longest.max(before);
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

    /// SIGTERM: it ends well, and every pair is in the database.
    pub(crate) fn stop(&mut self, mut keeper: KeeperProcess) {
        keeper.signal(Signal::TERM);
        let ended = until("the keeper's end", DEADLINE, || keeper.ended());
        let said = keeper.log();
        assert!(ended.success() && said.contains("stopped unfinished=0"), "{ended}:\n{said}");
        self.in_flight += last_status(&said, "in_flight=").map_or(0, |met| met.parse::<usize>().unwrap());
        self.exposures.life(&said);
        self.nothing_is_behind();
    }

    /// Left alone, the keeper brings every grant into order, and says of the lost ones that they are.
    pub(crate) fn last_life(&mut self) {
        let keeper = self.started();
        let wanted = &self.book.open;
        let look = || {
            let refused = |row: &Connection| match row.facts.grant {
                GrantFact::Refused { reason, .. } => Some(reason == Refusal::RotationLost),
                GrantFact::Live { .. } => None,
            };
            let now = Utc::now();
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
        self.nothing_is_behind();
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.simulator.counters().rotations
    }

    pub(crate) fn has_measured(&self) -> bool {
        !self.exposures.is_empty()
    }

    fn nothing_is_behind(&self) {
        let behind = self.book.behind(&self.simulator, &self.rows(), &BTreeSet::new());
        assert!(behind.is_empty(), "{behind:?}");
        self.no_committed_answer_was_asked_for_again();
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
        open_at(&self.runtime, self.database.url(), self.home.path(), self.keys(), false)
    }

    fn keys(&self) -> KeyRing {
        KeyRing::parse(&[&self.setup.key]).unwrap()
    }
}

fn issued_at(issued: &[IssuedEntry], lost: &Lost) -> DateTime<Utc> {
    let pair = (lost.consumed.0, lost.consumed.1 + 1);
    issued.iter().find(|entry| (entry.grant, entry.generation) == pair).unwrap().at
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (on_its_way, arrived) = self.book.counts();
        let mut row = |name: &str, value: String| write!(f, "\n  {name:<52} {value}");
        row("rotations", self.rotations().to_string())?;
        row("grants lost, answer on its way", on_its_way.to_string())?;
        row("grants lost, answer arrived, not durable", arrived.to_string())?;
        row(
            "longest between a lost pair's issue and the kill",
            format!("{} ms", self.longest.num_milliseconds()),
        )?;
        row("pairs that only the journal had at a kill", self.by_journal.to_string())?;
        row("refreshes in flight at a stop", self.in_flight.to_string())?;
        let (median, p99, worst) = self.exposures.figures();
        row("exposure, median of lives: median", format!("{median:.1?} ({} lives)", self.exposures.len()))?;
        row("exposure, median of lives: 99th percentile", format!("{p99:.1?} (worst {worst:.1?})"))
    }
}
