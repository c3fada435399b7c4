//! Deliveries made durable and acknowledged a second, against bare durable commits of the same bodies.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use support::database::{Database, keeper_for, user};
use support::deliveries::{SIGNING_KEY, body, request, send_all};
use support::{DEADLINE, Size, bare_inbox, figure};

const CALLERS: usize = 64;
const AIM: f64 = 0.7;
const CONNECTIONS: usize = 100;

fn main() {
    let count = Size::asked_for().pick(1_000, 40_000);
    for database in Database::all() {
        let home = tempfile::tempdir().unwrap();
        let setup = keeper_for(&database, CONNECTIONS, home.path())
            .with("KEEPER__SERVER__LISTEN", "127.0.0.1:0")
            .with("KEEPER__WEBHOOK__SIGNING_KEY", SIGNING_KEY);
        let mut keeper = setup.run();
        let listening = keeper.wait_for(&["server", "listening"], DEADLINE);
        let address = listening.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap();
        keeper.wait_for(&["supervisor", "started"], DEADLINE);
        let bodies: Vec<_> = (0..count).map(|n| body(&user(n % CONNECTIONS), n)).collect();
        let requests = |bodies: &[Vec<u8>]| -> Vec<_> {
            let to = |(n, body): (usize, &Vec<u8>)| request(&format!("user-{:07}", n % CONNECTIONS), body);
            bodies.iter().enumerate().map(to).collect()
        };
        let (took, mut each) = send_all(address, &requests(&bodies), CALLERS);
        keeper.kill(|| ());
        let bare = bare_inbox::keep_all(&database, &bodies, CALLERS, home.path());
        each.sort_unstable();
        let rate = |took: std::time::Duration| count as f64 / took.as_secs_f64();
        let ratio = rate(took) / rate(bare);
        figure(
            &format!(
                "ingest, {}, {count} deliveries of {} bytes, {CALLERS} at once",
                database.name(),
                bodies[0].len()
            ),
            &format!(
                "{:.0}/s, ratio {ratio:.2}, 99th percentile {:.2?}",
                rate(took),
                each[each.len() * 99 / 100]
            ),
            &format!("{:.0}/s by bare durable commits", rate(bare)),
            &format!("{AIM}"),
            ratio >= AIM,
        );
    }
}
