//! The safety sweep: the meetings since the turn before the last, of a day at least, are compared with the inbox. What is
//! missing there the webhooks would have missed, with nobody the wiser.

use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use log::{debug, warn};
use serde_json::json;

use super::BackfillSettings;
use super::asker::{Asker, Askers, End, Stop};
use super::group::{cells_of, gathered, owner, waits};
use super::look::Look;
use super::whose::{Member, Members};
use crate::domain::backfill::{Window, is_turn};
use crate::domain::facts::WebhookState;
use crate::domain::ids::ConnectionId;
use crate::domain::subscription::Owner;
use crate::domain::timeline::Kind;
use crate::registry::cell::Cell;
use crate::services::Services;

/// What changed so long ago is compared, and more where turns are rare.
const BACK: TimeDelta = TimeDelta::days(1);
/// A delivery may still be on its way.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(5);

/// Those whose turn has come between two moments.
pub(super) fn turns(
    services: &Services,
    settings: BackfillSettings,
    last: DateTime<Utc>,
    now: DateTime<Utc>,
) -> BTreeSet<Owner> {
    let owners = services.registry.cells().into_iter().filter_map(|cell| owner(services, &cell));
    owners.filter(|owner| is_turn(share(owner), settings.sweep_every, last, now)).collect()
}

/// An owner's place in the period: the same in every process.
fn share(owner: &Owner) -> f64 {
    let mut hasher = DefaultHasher::new();
    owner.uri().hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

/// A turn is up to a period late, and leaves out what may be on its way: each looks back over two of them.
fn back(services: &Services) -> TimeDelta {
    let every =
        services.settings.backfill.and_then(|settings| TimeDelta::from_std(settings.sweep_every).ok());
    every.and_then(|every| every.checked_mul(2)).map_or(BACK, |twice| twice.max(BACK))
}

/// Compares an owner's connections; those with a gap are backfilled anyway.
pub(super) async fn sweep(services: &Services, owner: &Owner, with_a_gap: HashSet<ConnectionId>) {
    let now = services.adapters.clock.now();
    let mut cells = cells_of(services, owner);
    cells.retain(|cell| {
        !waits(cell) && cell.facts().webhook.state == WebhookState::Ok && !with_a_gap.contains(cell.id())
    });
    let back = back(services);
    let member = |cell: Arc<Cell>| {
        let granted_at = cell.read(|c| c.granted_at);
        let window = Window { since: (now - back).max(granted_at), until: Some(now - ON_ITS_WAY) };
        Member { cell, window, gap: None }
    };
    let all: Vec<_> = cells.into_iter().map(member).collect();
    if all.is_empty() {
        return;
    }
    let (members, askers) = gathered(services, owner, all);
    let mut askers = Askers::new(askers);
    loop {
        let cell = match askers.next(services) {
            Ok(cell) => cell,
            Err(end) => return put_off(owner, &end),
        };
        let asker = Asker::new(services, &cell, owner);
        let grant = asker.grant;
        match compare(services, &asker, &members, now).await {
            Ok(()) => return,
            Err(stop) => {
                if let Some(end) = askers.stopped(&cell, grant, stop) {
                    return put_off(owner, &end);
                }
            }
        }
    }
}

/// The next turn comes by itself.
fn put_off(owner: &Owner, end: &End) {
    let why = match end {
        End::NotAllowed => "nobody may read the meetings",
        End::Later(_, why) => why,
    };
    debug!(target: "backfill", owner = owner.uri(), reason = why; "the sweep is put off to its next turn");
}

async fn compare(
    services: &Services,
    asker: &Asker<'_>,
    members: &Members,
    now: DateTime<Utc>,
) -> Result<(), Stop> {
    let mut look = Look { services, asker, members, done: HashSet::new() };
    let mut from = now - back(services);
    loop {
        let step = look.step(from).await?;
        for (place, missed) in step.found {
            let id = members.all[place].cell.id();
            services.counters().events_missed.add(missed);
            warn!(target: "backfill", connection:% = id, missed; "events were not delivered, found by the sweep");
            let text = "events that were not delivered were found by the sweep";
            services.timeline.note(id, Kind::EventsMissed, text, json!({ "missed": missed }));
        }
        match step.reached {
            Some(reached) => from = reached,
            None => return Ok(()),
        }
    }
}
