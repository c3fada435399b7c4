//! The keeper killed at random moments under load: what is lost, and that nothing is lost but what nobody can save.
//!
//! The full form is `KEEPER_KILLS=100 KEEPER_KILL_CONNECTIONS=1000 cargo test --release --test kill -- --nocapture`;
//! `KEEPER_KILL_SEED` repeats the moments (not what they meet: that is the machine's).
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

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use support::rig::setting;
use victim::Victim;

/// The longest that a keeper lives before it is killed.
const LIFE: Duration = Duration::from_millis(2_500);

#[test]
fn what_a_killed_keeper_loses_lies_between_the_consumption_of_the_token_and_the_durable_write() {
    let kills: usize = setting("KEEPER_KILLS", 5);
    let connections: usize = setting("KEEPER_KILL_CONNECTIONS", 200);
    let seed: u64 = setting("KEEPER_KILL_SEED", rand::random::<u32>().into());
    eprintln!("kill: {kills} kills, {connections} connections, KEEPER_KILL_SEED={seed}");
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);

    let mut victim = Victim::new(connections, seed);
    for kill in 1..=kills {
        let life = LIFE.mul_f64(chance.random::<f64>());
        let keeper = victim.setup.run();
        std::thread::sleep(life);
        victim.kill(keeper);
        victim.compare();
        if kill < kills {
            victim.connect_again();
        }
    }
    victim.last_life();
    let (on_its_way, arrived) = victim.lost();
    assert!(victim.rotations() > 10 * kills as u64, "too little happened to prove anything");
    eprintln!(
        "kill: {kills} kills, seed {seed}: rotations {}, grants lost {}: answer on its way {on_its_way}, \
         answer arrived {arrived}",
        victim.rotations(),
        on_its_way + arrived
    );
}
