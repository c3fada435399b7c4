//! `invalid_grant`: final for its grant, unless the row has moved on, or everybody is refused.
//!
//! A provider's bad ten minutes look like many single revocations. So a refusal stands only on evidence: a refresh that
//! succeeded after it, and a second refusal after that. Where none comes by itself, another connection is refreshed ahead
//! of its time as a witness, which spends nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::claim::{self, Consumed, Held};
use super::{Ended, Guard, Rotation, start};
use crate::domain::decision::Why;
use crate::domain::facts::{Refusal, WebhookState};
use crate::domain::ids::ConnectionId;
use crate::domain::refresh_outcome::RefreshOutcome;
use crate::domain::rotation::Refuse;
use crate::domain::timeline::Kind;
use crate::registry::cell::Cell;
use crate::runtime::sleep;
use crate::services::system_fault::{Evidence, Kind as Fault};

/// How long a refusal waits for evidence before a witness is called.
const GRACE: Duration = Duration::from_secs(2);
/// So many witnesses without a word, and the refusal is put off.
const WITNESSES: usize = 6;
/// A refusal that was put off is asked again after this.
const WITHHELD: Duration = Duration::from_secs(15);
/// The same where others have succeeded.
const AGAIN: Duration = Duration::from_secs(1);

/// Marks the grant as gone, where the refusal stands. `withheld`: it was refused before, after so many successes of others.
///
/// A provider whose bad ten minutes end between a refusal and the evidence makes one refusal look like the connection's own.
/// So it is refused, others succeed, and it is refused again.
pub(super) async fn refused(
    rotation: &Rotation,
    held: Held,
    withheld: Option<u64>,
) -> (Ended, RefreshOutcome) {
    let services = &rotation.services;
    let clock = &services.adapters.clock;
    services.system.answered(clock.now());
    services.limiter.refused();
    let before = services.system.successes();
    if rotation.why == Why::Witness {
        // It speaks for somebody else; about itself it is asked again.
        services.system.note_refusal(rotation.id());
        return put_off(rotation, &held, before, WITHHELD).await;
    }
    let again = withheld.is_some_and(|then| before > then);
    if !(again && services.system.gave_lately(clock.boot()) && !services.system.is_holding()) {
        let grace = if withheld.is_some() { Duration::ZERO } else { GRACE };
        match stands(rotation, before, grace).await {
            Stands::Unopposed => {}
            Stands::Yes if again => {}
            Stands::Yes => return put_off(rotation, &held, before, AGAIN).await,
            Stands::No => return put_off(rotation, &held, before, WITHHELD).await,
        }
    }
    let first = rotation.cell.read(|c| c.granted_generation == held.generation);
    // After the database went back it is we who may have sent a token that was used up.
    let doubtful = held.unknown_since.is_some() || services.journal.is_doubted(rotation.id());
    let reason = Refusal::classify(doubtful, first);
    let guard = (held.grant_id, held.generation);
    match end(rotation, guard, guard, reason).await {
        Some(true) => (Ended::Refused, reason.into()),
        Some(false) => unrefused(Box::pin(rotation.moved_on()).await),
        // Nothing is lost: the claim stays open, the same answer will come again.
        None => unrefused(rotation.retry_in(Duration::from_secs(5))),
    }
}

/// The refusal may be everybody's: asked again after `delay`.
async fn put_off(rotation: &Rotation, held: &Held, before: u64, delay: Duration) -> (Ended, RefreshOutcome) {
    rotation.services.system.withhold(rotation.id(), before);
    rotation.cell.withhold(held.grant_id, held.generation);
    unrefused(claim::release(rotation, held, Consumed::No, delay).await)
}

/// What a refusal that ended no grant counts as.
fn unrefused(ended: Ended) -> (Ended, RefreshOutcome) {
    (ended, super::lost(ended).unwrap_or(RefreshOutcome::Transient))
}

/// Marks a grant as gone whose living refresh token nobody knows any more: the database went back. `stored`: its row.
pub(super) async fn lost(rotation: &Rotation, stored: Guard) -> Ended {
    let memory = rotation.cell.read(|c| (c.grant_id, c.generation));
    match end(rotation, stored, memory, Refusal::RotationLost).await {
        Some(true) => Ended::Refused,
        Some(false) | None => rotation.retry_in(Duration::from_secs(5)),
    }
}

/// Writes it down in the row, then in the cell and the timeline; `None` where the database does not answer.
async fn end(rotation: &Rotation, row: Guard, memory: Guard, reason: Refusal) -> Option<bool> {
    let services = &rotation.services;
    let at = services.adapters.clock.now();
    let refuse = Refuse { id: rotation.id().clone(), grant_id: row.0, generation: row.1, reason, at };
    if !write(rotation, refuse).await? {
        return Some(false);
    }
    let generation = memory.1;
    rotation.cell.refused(memory.0, generation, reason, at);
    let (kind, text) = match reason {
        Refusal::RotationLost => (Kind::RotationLost, "an answer was lost, the grant is gone"),
        Refusal::Revoked => (Kind::Revoked, "Calendly refuses the grant: revoked"),
        Refusal::DeadOnArrival => {
            (Kind::DeadOnArrival, "Calendly refused the imported grant at its first refresh")
        }
    };
    services.timeline.note(rotation.id(), kind, text, json!({ "generation": generation }));
    Some(true)
}

/// Writes the refusal down, trying until the database takes it; `None` where it does not.
async fn write(rotation: &Rotation, refuse: Refuse) -> Option<bool> {
    let mut wait = Duration::from_millis(100);
    loop {
        match rotation.services.adapters.store.refuse(refuse.clone()).await {
            Ok(done) => return Some(done),
            Err(error) => {
                rotation.database_failed(&error);
                let again = error.is_passing();
                if !again || rotation.services.shutdown.is_requested() {
                    return None;
                }
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}

/// Whether a refusal is the connection's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Others have succeeded since.
    Yes,
    /// There is nobody who could.
    Unopposed,
    /// It may be everybody's.
    No,
}

impl Stands {
    fn where_it(is_own: bool) -> Self {
        if is_own { Self::Yes } else { Self::No }
    }
}

/// Whether this refusal is the connection's own: after `before` successes. Many dead grants at once are told from a fault of
/// all by a witness: only where it is refused as well, or there is none, is it everybody.
async fn stands(rotation: &Rotation, before: u64, mut grace: Duration) -> Stands {
    let services = &rotation.services;
    let system = &services.system;
    let others_succeed = || system.successes() > before && !system.is_holding();
    let mut called = HashSet::new();
    // Who was refused together with others is asked again when they succeed: until then it may have been everybody.
    let mut alone = true;
    for _ in 0..WITNESSES {
        match system.evidence(rotation.id(), before, grace).await {
            Evidence::Stands => return Stands::where_it(alone),
            Evidence::Withheld => return Stands::No,
            Evidence::None if services.shutdown.is_requested() => return Stands::No,
            Evidence::None => {}
        }
        grace = GRACE;
        let _calling = system.calling().await;
        if system.successes() > before || system.is_holding() {
            return Stands::where_it(alone && others_succeed());
        }
        let witness = match witness(rotation, &called) {
            Witness::Ready(witness) => witness,
            Witness::Nobody if !system.many_refused() => return Stands::Unopposed,
            Witness::Busy if !system.many_refused() => continue,
            Witness::Nobody | Witness::Busy => {
                everybody(rotation);
                return Stands::No;
            }
        };
        called.insert(witness.id().clone());
        if let Some(task) = start(services, &witness, Why::Witness) {
            // How it ended is told to `system`. A pair that its row does not take is tried on for as long as that lasts.
            tokio::select! {
                _ = task => {}
                () = system.given_after(before) => {}
            }
        }
        // The streak counts no further than many: that a witness was refused shows in what was withheld.
        alone &= !system.is_withheld(witness.id());
        if system.many_refused() && !alone {
            everybody(rotation);
        }
        if system.successes() > before || system.is_holding() {
            return Stands::where_it(alone && others_succeed());
        }
    }
    Stands::No
}

fn everybody(rotation: &Rotation) {
    let services = &rotation.services;
    let hint = "no connection is marked; it ends by itself when a refresh succeeds";
    services.system.begin(Fault::EverybodyRefused, services.adapters.clock.now(), hint);
}

/// Who could say whether others are refused as well.
enum Witness {
    /// Every other grant has been refused, too, or there is none: fewer than make a fault of all.
    Nobody,
    /// There are others, but none can be asked now.
    Busy,
    /// Can be refreshed now.
    Ready(Arc<Cell>),
}

/// Not proven, no living token, and when it ends: the least is asked first.
type Rank = (bool, bool, Option<DateTime<Utc>>);

/// Its grant has worked here: a refresh, or a look at its webhook.
fn is_proven(cell: &Cell) -> bool {
    cell.read(|c| c.generation > c.granted_generation || c.facts.webhook.state == WebhookState::Ok)
}

/// Of those that can be asked now the one that needs a refresh soonest, those with a living token first.
fn witness(rotation: &Rotation, called: &HashSet<ConnectionId>) -> Witness {
    let services = &rotation.services;
    let now = services.adapters.clock.now();
    let mut anybody = false;
    let mut ready: Option<(Rank, Arc<Cell>)> = None;
    for cell in services.registry.cells() {
        let view = cell.token_view();
        let is_other = cell.id() != rotation.id() && !called.contains(cell.id());
        let is_doubtful = services.system.is_refused(cell.id()) || services.system.is_withheld(cell.id());
        if !view.may_refresh || !is_other || is_doubtful {
            continue;
        }
        anybody = true;
        let may_now = !view.unknown
            && view.not_before.is_none_or(|not_before| not_before <= now)
            && services.registry.in_flight.end_of(cell.id()).is_none();
        let rank = (!is_proven(&cell), cell.living(now).is_none(), view.expires_at);
        if may_now && ready.as_ref().is_none_or(|(best, _)| rank < *best) {
            ready = Some((rank, cell));
        }
    }
    match ready {
        Some((_, cell)) => Witness::Ready(cell),
        None if anybody => Witness::Busy,
        None => Witness::Nobody,
    }
}
