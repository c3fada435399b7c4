//! The whole keeper under virtual time, for days, with everything that can go wrong drawn from a seed.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::print_stderr, reason = "prints the seeds, so that they can be given again")]

mod agenda;
mod calendly;
mod clock;
mod draw;
mod invariants;
mod journal;
mod keeper;
mod ledger;
mod panics;
mod people;
mod plan;
mod run;
mod subscriptions;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

#[test]
fn days_pass() {
    let seed = setting("KEEPER_SIM_SEED", 1);
    let plan = draw::draw(seed, setting("KEEPER_SIM_CONNECTIONS", 30), setting("KEEPER_SIM_DAYS", 2));
    eprintln!("{plan}");
    let report = run::play(&plan);
    eprintln!("{report:#?}");
}
