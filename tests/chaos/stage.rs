//! Where it all happens: a simulated Calendly whose answers fail, a database, and the connections in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::Connection;
use calendly_keeper::ports::Store;
use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, Options, SetFault, Simulator};
use calendly_keeper::store::KeyRing;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::{Builder, Runtime};

use crate::crew::Crew;
use crate::settings::Settings;
use crate::support::book::{Book, Lost, Token, journalled, rows};
use crate::support::database::Database;
use crate::support::keeper_process::Setup;
use crate::support::postgres::Stop;
use crate::support::rig::open_at;
use crate::support::wait::until;

/// What an answer needs to come: the time in which most kills lose it.
const WAY: u64 = 100;
/// So much more do answers need that an outage shall meet, and so long they are waited for.
const LATE: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(2);
const REST: Duration = Duration::from_secs(10);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) database: Database,
    pub(crate) book: Book,
    home: tempfile::TempDir,
    /// Of the keepers.
    data: BTreeSet<PathBuf>,
    key: String,
    runtime: Runtime,
}

impl Stage {
    /// Connections in a database, and what keepers of them are started with.
    pub(crate) fn new(settings: &Settings) -> (Self, Vec<Setup>) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            expires_in: settings.lifetime(),
            expires_in_spread: settings.lifetime() as u32 / 3,
            seed: Some(settings.seed),
            ledger_entries: 10_000_000,
            // A keeper that is started anew does not know what the one before had asked for.
            tokens_per_minute: 0,
            ..Options::default()
        };
        let simulator = Simulator::start_on(runtime.handle(), options).unwrap();
        let database = Database::new(settings.backend);
        let home = tempfile::tempdir().unwrap();
        let lines = home.path().join("grants.jsonl");
        let book = Book::open(&simulator, settings.connections, settings.lifetime(), &lines);
        let client = (simulator.client_id(), simulator.client_secret());
        let first = Setup::new(home.path(), &simulator.url(), client)
            .with("KEEPER__DATABASE__URL", database.url())
            .with("KEEPER__LOG__STATUS_EVERY", "1s");
        first.command(&["import", lines.to_str().unwrap()]);
        let key = first.key.clone();
        let mut setups = vec![first];
        for n in 1..settings.keepers {
            // On SQLite they share the data directory, on PostgreSQL they must not.
            let directory = if settings.has_holds() {
                home.path().join(format!("keeper-{n}"))
            } else {
                home.path().into()
            };
            setups.push(setups[0].beside(&directory, &format!("keeper-{n}.log")));
        }
        let data = setups.iter().map(|setup| setup.home.clone()).collect();
        let stage = Self { simulator, database, book, home, data, key, runtime };
        stage.set_faults(if settings.is_long() { 0.01 } else { 0.03 });
        (stage, setups)
    }

    /// Answers take their time, and some requests fail without effect: what a lost answer costs is another question.
    fn set_faults(&self, probability: f64) {
        let fault = |fault| {
            self.simulator.fault(fault).unwrap();
        };
        fault(Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: WAY }));
        for kind in [
            FaultKind::Status { code: 503, body: None, headers: BTreeMap::new() },
            FaultKind::ResetBefore,
            FaultKind::HtmlBefore,
            FaultKind::RateLimited { retry_after: Some(2), reset: None },
        ] {
            fault(Fault::always(Endpoint::Token, kind).probability(probability));
        }
    }

    /// From now on nothing fails; how many requests did.
    pub(crate) fn clear_faults(&self) -> u64 {
        let failing = |fault: &SetFault| !matches!(fault.fault, FaultKind::DelayAnswer { .. });
        let fired =
            self.simulator.faults().iter().filter(|fault| failing(fault)).map(|fault| fault.fired).sum();
        self.simulator.clear_faults();
        fired
    }

    /// The database goes away while answers are on their way; they arrive when it is gone.
    pub(crate) fn lose_database_under_answers(&mut self, how: Stop) {
        let late = Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: LATE });
        let late = self.simulator.fault(late).unwrap();
        let made = || self.simulator.counters().rotations;
        let (before, waited) = (made(), Instant::now());
        // Nobody may be allowed to refresh now: then it goes away all the same.
        while made() < before + 3 && waited.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.database.leave(self.home.path(), how);
        assert!(self.simulator.clear_fault(late));
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        open_at(&self.runtime, self.database.url(), self.home.path(), self.keys(), false)
    }

    fn keys(&self) -> KeyRing {
        KeyRing::parse(&[&self.key]).unwrap()
    }

    pub(crate) fn rows(&self) -> Vec<Connection> {
        rows(&self.runtime, &self.store())
    }

    /// Everything between a killed keeper and Calendly has gone with it.
    pub(crate) fn rest(&self) {
        let mut before = None;
        until("a simulator at rest", REST, || {
            let now = self.simulator.counters();
            (before.replace(now) == Some(now)).then_some(())
        });
    }

    /// Connections without a valid token although their grants are not known to be lost, by what Calendly gave out.
    pub(crate) fn without_valid_token(&self, now: DateTime<Utc>) -> Vec<&str> {
        let given = self.book.given.values().map(|given| given.id.as_str());
        let living: BTreeSet<_> = given.filter(|id| !self.book.open.contains(*id)).collect();
        let valid = |id: &str| self.simulator.current_grant(id).unwrap().expires_at > now;
        living.into_iter().filter(|id| !valid(id)).collect()
    }

    /// When a keeper at work has something to do, at the latest.
    pub(crate) fn first_due(&self, lifetime: i64) -> DateTime<Utc> {
        let given = self.book.given.values().filter(|given| !self.book.open.contains(&given.id));
        let ends = given.map(|given| self.simulator.current_grant(&given.id).unwrap().expires_at);
        // A fifth of the shortest lifetime before the end, but not less than 5 s.
        let margin = TimeDelta::seconds((lifetime * 2 / 15).max(5));
        ends.min().map_or(DateTime::UNIX_EPOCH, |ends| ends - margin)
    }

    /// When each pair was made, by the token that it belongs to.
    fn issued(&self) -> BTreeMap<Token, (DateTime<Utc>, bool)> {
        let issued = self.simulator.ledger().issued.into_iter();
        issued.map(|entry| ((entry.grant, entry.generation), (entry.at, entry.whole))).collect()
    }

    /// What rows lack, while nobody refreshes, must be what a kill has cost. Whether it is so already.
    pub(crate) fn is_level(&self, crew: &Crew) -> bool {
        let behind = self.book.behind(&self.simulator, &self.rows(), &BTreeSet::new());
        let issued = self.issued();
        behind.iter().all(|lost| explained(lost, &issued, crew).is_ok())
    }

    /// Takes down what rows and journals lack when nobody runs: the cost of a kill, and of nothing else.
    pub(crate) fn compare(&mut self, crew: &Crew) -> usize {
        let store = self.store();
        let in_journal = |home: &PathBuf| journalled(&self.runtime, &store, home, self.keys());
        let in_journals = self.data.iter().flat_map(in_journal).collect();
        let behind = self.book.behind(&self.simulator, &rows(&self.runtime, &store), &in_journals);
        let issued = self.issued();
        let newly = behind.len();
        for lost in behind {
            let before = explained(&lost, &issued, crew).unwrap_or_else(|why| panic!("{why}"));
            self.lose(lost, before);
        }
        newly
    }

    /// Takes down what was presented again: the answers that only a kill can have cost.
    pub(crate) fn note_presented_again(&mut self, crew: &Crew) {
        let ledger = self.simulator.ledger();
        let issued = self.issued();
        for entry in self.book.asked_again(&ledger.presented) {
            let (grant, generation) = entry.grant.zip(entry.generation).unwrap();
            if self.book.lost.iter().any(|lost| lost.consumed == (grant, generation)) {
                continue;
            }
            let id = self.book.given[&grant].id.clone();
            let arrived = issued[&(grant, generation + 1)].1;
            let lost = Lost { id, consumed: (grant, generation), arrived };
            let before = explained(&lost, &issued, crew)
                .unwrap_or_else(|why| panic!("presented again: {why}: {entry:?}\n{}", crew.said()));
            self.lose(lost, before);
        }
    }

    fn lose(&mut self, lost: Lost, before: TimeDelta) {
        let (id, arrived) = (&lost.id, if lost.arrived { "arrived" } else { "on its way" });
        eprintln!("chaos: lost {id}, made {} ms before a kill, answer {arrived}", before.num_milliseconds());
        self.book.lose(lost);
    }

    /// Users whose grants are known to be gone connect again. Nobody else's may be.
    pub(crate) fn connect_again(&mut self, crew: &Crew) {
        let refused = self.refused(crew);
        if refused.is_empty() {
            return;
        }
        let (store, runtime) = (self.store(), &self.runtime);
        let put = |offers| runtime.block_on(store.put(offers, false)).unwrap();
        self.book.connect_again(&self.simulator, &refused, put);
    }

    /// Whose grants are marked as gone: rightly so, and for the right reason.
    pub(crate) fn refused(&mut self, crew: &Crew) -> Vec<String> {
        // In this order: what a row tells has been presented before.
        let rows = self.rows();
        self.note_presented_again(crew);
        let mut refused = vec![];
        for row in rows {
            if let GrantFact::Refused { reason, .. } = row.facts.grant {
                let id = row.id.as_str().to_owned();
                assert!(self.book.open.contains(&id) && reason == Refusal::RotationLost, "{row:?}");
                refused.push(id);
            }
        }
        refused
    }
}

/// A lost answer was on its way, or had just arrived, when a keeper that worked was killed.
fn explained(
    lost: &Lost,
    issued: &BTreeMap<Token, (DateTime<Utc>, bool)>,
    crew: &Crew,
) -> Result<TimeDelta, String> {
    let pair = (lost.consumed.0, lost.consumed.1 + 1);
    let (at, _) = issued.get(&pair).ok_or_else(|| format!("{lost:?}: no such answer"))?;
    crew.died_over(*at).ok_or_else(|| format!("{lost:?}, answered at {at}, when nobody was killed"))
}
