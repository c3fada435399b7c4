//! The heart: one rotation of one connection, as one tracked task that no actor's end can cancel.
//!
//! Permit, claim, exchange, keep. The steps' order and guards follow from single-use refresh tokens:
//! a token is sent only under a durable claim, and an answer is secured before anything about it is judged.

mod claim;
mod commit;
mod exchange;
mod refusal;
pub mod replay;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log::{info, log, warn};
use serde_json::json;
use tokio::task::JoinHandle;

use super::Services;
use super::journal::{Behind, Use};
use crate::domain::backoff::Backoff;
use crate::domain::decision::Why;
use crate::domain::ids::{ConnectionId, Generation, GrantId};
use crate::domain::refresh_outcome::RefreshOutcome;
use crate::domain::rotation::Commit;
use crate::domain::timeline::Kind;
use crate::ports::StoreError;
use crate::registry::cell::{Adopted, Cell};
use crate::registry::in_flight::Place;
use claim::Held;
use commit::Kept;

/// How the end of a rotation that was tried again in vain is spaced.
const RETRY: Backoff = Backoff { min: Duration::from_secs(2), max: Duration::from_secs(60) };

/// Without a journal a token is exchanged so long before its end, at most.
const LAST_MOMENT: TimeDelta = TimeDelta::seconds(60);
/// Until then it looks again so often: the journal may be back, or the token refused by Calendly before its end.
const LOOKS_AGAIN: Duration = Duration::from_secs(30);

/// No exchange takes so long, and from then on another keeper may have taken the claim for dead, and the grant for gone.
const OTHERS_GO_ON: Duration = Duration::from_secs(80);

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A new pair is kept.
    Refreshed,
    /// Not now; the cell says when again.
    Retry,
    /// The grant is gone.
    Refused,
    /// The row has moved on: deleted, replaced, paused, refreshed by somebody else.
    MovedOn,
    /// The keeper is stopping.
    Stopping,
}

/// One rotation's surroundings.
struct Rotation {
    services: Arc<Services>,
    cell: Arc<Cell>,
    why: Why,
    started: Duration,
}

/// Starts the rotation of a connection; `None` where one is under way.
pub fn start(services: &Arc<Services>, cell: &Arc<Cell>, why: Why) -> Option<JoinHandle<Ended>> {
    let place = services.registry.in_flight.enter(cell.id())?;
    let rotation = Rotation {
        started: services.adapters.clock.boot(),
        services: services.clone(),
        cell: cell.clone(),
        why,
    };
    Some(services.io.spawn(rotation.run(place)))
}

/// Goes on with a pair that the journal held and the database refused at the replay: served from memory, tried on and on.
pub fn resume(services: &Arc<Services>, cell: &Arc<Cell>) {
    if !services.journal.is_put_off(cell.id()) {
        return;
    }
    // One that is under way ends soon: then the next look at the rows comes here again.
    let Some(place) = services.registry.in_flight.enter(cell.id()) else { return };
    let Some(grant) = services.journal.take_put_off(cell.id()).and_then(|known| known.grant) else { return };
    let Some(commit) = grant.pair(cell.id()) else { return };
    cell.keep(&commit, services.adapters.jitter.draw());
    let rotation = Rotation {
        started: services.adapters.clock.boot(),
        services: services.clone(),
        cell: cell.clone(),
        why: Why::Unknown,
    };
    services.io.spawn(async move {
        let _place = place;
        match commit::keep(&rotation, &commit, grant.head).await {
            Kept::Committed => {}
            Kept::Journalled => rotation.services.journal.leave(),
            Kept::Superseded => commit::give_back(&rotation, commit.grant_id, commit).await,
        }
    });
}

impl Rotation {
    async fn run(self, place: Place) -> Ended {
        let (ended, outcome) = self.refresh(&place).await;
        // The one place where they are counted: a refresh ends once. Before the claim it has not begun.
        if let Some(outcome) = outcome {
            self.services.counters().refresh_ended(outcome);
        }
        ended
    }

    /// How it ended, and as what that counts.
    async fn refresh(&self, place: &Place) -> (Ended, Option<RefreshOutcome>) {
        let turn = match self.why {
            Why::Witness => None, // whoever called it may hold the turn
            _ => self.services.system.turn(self.id()).await,
        };
        let needed_by = self.cell.read(|connection| connection.expires_at);
        if let Some(wait) = self.wait_for_journal(needed_by) {
            return (self.retry_in(wait.min(LOOKS_AGAIN)), None);
        }
        let Some(permit) = self.services.limiter.permit(self.why.urgency(), needed_by, self.id()).await
        else {
            return (Ended::Stopping, None);
        };
        place.exchanges();
        let held = match claim::claim(self).await {
            Ok(held) => held,
            Err(ended) => return (ended, lost(ended)),
        };
        let answered = exchange::exchange(self, &held).await;
        drop(permit);
        let (ended, outcome) = match answered {
            exchange::Answered::Pair(commit, oddities) => {
                self.services.system.gave_tokens(self.services.adapters.clock.boot());
                drop(turn); // a row that is refused is tried on: the others have their turn meanwhile
                return (self.keep(held, *commit, oddities).await, Some(RefreshOutcome::Success));
            }
            exchange::Answered::Refused => {
                refusal::refused(self, held, turn.as_ref().map(|turn| turn.before)).await
            }
            exchange::Answered::Ended(ended, outcome) => (ended, outcome),
        };
        (ended, Some(outcome))
    }

    async fn keep(&self, held: Held, commit: Commit, oddities: Vec<&'static str>) -> Ended {
        let services = &self.services;
        let mark = services.journal.mark();
        let kept = commit::keep(self, &commit, held.head).await; // before anything about the answer is judged
        for oddity in oddities {
            services.timeline.note(self.id(), Kind::OddAnswer, oddity, json!({}));
        }
        if let Some(owner) = &commit.foreign_owner {
            warn!(target: &self.target(), owner:% = owner; "the tokens are another user's, kept but not served");
            let text = "the answer's owner is another user, the tokens are kept but not served";
            services.timeline.note(self.id(), Kind::OddAnswer, text, json!({ "owner": owner }));
        }
        match kept {
            Kept::Committed => {
                services.journal.committed(self.id(), mark);
                let late = held.claimed_at.age(&*services.adapters.clock) >= OTHERS_GO_ON;
                if late && services.journal.use_of() == Use::Beside {
                    self.tell_others().await;
                }
            }
            Kept::Journalled => {
                services.journal.leave();
                info!(target: &self.target(), generation = commit.generation.0;
                    "new tokens are in the journal, the next start writes them into the database");
                return Ended::Stopping;
            }
            Kept::Superseded => {
                services.counters().superseded.add_one();
                commit::give_back(self, held.grant_id, commit).await;
                return Ended::MovedOn;
            }
        }
        services.system.succeeded(services.adapters.clock.now());
        let took = services.adapters.clock.boot().saturating_sub(self.started);
        let expires_in = commit.lifetime.seconds().unsigned_abs();
        let reason = self.why.as_str();
        log!(target: &self.target(), services.routine(),
            generation = commit.generation.0,
            expires_in:% = humantime::format_duration(Duration::from_secs(expires_in)),
            reason,
            took:% = format_args!("{}ms", took.as_millis());
            "token refreshed");
        let detail =
            json!({ "generation": commit.generation, "reason": reason, "expires_at": commit.expires_at });
        services.timeline.note(self.id(), Kind::Refreshed, format!("token refreshed ({reason})"), detail);
        Ended::Refreshed
    }

    /// Whoever works on this connection by now reads its row again.
    async fn tell_others(&self) {
        if let Err(error) = self.services.adapters.store.touch(self.id()).await {
            self.database_failed(&error);
        }
    }

    /// While a pair would be safe in memory alone, only a token that is about to end is exchanged.
    fn wait_for_journal(&self, ends: Option<DateTime<Utc>>) -> Option<Duration> {
        let journal = &self.services.journal;
        if self.why != Why::Due || journal.use_of() == Use::Instead || !journal.is_broken() {
            return None;
        }
        let lifetime = self.cell.read(|connection| connection.lifetime);
        let needed_at = ends? - (lifetime.delta() / 20).clamp(TimeDelta::seconds(3), LAST_MOMENT);
        (needed_at - self.services.adapters.clock.now()).to_std().ok().filter(|wait| !wait.is_zero())
    }

    /// The facts in memory were stale: take over what the store says.
    async fn moved_on(&self) -> Ended {
        let grant = self.cell.read(|c| c.grant_id);
        match self.services.adapters.store.get(self.id()).await {
            Ok(Some(row)) => {
                let (claim, stored) = (row.claim, (row.grant_id, row.generation));
                if self.cell.adopt(row) == Adopted::WentBack {
                    return self.went_back(stored).await;
                }
                self.cell.found_claim(claim);
            }
            Ok(None) => self.cell.mark_deleted(grant),
            Err(error) => self.database_failed(&error),
        }
        Ended::MovedOn
    }

    /// The row is behind memory, so its refresh token is spent: it is never sent. The journal may know the living one.
    async fn went_back(&self, stored: Guard) -> Ended {
        if self.services.journal.is_behind(self.id()) == Behind::Perhaps {
            return Ended::MovedOn;
        }
        warn!(target: &self.target(), stored = stored.1.0; "the database went back, and the tokens since are not known");
        refusal::lost(self, stored).await
    }

    fn retry_in(&self, delay: Duration) -> Ended {
        let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        self.cell.wait_until(self.services.adapters.clock.now() + delay);
        Ended::Retry
    }

    fn database_failed(&self, error: &StoreError) {
        warn!(target: &self.target(), error:% = error; "the store failed");
    }

    fn id(&self) -> &ConnectionId {
        self.cell.id()
    }

    fn target(&self) -> String {
        format!("connection/{}", self.cell.id())
    }

    fn draw(&self) -> f64 {
        self.services.adapters.jitter.draw()
    }
}

/// A grant that ended without an answer that says so was lost with the database's last commits.
fn lost(ended: Ended) -> Option<RefreshOutcome> {
    (ended == Ended::Refused).then_some(RefreshOutcome::SelfInflicted)
}

/// Which pair a step is about.
type Guard = (GrantId, Generation);
