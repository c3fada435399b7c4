//! The database against the simulator's ledger: which answers nobody has, and whether any other was asked for again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use calendly_keeper::cli::open::journal;
use calendly_keeper::clock::SystemClock;
use calendly_keeper::domain::grant::{self, Connection, NewGrant as Offer, Put};
use calendly_keeper::domain::secrets::AccessToken;
use calendly_keeper::ports::Store;
use calendly_keeper::simulator::{NewGrant, PresentationOutcome, PresentedEntry, SeedUser, Simulator};
use calendly_keeper::store::KeyRing;
use chrono::{DateTime, Utc};
use tokio::runtime::Runtime;

use super::rig::offer;

/// Number and generation at the simulator of a refresh token.
pub(crate) type Token = (u32, u32);

/// A pair that nobody has, and with it a grant.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) id: String,
    /// The refresh token that was consumed for it.
    pub(crate) consumed: Token,
    /// The answer with it had left Calendly whole.
    pub(crate) arrived: bool,
}

/// A grant that the simulator gave.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    /// When its first access token ends.
    pub(crate) expires_at: DateTime<Utc>,
}

/// Connections, and what they have lost.
pub(crate) struct Book {
    lifetime: i64,
    /// How far the keeper's generations are ahead of the simulator's, by id.
    ahead: BTreeMap<String, i64>,
    /// All grants there ever were, by their numbers.
    pub(crate) given: BTreeMap<u32, Given>,
    pub(crate) lost: Vec<Lost>,
    /// Lost and not connected again.
    pub(crate) open: BTreeSet<String>,
}

impl Book {
    /// Users `c0`, `c1`, … whose tokens end at different times, so that there is something to do at every moment;
    /// their import lines are written to `lines`.
    pub(crate) fn open(simulator: &Simulator, connections: usize, lifetime: i64, lines: &Path) -> Self {
        let (mut given, mut text) = (BTreeMap::new(), vec![]);
        for n in 0..connections {
            let user = simulator.add_user(&SeedUser::named(format!("c{n}")));
            let left = 5 + (n as i64 * 7) % (lifetime - 5);
            let grant = NewGrant { expires_in: Some(left), scopes: None };
            let grant = simulator.add_grant(user.0, &grant).unwrap();
            text.push(grant.import_line().replacen('{', &format!("{{\"expires_in\":{lifetime},"), 1));
            given.insert(grant.grant, Given { id: grant.id, expires_at: grant.expires_at });
        }
        fs::write(lines, text.join("\n")).unwrap();
        let ahead = (0..connections).map(|n| (format!("c{n}"), 0)).collect();
        Self { lifetime, ahead, given, lost: vec![], open: BTreeSet::new() }
    }

    /// What is lost if nobody but these rows, and these journalled pairs, knows anything: each row holds Calendly's newest
    /// pair, or lacks only the last answer that was asked for with its token, of which it says so. What is known to be
    /// lost is left out.
    pub(crate) fn behind(
        &self,
        simulator: &Simulator,
        rows: &[Connection],
        journalled: &BTreeSet<String>,
    ) -> Vec<Lost> {
        assert_eq!(rows.len(), self.ahead.len(), "a connection is gone");
        let mut behind = vec![];
        for row in rows {
            let id = row.id.as_str();
            let newest = simulator.current_grant(id).unwrap();
            let stored = row.access_token.as_ref().map(AccessToken::expose);
            let kept =
                stored == Some(newest.access_token.as_str()) || journalled.contains(&newest.access_token);
            if self.open.contains(id) || kept {
                continue;
            }
            let facts = simulator.refresh_token_facts(&newest.refresh_token).unwrap();
            let generation = row.generation.0 - self.ahead[id];
            let next = i64::from(facts.generation);
            assert_eq!(generation + 1, next, "{id}: more than the last answer is missing: {row:?}");
            let in_doubt = row.claim.is_some() || row.unknown_since.is_some();
            assert!(in_doubt, "{id}: its token was sent without a claim: {row:?}");
            let consumed = (facts.grant, facts.generation - 1);
            behind.push(Lost { id: id.to_owned(), consumed, arrived: facts.answer_whole });
        }
        behind
    }

    pub(crate) fn lose(&mut self, lost: Lost) {
        self.open.insert(lost.id.clone());
        self.lost.push(lost);
    }

    /// Lost grants: whose answer was on its way, and whose had arrived.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let arrived = self.lost.iter().filter(|lost| lost.arrived).count();
        (self.lost.len() - arrived, arrived)
    }

    /// These users connect again, as `put` writes it.
    pub(crate) fn connect_again(
        &mut self,
        simulator: &Simulator,
        ids: &[String],
        put: impl FnOnce(Vec<Offer>) -> Vec<grant::Given>,
    ) {
        let grants = ids.iter().map(|id| simulator.add_grant(id, &NewGrant::default()).unwrap());
        let grants: Vec<_> = grants.collect();
        let offers =
            grants.iter().map(|grant| Offer { replace: true, ..offer(grant, self.lifetime) }).collect();
        for (grant, given) in grants.into_iter().zip(put(offers)) {
            let Put::Replaced(generation) = given.put else { panic!("{}: {given:?}", grant.id) };
            self.ahead.insert(grant.id.clone(), generation.0 - 1);
            self.open.remove(&grant.id);
            self.given.insert(grant.grant, Given { id: grant.id, expires_at: grant.expires_at });
        }
    }

    /// Tokens that were presented again although their answer is not known to be lost. Whoever holds the answer has no
    /// reason to.
    pub(crate) fn asked_again(&self, presented: &[PresentedEntry]) -> Vec<PresentedEntry> {
        let lost: BTreeSet<_> = self.lost.iter().map(|lost| lost.consumed).collect();
        let unexplained = |entry: &&PresentedEntry| {
            let again = entry.after_whole_answer || entry.outcome == PresentationOutcome::Reused;
            again && !entry.grant.zip(entry.generation).is_some_and(|token| lost.contains(&token))
        };
        presented.iter().filter(unexplained).cloned().collect()
    }
}

/// All connections in a store.
pub(crate) fn rows(runtime: &Runtime, store: &Arc<dyn Store>) -> Vec<Connection> {
    runtime.block_on(async {
        let (mut rows, mut after) = (vec![], None);
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

/// The access tokens that the journal in a data directory knows, while nobody runs there: the next start writes them into
/// a database that lacks them.
pub(crate) fn journalled(
    runtime: &Runtime,
    store: &Arc<dyn Store>,
    home: &Path,
    keys: KeyRing,
) -> BTreeSet<String> {
    runtime.block_on(async {
        let journal = journal(home, &**store, keys, Arc::new(SystemClock), runtime.handle()).await.unwrap();
        let known = journal.known().await.unwrap().into_known();
        let tokens = known.filter_map(|(_, known)| known.grant?.access_token);
        tokens.map(|token| token.expose().to_owned()).collect()
    })
}
