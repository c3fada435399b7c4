//! The time until connections whose tokens all expired while the keeper was off are fresh again, from the start of
//! the process, as configured by default.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use std::time::Instant;

use support::calendly::Calendly;
use support::database::{Database, write_lines};
use support::keeper_process::Setup;
use support::{DEADLINE, Size, bare, figure};

/// `refresh.max_concurrent` by default.
const AT_ONCE: usize = 64;
/// Of the bare loop's rate, start-up and slow start included.
const AIM: f64 = 0.7;

fn main() {
    let count = Size::asked_for().pick(5_000, 100_000);
    let sample = count / 5;
    let home = tempfile::tempdir().unwrap();
    let calendly = Calendly::start(count + sample, home.path());
    let grants = calendly.expired_grants();
    let (ours, others) = grants.split_at(count);
    let bare = bare::refresh_all(&Database::Sqlite, &calendly, others, AT_ONCE, home.path()).as_secs_f64()
        * (count / sample) as f64;

    let lines = home.path().join("grants.jsonl");
    write_lines(&lines, ours.iter().cloned());
    let setup = Setup::new(home.path(), &calendly.url, calendly.client);
    setup.command(&["import", lines.to_str().unwrap()]);
    let from = calendly.rotations();
    let started = Instant::now();
    let keeper = setup.run_unheard();
    let took = (calendly.wait_for_rotations(from, count as u64, DEADLINE) - started).as_secs_f64();
    keeper.kill(|| ());

    figure(
        &format!("catch up, sqlite, {count} connections, {AT_ONCE} at once"),
        &format!("{took:.1} s from the start of the process, ratio {:.2}", bare / took),
        &format!("{bare:.1} s by a bare loop (measured on {sample})"),
        &format!("{AIM}"),
        bare / took >= AIM,
    );
}
