//! A keeper in this process, looked at many times a second as somebody who asks for tokens would.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use calendly_keeper::cli::process::{self, Ready};
use calendly_keeper::cli::signals::Signals;
use calendly_keeper::domain::status::Status;
use calendly_keeper::registry::cell::{Cell, Living};
use calendly_keeper::runtime::sleep;
use calendly_keeper::services::system_fault::Kind;
use calendly_keeper::services::{Services, grants};
use calendly_keeper::simulator::AccessTokenState;
use chrono::{TimeDelta, Utc};

use crate::place::{DEADLINE, FIRST, HELD, LATER, Place, RETURN};
use crate::support::database::Backend;
use crate::support::rig::{Rig, actor_settings, offer, rig_at};
use crate::support::wait::until_async;

/// Between two looks at everybody.
const EVERY: Duration = Duration::from_millis(100);
/// What was asked for before the database was gone is under way for so long.
const CALM: Duration = Duration::from_secs(6);
/// Nobody asks a database whether it does anything before something has taken its time.
const RECOGNISED: Duration = Duration::from_secs(12);
/// A token with less left is not handed out; the two clocks are read one after the other.
const REST: TimeDelta = TimeDelta::seconds(5);

pub(crate) fn throughout(backend: Backend) {
    let mut place = Place::new(backend);
    let url = place.database.url().to_owned();
    let Rig { io, services, .. } =
        rig_at(&url, &place.simulator, place.home.path(), Duration::from_secs(24 * 3600));
    let offers = |grants: Vec<_>| grants.iter().map(|grant| offer(grant, place.lifetime)).collect::<Vec<_>>();
    io.block_on(grants::put(&services, offers(place.early()), None)).unwrap();
    let signals = Signals::listen(&io).unwrap();
    let ready = Ready { services: services.clone(), tokens: vec![] };
    process::keep(io, signals, None, actor_settings(), async { Ok(ready) }, async |_| {
        refreshed(&services, "first", FIRST, 2).await;
        let held = place.hold();
        let held = held.iter().map(|grant| offer(grant, place.lifetime)).collect();
        grants::put(&services, held, None).await.unwrap();
        until_async("all in flight", DEADLINE, async || place.all_in_flight().then_some(())).await;

        place.leaves();
        let gone = Instant::now();
        refreshed(&services, "held", HELD, 2).await;
        assert!(gone.elapsed() < CALM, "tokens that have arrived are served: {:?}", gone.elapsed());
        let looks = look_on(&place, &services, gone).await;
        let due = due(&services);
        assert!(due > 0, "nobody fell due, so nothing is proven");

        place.database.come_back();
        let back = Instant::now();
        let store = &services.adapters.store;
        let level = async || {
            all_is_served(&place, &services);
            let rows = store.page(None, 1000).await.ok()?.connections;
            (place.behind(&rows) == 0).then_some(())
        };
        until_async("all committed", RETURN, level).await;
        eprintln!(
            "{} was away for {:.1} s: {HELD} pairs arrived meanwhile, {due} fell due, everybody's tokens were served at \
             {looks} looks, all committed {:.1} s after its return",
            backend.name(),
            gone.elapsed().as_secs_f64() - back.elapsed().as_secs_f64(),
            back.elapsed().as_secs_f64()
        );
        if place.can_wait_for_refreshes() {
            refreshed(&services, "later", LATER, 2).await;
            eprintln!("{} back for {:.1} s: all refreshed", backend.name(), back.elapsed().as_secs_f64());
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(services.counters().read().restarts, 0, "actors failed");
    place.nothing_is_lost();
}

fn of<'a>(services: &'a Services, name: &'a str) -> impl Iterator<Item = std::sync::Arc<Cell>> + 'a {
    services.registry.cells().into_iter().filter(move |cell| cell.id().as_str().starts_with(name))
}

async fn refreshed(services: &Services, name: &str, count: usize, generation: i64) {
    let done = || of(services, name).filter(|cell| cell.read(|c| c.generation.0) >= generation).count();
    let deadline = 2 * DEADLINE;
    until_async(name, deadline, async || (done() == count).then_some(())).await;
}

/// Those who would have been refreshed by now.
fn due(services: &Services) -> usize {
    let is_due = |cell: &std::sync::Arc<Cell>| cell.token_view().refresh_at.is_some_and(|at| at < Utc::now());
    of(services, "later").filter(is_due).count()
}

/// Until the database's time has come. No refresh is begun that could not be saved.
async fn look_on(place: &Place, services: &Services, gone: Instant) -> usize {
    let (mut looks, mut presented, mut faults) = (0, None, BTreeSet::new());
    while gone.elapsed() < place.length {
        all_is_served(place, services);
        looks += 1;
        if gone.elapsed() > CALM {
            let now = place.simulator.ledger().presented.len();
            assert_eq!(*presented.get_or_insert(now), now, "a refresh was begun without a database");
        }
        if gone.elapsed() > RECOGNISED {
            faults.insert(services.system.current().map(|fault| fault.kind.as_str()));
        }
        sleep(EVERY).await;
    }
    assert_eq!(faults, BTreeSet::from([Some(Kind::DatabaseAway.as_str())]));
    looks
}

/// Whatever lives by Calendly's book is handed out, and nobody is marked.
fn all_is_served(place: &Place, services: &Services) {
    let now = Utc::now();
    let cells = services.registry.cells();
    assert_eq!(cells.len(), FIRST + HELD + LATER);
    for cell in cells {
        assert_eq!(cell.status().status, Status::Active, "{}", cell.id());
        let newest = place.simulator.current_grant(cell.id().as_str()).unwrap();
        assert!(newest.expires_at - REST > now, "{}: no token was to end in this time", cell.id());
        // For a moment, until it is durable somewhere, the new pair is not the one that is handed out.
        let served = cell.living(now);
        let accepts = |living: &Living| place.simulator.access_token_state(living.token.expose());
        assert_eq!(served.as_ref().map(accepts), Some(AccessTokenState::Valid), "{}", cell.id());
    }
}
