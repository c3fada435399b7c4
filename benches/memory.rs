//! Resident memory of the real keeper for each connection that it supervises.
//!
//! Counted is everything: actor, mailbox, supervising task, timer, cell with access token, ids, URIs and scopes, the
//! maps, what the allocator keeps after loading from SQLite, less what a keeper with one connection needs. Tokens
//! live for a month to come, no webhook is verified.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use support::database::{TEXT_EACH, keeper_with};
use support::proc::resident;
use support::{DEADLINE, Size, figure};

const AIM: f64 = 3_000.0;

fn main() {
    let size = Size::asked_for();
    let alone = keeper_memory(1);
    let mut counts = vec![size.pick(20_000, 100_000)];
    counts.extend((size == Size::Long).then_some(1_000_000));
    for count in counts {
        let each = (keeper_memory(count) - alone) / count as f64;
        figure(
            &format!("memory, {count} connections"),
            &format!("{each:.0} bytes each"),
            &format!("{TEXT_EACH} bytes of text each, and {:.1} MB for a keeper with one", alone / 1e6),
            &format!("at most {AIM} bytes"),
            each <= AIM,
        );
    }
}

fn keeper_memory(count: usize) -> f64 {
    let home = tempfile::tempdir().unwrap();
    let setup = keeper_with(count, home.path());
    let mut keeper = setup.run();
    keeper.wait_for(&["supervisor", "started", &format!("connections={count}")], DEADLINE);
    // The last children may still be starting: it is at rest when nothing is added any more.
    let mut before = 0;
    let resident = support::wait::until("memory at rest", DEADLINE, || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = resident(keeper.id());
        (std::mem::replace(&mut before, now) == now).then_some(now)
    });
    resident as f64
}
