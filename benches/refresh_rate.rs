//! Refreshes a second through the whole keeper, against a bare loop that does the same I/O and no more.
//!
//! The keeper is the real process on connections that have all expired; counted is what the simulator rotates while
//! the middle four fifths of them are refreshed. The bare loop refreshes as many grants of the same simulator, counted likewise.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use support::calendly::Calendly;
use support::database::{Database, write_lines};
use support::keeper_process::Setup;
use support::{DEADLINE, Size, bare, figure};

/// Refreshes under way at once, in both.
const AT_ONCE: usize = 256;
const AIM: f64 = 0.7;

fn main() {
    let count = Size::asked_for().pick(5_000, 40_000);
    for database in Database::all() {
        let home = tempfile::tempdir().unwrap();
        let calendly = Calendly::start(2 * count, home.path());
        let grants = calendly.expired_grants();
        let (ours, bare) = grants.split_at(count);
        let bare = std::thread::scope(|scope| {
            let from = calendly.rotations();
            scope.spawn(|| bare::refresh_all(&database, &calendly, bare, AT_ONCE, home.path()));
            middle_rate(&calendly, from, count)
        });

        let lines = home.path().join("grants.jsonl");
        write_lines(&lines, ours.iter().cloned());
        let setup = database
            .configure(Setup::new(home.path(), &calendly.url, calendly.client))
            .with("KEEPER__REFRESH__MAX_CONCURRENT", AT_ONCE);
        setup.command(&["import", lines.to_str().unwrap()]);
        let from = calendly.rotations();
        let keeper = setup.run_unheard();
        let rate = middle_rate(&calendly, from, count);
        keeper.kill(|| ());

        figure(
            &format!("refresh rate, {}, {count} connections, {AT_ONCE} at once", database.name()),
            &format!("{rate:.0}/s, ratio {:.2}", rate / bare),
            &format!("{bare:.0}/s by a bare loop"),
            &format!("{AIM}"),
            rate / bare >= AIM,
        );
    }
}

/// Rotations a second while the middle four fifths of `count` are refreshed.
fn middle_rate(calendly: &Calendly, from: u64, count: usize) -> f64 {
    let tenth = count as u64 / 10;
    let began = calendly.wait_for_rotations(from, tenth, DEADLINE);
    let counted = calendly.rotations();
    let ended = calendly.wait_for_rotations(from, 9 * tenth, DEADLINE);
    (calendly.rotations() - counted) as f64 / (ended - began).as_secs_f64()
}
