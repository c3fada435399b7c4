//! Many plans played, and what is said about the first that breaks a promise.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::draw::draw;
use super::ledger::Violation;
use super::plan::Plan;
use super::run::{Report, play};
use super::shrink::shrink;

/// Plays of a plan that is shrunk, at most.
const TRIES: usize = 300;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var("KEEPER_SIM_SEED") {
        return vec![seed.parse().unwrap_or_else(|_| panic!("KEEPER_SIM_SEED={seed} is no number"))];
    }
    let count: u64 = setting("KEEPER_SIM_SEEDS", 8);
    let fixed = (count * 3).div_ceil(4);
    (1..=fixed).chain((fixed..count).map(|_| rand::random::<u32>().into())).collect()
}

/// As the environment says; fails with the first promise that is broken.
pub(crate) fn play_all() {
    let seeds = seeds();
    let (connections, days) = (setting("KEEPER_SIM_CONNECTIONS", 30), setting("KEEPER_SIM_DAYS", 1));
    eprintln!("simulation: {days} days of {connections} connections, seeds {seeds:?}");
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(seeds.len());
    let play_some = || {
        let mut reports = vec![];
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let plan = draw(*seed, connections, days);
            let report = play(&plan);
            if let Some(violation) = &report.violation {
                next.store(seeds.len(), Ordering::Relaxed);
                eprintln!("simulation: KEEPER_SIM_SEED={seed}: {violation}");
                eprintln!(
                    "simulation: looking for the least that breaks it, which may take longer than finding it"
                );
                tell(&plan);
            }
            reports.push(report);
        }
        reports
    };
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(play_some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    eprintln!(
        "simulation: {} seeds played, {} token requests, {} calls of the API, {} grants, {} lost with an answer, \
         {} lives of the keeper, {} token requests in the busiest second, trace {:016x}",
        reports.len(),
        sum(|report| report.requests),
        sum(|report| report.calls),
        sum(|report| report.grants as u64),
        sum(|report| report.lost as u64),
        sum(|report| report.lives),
        reports.iter().map(|report| report.peak).max().unwrap_or_default(),
        reports.iter().fold(0, |all, report| all ^ report.trace),
    );
    let broken: Vec<_> = reports.iter().filter_map(|report| report.violation.as_ref()).collect();
    assert!(broken.is_empty(), "a promise was broken, see above: {broken:?}");
    assert_eq!(reports.len(), seeds.len(), "a simulation did not come to its end");
    assert!(sum(|report| report.requests) > seeds.len() as u64 * u64::from(connections) * days * 5);
}

/// What a plan breaks, and the smallest one found that breaks the same promise.
pub(crate) fn examine(plan: &Plan) -> Option<(Violation, Plan)> {
    let violation = play(plan).violation?;
    let again = |plan: &Plan| play(plan).violation.filter(|v| v.promise == violation.promise).map(|v| v.at);
    let smallest = shrink(plan, violation.at, TRIES, again);
    Some((play(&smallest).violation?, smallest))
}

fn tell(plan: &Plan) {
    match examine(plan) {
        Some((violation, smallest)) => eprintln!("simulation: {violation}\nwith no more than {smallest}"),
        None => eprintln!("simulation: seed {} breaks nothing when it is played again", plan.seed),
    }
}
