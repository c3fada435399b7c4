//! One run: seed, start, break, watch, stop, compare. Says what it saw and judges nothing.

use std::fmt;
use std::time::{Duration, Instant};

use calendly_keeper::cli::process::{self, Ready};
use calendly_keeper::cli::signals::Signals;
use calendly_keeper::domain::facts::GrantFact;
use calendly_keeper::domain::status::Status;
use calendly_keeper::runtime::sleep;
use calendly_keeper::services::{Services, grants};
use calendly_keeper::simulator::{
    Counters, Endpoint, Fault, FaultKind, NewGrant, Options, SeedGrant, SeedUser, Simulator,
};

use crate::support::rig::{Rig, actor_settings, offer, rig, setting};
use crate::watch::{Seen, watch};

/// How long an access token lives, in seconds.
const LIFETIME: i64 = 60;

/// What a run came to.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    pub(crate) took: Duration,
    pub(crate) refreshed: u64,
    pub(crate) transient: u64,
    pub(crate) unknown: u64,
    pub(crate) restarts: u64,
    pub(crate) counters: Counters,
    pub(crate) verified: u64,
    pub(crate) repaired: u64,
    /// Without a valid token at some moment, though their grant lived.
    pub(crate) expired: Vec<String>,
    /// The least that any token had left, in seconds.
    pub(crate) least_left: f64,
    /// Refused grants: id, fact, and whether the answer had left Calendly whole.
    pub(crate) lost: Vec<(String, GrantFact, bool)>,
    /// Neither active nor lost.
    pub(crate) other_status: Vec<(String, Status)>,
    /// The stored pair is not Calendly's newest one, though nothing was lost.
    pub(crate) unlike_calendly: Vec<String>,
}

/// Runs a keeper against these faults; size, length, seed and probability come from the environment.
pub(crate) fn play(faults: Vec<FaultKind>) -> Report {
    let connections: usize = setting("KEEPER_LOAD_CONNECTIONS", 600);
    let length = Duration::from_secs(setting("KEEPER_LOAD_SECONDS", 18));
    let seed: u64 = setting("KEEPER_LOAD_SEED", rand::random::<u32>().into());
    let probability: f64 = setting("KEEPER_LOAD_FAULTS", 0.01);
    eprintln!(
        "load: {connections} connections, {} s, faults {probability} each, KEEPER_LOAD_SEED={seed}",
        length.as_secs()
    );

    let calendly =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let simulator = Simulator::start_on(
        calendly.handle(),
        Options { expires_in: LIFETIME, seed: Some(seed), ..Options::default() },
    )
    .unwrap();
    let home = tempfile::tempdir().unwrap();
    let Rig { io, services, clock } = rig(&simulator, home.path(), Duration::from_secs(60));
    let cast = seed_grants(&simulator, connections);
    for chunk in cast.chunks(1_000) {
        let offers = chunk.iter().map(|grant| offer(grant, LIFETIME)).collect();
        io.block_on(grants::put(&services, offers, None)).unwrap();
    }
    for kind in faults {
        simulator.fault(Fault::always(Endpoint::Token, kind).probability(probability)).unwrap();
    }

    let began = Instant::now();
    let mut seen = Seen::default();
    let signals = Signals::listen(&io).unwrap();
    let ready = Ready { services: services.clone(), tokens: vec![] };
    process::keep(io, signals, None, actor_settings(), async { Ok(ready) }, async |_| {
        watch(&services, clock.as_ref(), connections, length, &mut seen).await;
        simulator.clear_faults();
        settled(&services).await;
        services.timeline.flush(Duration::from_secs(10)).await;
        Ok(())
    })
    .unwrap();
    let took = began.elapsed();
    report(&simulator, &services, &cast, seed, took, seen)
}

/// Their tokens end at different times, so that the load comes evenly from the start.
fn seed_grants(simulator: &Simulator, connections: usize) -> Vec<SeedGrant> {
    (0..connections)
        .map(|n| {
            let user = simulator.add_user(&SeedUser::named(format!("c{n}")));
            let left = 14 + (n as i64 * 7) % (LIFETIME - 14);
            simulator.add_grant(user.0, &NewGrant { expires_in: Some(left), scopes: None }).unwrap()
        })
        .collect()
}

/// What was unclear when the faults ended is cleared up.
async fn settled(services: &Services) {
    let unclear = || {
        let cells = services.registry.cells();
        cells.iter().filter(|cell| cell.facts().may_refresh() && cell.token_view().unknown).count()
    };
    let patience = async {
        while unclear() > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    // A connection whose time has just come may be unclear again: what counts is said afterwards.
    let _ = tokio::time::timeout(Duration::from_secs(30), patience).await;
}

fn report(
    simulator: &Simulator,
    services: &Services,
    cast: &[SeedGrant],
    seed: u64,
    took: Duration,
    seen: Seen,
) -> Report {
    let (mut lost, mut other_status, mut unlike_calendly) = (vec![], vec![], vec![]);
    for grant in cast {
        let cell = services.registry.get(&grant.id.parse().unwrap()).unwrap();
        let newest = simulator.current_grant(&grant.id).unwrap();
        let row = cell.connection();
        match (cell.status().status, row.facts.grant) {
            (Status::ReauthorizationRequired, fact) => {
                let facts = simulator.refresh_token_facts(&newest.refresh_token).unwrap();
                lost.push((grant.id.clone(), fact, facts.answer_whole));
            }
            (Status::Active, _) => {
                let stored = row.access_token.as_ref().map(|token| token.expose().to_owned());
                if row.unknown_since.is_none() && stored != Some(newest.access_token) {
                    unlike_calendly.push(grant.id.clone());
                }
            }
            (status, _) => other_status.push((grant.id.clone(), status)),
        }
    }
    let counted = services.counters().read();
    Report {
        seed,
        connections: cast.len(),
        took,
        refreshed: counted.refreshed,
        transient: counted.transient,
        unknown: counted.unknown,
        restarts: counted.restarts + counted.quarantines,
        verified: counted.verified,
        repaired: counted.repaired,
        counters: simulator.counters(),
        // A grant that was lost on the way had no token to be valid.
        expired: seen
            .expired
            .iter()
            .map(ToString::to_string)
            .filter(|id| lost.iter().all(|(other, ..)| other != id))
            .collect(),
        least_left: seen.least_left,
        lost,
        other_status,
        unlike_calendly,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, connections, refreshed, transient, unknown, verified, repaired, .. } = self;
        let counters = &self.counters;
        writeln!(f, "load: {connections} connections in {:.1} s, seed {seed}", self.took.as_secs_f64())?;
        writeln!(
            f,
            "  refreshed {refreshed} ({:.0}/s), failed unconsumed {transient}, of unknown outcome {unknown}, faults {}",
            *refreshed as f64 / self.took.as_secs_f64(),
            counters.faults_fired
        )?;
        writeln!(
            f,
            "  presented after a whole answer {}, spent tokens presented {}, grants that no client can save {}",
            counters.presented_after_whole_answer,
            counters.tokens_reused,
            self.lost.len()
        )?;
        write!(
            f,
            "  connections without a valid token {}, least that any token had left {:.1} s, verified {verified}, \
             repaired {repaired}, actors restarted {}",
            self.expired.len(),
            self.least_left,
            self.restarts
        )
    }
}
