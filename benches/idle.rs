//! The share of a core that the real keeper uses when nothing is due: timers, sweep, status line, lock and change
//! marker.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use std::time::{Duration, Instant};

use support::database::keeper_with;
use support::proc::processor_time;
use support::{DEADLINE, Size, figure};

const AIM: f64 = 0.01;

fn main() {
    let size = Size::asked_for();
    let count = size.pick(20_000, 100_000);
    // Whole periods of what comes every 30 s: the sweep and the status line.
    let length = Duration::from_secs(size.pick(8, 60));
    let (alone, full) = (share(1, length), share(count, length));
    figure(
        &format!("idle, {count} connections over {} s", length.as_secs()),
        &format!("{:.2} % of a core", full * 100.0),
        &format!("{:.2} % with one connection", alone * 100.0),
        "under 1 %",
        full < AIM,
    );
}

fn share(count: usize, length: Duration) -> f64 {
    let home = tempfile::tempdir().unwrap();
    let setup = keeper_with(count, home.path());
    let mut keeper = setup.run();
    keeper.wait_for(&["supervisor", "started", &format!("connections={count}")], DEADLINE);
    std::thread::sleep(Duration::from_secs(2)); // what starting left to do
    let (before, started) = (processor_time(keeper.id()), Instant::now());
    std::thread::sleep(length);
    (processor_time(keeper.id()) - before).as_secs_f64() / started.elapsed().as_secs_f64()
}
