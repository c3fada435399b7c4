//! A keeper that is killed, and the bookkeeping of what that cost: the database against the simulator's ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::{Connection, Put};
use calendly_keeper::ports::Store;
use calendly_keeper::simulator::{
    Endpoint, Fault, FaultKind, NewGrant, Options, PresentationOutcome, SeedUser, Simulator,
};
use calendly_keeper::store::KeyRing;
use tokio::runtime::{Builder, Runtime};

use crate::support::keeper_process::{KeeperProcess, Setup};
use crate::support::rig::{offer, open};
use crate::support::wait::until;

/// Long enough that no user needs more than Calendly's 8 tokens a minute.
const LIFETIME: i64 = 20;
/// What an answer needs to come: the time in which a kill loses it.
const WAY: u64 = 100;
const DEADLINE: Duration = Duration::from_secs(90);

/// A grant that a kill has lost.
#[derive(Debug)]
struct Lost {
    id: String,
    /// Number and generation at the simulator of the pair whose refresh token was consumed.
    consumed: (u32, u32),
    /// The answer had left Calendly whole when the keeper died.
    arrived: bool,
}

/// Everything a run needs.
pub(crate) struct Victim {
    pub(crate) setup: Setup,
    simulator: Simulator,
    home: tempfile::TempDir,
    runtime: Runtime,
    lost: Vec<Lost>,
    /// Lost by the last kill and not connected again: the keeper itself has to find out.
    open: BTreeSet<String>,
    /// How far the keeper's generations are ahead of the simulator's, by id.
    ahead: BTreeMap<String, i64>,
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
        let lines = seed_grants(&simulator, connections, home.path());
        simulator.fault(Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: WAY })).unwrap();
        let client = (simulator.client_id(), simulator.client_secret());
        let setup = Setup::new(home.path(), &simulator.url(), client);
        setup.command(&["import", lines.to_str().unwrap()]);
        let ahead = (0..connections).map(|n| (format!("c{n}"), 0)).collect();
        Self { setup, simulator, home, runtime, lost: vec![], open: BTreeSet::new(), ahead }
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
        let rows = self.with_store(|store| rows(&store));
        assert_eq!(rows.len(), self.ahead.len(), "a connection is gone");
        for row in rows {
            let id = row.id.as_str().to_owned();
            assert!(!self.open.contains(&id), "only the last kill leaves lost grants");
            let newest = self.simulator.current_grant(&id).unwrap();
            if row.access_token.as_ref().unwrap().expose() == newest.access_token {
                continue;
            }
            let facts = self.simulator.refresh_token_facts(&newest.refresh_token).unwrap();
            let stored = row.generation.0 - self.ahead[&id];
            assert_eq!(stored + 1, i64::from(facts.generation), "{id}: more than the last answer is missing");
            assert!(row.claim.is_some(), "{id}: its token was sent without a claim: {row:?}");
            assert!(matches!(row.facts.grant, GrantFact::Live { .. }), "{id}: {:?}", row.facts);
            let consumed = (facts.grant, facts.generation - 1);
            self.lost.push(Lost { id: id.clone(), consumed, arrived: facts.answer_whole });
            self.open.insert(id);
        }
        self.no_committed_answer_was_asked_for_again();
        self.simulator.come_back().unwrap();
    }

    /// What was lost is given to the keeper anew, as a user would.
    pub(crate) fn connect_again(&mut self) {
        let ids: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        let new = NewGrant::default();
        let offers: Vec<_> = ids
            .iter()
            .map(|id| self.simulator.add_grant(id, &new).unwrap())
            .map(|grant| calendly_keeper::domain::grant::NewGrant {
                replace: true,
                ..offer(&grant, LIFETIME)
            })
            .collect();
        let put = self.with_store(|store| Box::pin(async move { store.put(offers, false).await.unwrap() }));
        for (id, put) in ids.into_iter().zip(put) {
            let Put::Replaced(generation) = put else { panic!("{id}: {put:?}") };
            self.ahead.insert(id, generation.0 - 1);
        }
    }

    /// Left alone, the keeper brings every grant into order, and says of the lost ones that they are.
    pub(crate) fn last_life(&mut self) {
        let mut keeper = self.setup.run();
        keeper.wait_for(&["supervisor", "started"], DEADLINE);
        let wanted = self.open.clone();
        let look = || {
            let rows = self.with_store(|store| rows(&store));
            let refused = |row: &Connection| match row.facts.grant {
                GrantFact::Refused { reason, .. } => Some(reason == Refusal::RotationLost),
                GrantFact::Live { .. } => None,
            };
            let now = chrono::Utc::now();
            let done = rows.iter().all(|row| match refused(row) {
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
        let rows = self.with_store(|store| rows(&store));
        for row in rows.iter().filter(|row| !wanted.contains(row.id.as_str())) {
            let newest = self.simulator.current_grant(row.id.as_str()).unwrap();
            let stored = row.access_token.as_ref().map(|token| token.expose().to_owned());
            assert_eq!(stored, Some(newest.access_token), "{}", row.id);
        }
        self.no_committed_answer_was_asked_for_again();
    }

    /// Lost grants: whose answer was on its way, and whose had arrived.
    pub(crate) fn lost(&self) -> (usize, usize) {
        let arrived = self.lost.iter().filter(|lost| lost.arrived).count();
        for lost in &self.lost {
            eprintln!("  lost {} generation {} arrived {}", lost.id, lost.consumed.1, lost.arrived);
        }
        (self.lost.len() - arrived, arrived)
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.simulator.counters().rotations
    }

    /// Whoever holds the answer has no reason to come with the spent token again.
    fn no_committed_answer_was_asked_for_again(&self) {
        let lost: BTreeSet<_> = self.lost.iter().map(|lost| lost.consumed).collect();
        for entry in self.simulator.ledger().presented {
            let token = entry.grant.zip(entry.generation);
            let again = entry.after_whole_answer || entry.outcome == PresentationOutcome::Reused;
            let known = token.is_some_and(|token| lost.contains(&token));
            assert!(!again || known, "presented again although its answer was committed: {entry:?}");
        }
    }

    fn with_store<T>(
        &self,
        run: impl FnOnce(Arc<dyn Store>) -> futures_util::future::BoxFuture<'static, T>,
    ) -> T {
        let keys = KeyRing::parse(&[&self.setup.key]).unwrap();
        let store = open(&self.runtime, self.home.path(), keys, false);
        self.runtime.block_on(run(store))
    }
}

fn rows(store: &Arc<dyn Store>) -> futures_util::future::BoxFuture<'static, Vec<Connection>> {
    let store = store.clone();
    Box::pin(async move {
        let mut rows = vec![];
        let mut after = None;
        loop {
            let page = store.page(after.as_ref(), 1_000).await.unwrap();
            rows.extend(page.connections);
            after = page.next;
            if after.is_none() {
                return rows;
            }
        }
    })
}

/// Their tokens end at different times, so that there is something to do at every moment.
fn seed_grants(simulator: &Simulator, connections: usize, home: &Path) -> std::path::PathBuf {
    let lines: Vec<String> = (0..connections)
        .map(|n| {
            let user = simulator.add_user(&SeedUser::named(format!("c{n}")));
            let left = 5 + (n as i64 * 7) % (LIFETIME - 5);
            let grant = NewGrant { expires_in: Some(left), scopes: None };
            let line = simulator.add_grant(user.0, &grant).unwrap().import_line();
            line.replacen('{', &format!("{{\"expires_in\":{LIFETIME},"), 1)
        })
        .collect();
    let path = home.join("grants.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path
}
