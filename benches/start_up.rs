//! The time from the start of the real keeper until it has loaded its connections and started their actors, less
//! what a keeper with one connection needs.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figure, or ends")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use calendly_keeper::clock::SystemClock;
use calendly_keeper::store::{self, KeyRing, Options};
use support::database::keeper_with;
use support::keeper_process::Setup;
use support::{DEADLINE, Size, figure};

/// Seconds for each 100 000.
const AIM: f64 = 2.0;

fn main() {
    let size = Size::asked_for();
    let mut counts = vec![size.pick(20_000, 100_000)];
    counts.extend((size == Size::Long).then_some(1_000_000));
    let alone = start_up(1).0;
    for count in counts {
        let (took, bare) = start_up(count);
        let scale = 100_000.0 / count as f64;
        let (each, bare) = ((took - alone).max(0.0) * scale, bare * scale);
        figure(
            &format!("start-up, sqlite, {count} connections"),
            &format!("{each:.2} s for each 100 000, ratio {:.2}", bare / each),
            &format!("{bare:.2} s to read and decrypt the rows alone"),
            &format!("at most {AIM} s"),
            each <= AIM,
        );
    }
}

/// Of the keeper, and of reading the rows alone.
fn start_up(count: usize) -> (f64, f64) {
    let home = tempfile::tempdir().unwrap();
    let setup = keeper_with(count, home.path());
    let bare = read_alone(&setup, home.path());
    let started = Instant::now();
    let mut keeper = setup.run();
    keeper.wait_for(&["supervisor", "started", &format!("connections={count}")], DEADLINE);
    (started.elapsed().as_secs_f64(), bare)
}

fn read_alone(setup: &Setup, home: &Path) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(store::open(Options {
        url: "sqlite://keeper.db".into(),
        data_dir: home.into(),
        keys: KeyRing::parse(&[&setup.key]).unwrap(),
        max_connections: 4,
        handle: runtime.handle().clone(),
        clock: Arc::new(SystemClock),
        require_lock: false,
    }));
    let store = store.unwrap();
    let started = Instant::now();
    let mut after = None;
    loop {
        let page = runtime.block_on(store.page(after.as_ref(), 2_000)).unwrap();
        after = page.next;
        if after.is_none() {
            return started.elapsed().as_secs_f64();
        }
    }
}
