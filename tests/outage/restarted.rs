//! A keeper that is killed in the middle of it, and started again when there is no database yet.

use std::fs;
use std::time::{Duration, Instant};

use calendly_keeper::domain::grant::Connection;
use calendly_keeper::simulator::SeedGrant;
use calendly_keeper::store::KeyRing;
use chrono::Utc;

use crate::place::{DEADLINE, FIRST, HELD, LATER, Place, RETURN};
use crate::support::book::rows;
use crate::support::database::Backend;
use crate::support::keeper_process::Setup;
use crate::support::rig::open_at;
use crate::support::wait::until;

pub(crate) fn meanwhile(backend: Backend) {
    let mut place = Place::new(backend);
    let setup = {
        let client = (place.simulator.client_id(), place.simulator.client_secret());
        Setup::new(place.home.path(), &place.simulator.url(), client)
            .with("KEEPER__DATABASE__URL", place.database.url())
            .with("KEEPER__LOG__STATUS_EVERY", "1s")
    };
    let import = |place: &Place, name: &str, grants: &[SeedGrant]| {
        let file = place.home.path().join(name);
        let with_lifetime = format!("{{\"expires_in\":{},", place.lifetime);
        let lines: Vec<_> =
            grants.iter().map(|grant| grant.import_line().replacen('{', &with_lifetime, 1)).collect();
        fs::write(&file, lines.join("\n")).unwrap();
        setup.command(&["import", file.to_str().unwrap()]);
    };
    import(&place, "early", &place.early());
    let mut first = setup.run();
    for n in 0..FIRST {
        first.wait_for(&[&format!("connection/first-{n} "), "token refreshed"], DEADLINE);
    }
    import(&place, "held", &place.hold());
    until("all in flight", DEADLINE, || place.all_in_flight().then_some(()));

    place.leaves();
    let gone = Instant::now();
    for n in 0..HELD {
        let said = "new tokens are in the journal until the database takes them";
        first.wait_for(&[&format!("connection/held-{n} "), said], DEADLINE);
    }
    wait_until(gone, place.length / 2);
    first.kill(|| {});
    let mut second = setup.run();
    second.wait_for(&["waiting for the database"], DEADLINE);
    wait_until(gone, place.length);

    place.database.come_back();
    let back = Instant::now();
    let store = || {
        let keys = KeyRing::parse(&[&setup.key]).unwrap();
        rows(&place.runtime, &open_at(&place.runtime, place.database.url(), place.home.path(), keys, false))
    };
    let everybody = format!("connections={}", FIRST + HELD + LATER);
    let all_active = format!("active={}", FIRST + HELD + LATER);
    second.wait_for(&[" supervisor ", "started", &everybody, &all_active], RETURN);
    let started = back.elapsed();
    until("all committed", RETURN.saturating_sub(started), || (place.behind(&store()) == 0).then_some(()));
    eprintln!(
        "{} was away for {:.1} s, the keeper killed and started meanwhile: everybody's tokens were there {:.1} s after its \
         return, all committed after {:.1} s",
        backend.name(),
        (gone.elapsed() - back.elapsed()).as_secs_f64(),
        started.as_secs_f64(),
        back.elapsed().as_secs_f64()
    );
    if place.can_wait_for_refreshes() {
        let is_refreshed = |row: &Connection| row.generation.0 > 1 && row.expires_at > Some(Utc::now());
        let all_refreshed = || store().iter().all(is_refreshed);
        until("all refreshed", 2 * DEADLINE, || all_refreshed().then_some(()));
        eprintln!("{} back for {:.1} s: all refreshed", backend.name(), back.elapsed().as_secs_f64());
    }
    let said = second.log();
    assert!(!said.contains("unknown_outcome") && !said.contains(" status=reauth"), "{said}");
    assert!(second.stop(DEADLINE).success());
    place.nothing_is_lost();
}

fn wait_until(from: Instant, length: Duration) {
    std::thread::sleep(length.saturating_sub(from.elapsed()));
}
