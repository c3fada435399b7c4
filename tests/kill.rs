//! The keeper killed, and stopped, at random moments under load: what is lost, and that nothing is lost but what nobody can
//! save.
//!
//! The full form is `KEEPER_KILLS=500 KEEPER_STOPS=100 KEEPER_KILL_CONNECTIONS=1000 cargo test --release --test kill --
//! --nocapture`; `KEEPER_KILL_SEED` repeats the moments (not what they meet: that is the machine's).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test on real time that prints its figures; what cannot be set up fails it"
)]

mod support;

#[path = "kill/victim.rs"]
mod victim;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use support::database::Backend;
use support::rig::setting;
use victim::Victim;

/// The longest that a keeper lives before it is killed.
const LIFE: Duration = Duration::from_millis(2_500);
/// So much longer it is tried to meet enough refreshes in flight.
const MORE: usize = 8;
/// Of so many kills one may also meet a start.
const AT_START: usize = 5;

fn victim(what: &str, count: usize, backend: Backend) -> (Victim, StdRng) {
    let connections: usize = setting("KEEPER_KILL_CONNECTIONS", 200);
    let seed: u64 = setting("KEEPER_KILL_SEED", rand::random::<u32>().into());
    eprintln!("{count} {what} on {}, {connections} connections, KEEPER_KILL_SEED={seed}", backend.name());
    (Victim::new(backend, connections, seed), StdRng::seed_from_u64(seed))
}

/// They need the machine for themselves, or too little is in flight.
static ALONE: Mutex<()> = Mutex::new(());

fn killed(backend: Backend) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let kills: usize = setting("KEEPER_KILLS", 5);
    let (mut victim, mut chance) = victim("kills", kills, backend);
    let began = Instant::now();
    for kill in 1..=kills {
        let life = LIFE.mul_f64(chance.random::<f64>());
        let keeper = if kill % AT_START == 0 { victim.setup.run() } else { victim.started() };
        std::thread::sleep(life);
        victim.kill(keeper);
        victim.compare();
        if kill < kills {
            victim.connect_again();
        }
    }
    victim.last_life();
    assert!(victim.rotations() > 10 * kills as u64, "too little happened to prove anything");
    assert!(victim.has_measured(), "no exposure was measured");
    eprintln!("{kills} kills in {:.0} s: {victim}", began.elapsed().as_secs_f64());
}

fn stopped(backend: Backend) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stops: usize = setting("KEEPER_STOPS", 3);
    let (mut victim, mut chance) = victim("stops", stops, backend);
    let began = Instant::now();
    let mut stopped = 0;
    // Tokens that were refreshed together end together: a stop may fall between, and proves nothing.
    while stopped < stops || (victim.in_flight <= stops && stopped < MORE * stops) {
        let life = LIFE.mul_f64(chance.random::<f64>());
        let keeper = victim.started();
        std::thread::sleep(life);
        victim.stop(keeper);
        stopped += 1;
    }
    victim.last_life();
    assert!(victim.rotations() > 10 * stops as u64, "too little happened to prove anything");
    assert!(victim.in_flight > stops, "so few refreshes were in flight that nothing is proven");
    eprintln!("{stopped} stops in {:.0} s: {victim}", began.elapsed().as_secs_f64());
}

#[test]
fn what_a_killed_keeper_loses_on_sqlite_lies_between_consumption_and_durable_write() {
    killed(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn what_a_killed_keeper_loses_on_postgresql_lies_between_consumption_and_durable_write() {
    killed(Backend::Postgres);
}

#[test]
fn a_stopped_keeper_loses_nothing_on_sqlite() {
    stopped(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_stopped_keeper_loses_nothing_on_postgresql() {
    stopped(Backend::Postgres);
}
