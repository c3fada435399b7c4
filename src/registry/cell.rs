//! A connection's state in memory, shared by its actor, the services and whoever serves its token.
//!
//! Written by the rotation that keeps a pair, by reloads and by verification; an actor's end changes nothing here.

mod schedule;
mod serving;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::lock;
use crate::domain::decision::TokenView;
use crate::domain::facts::{Facts, GrantFact, Quarantined, Refusal, WebhookFact};
use crate::domain::grant::{Connection, OpenClaim};
use crate::domain::ids::{ConnectionId, Generation, GrantId};
use crate::domain::rotation::Commit;
use crate::domain::status::{Derived, Status, derive};
use crate::ports::Me;

pub use serving::Living;

/// One connection.
#[derive(Debug)]
pub struct Cell {
    state: Mutex<State>,
    id: ConnectionId,
    wake_at: AtomicI64,
    verify_at: AtomicI64,
    restarts: AtomicU32,
    /// How often a verification was asked for at once.
    verify_asked: AtomicU32,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    row: Connection,
    /// Where between 0 and 1 this pair's refresh time lies in its spread; drawn for each pair.
    jitter: f32,
    /// The generation whose access token Calendly refused, and how many in a row it refused.
    rejected: Option<Generation>,
    rejections: u32,
    /// The generation whose refresh token was refused, without a word about whether everybody is.
    withheld: Option<Generation>,
    /// The generation in whose place somebody asked for a fresh one.
    asked: Option<Generation>,
    deleted: bool,
    shown: Option<Status>,
}

/// What came of taking a row over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// A connection not known before.
    New,
    /// Another grant took the old one's place.
    NewGrant,
    /// The row was newer or told other facts.
    Updated,
    /// Nothing new.
    Same,
    /// The row is older than what is known here: the database went back. Memory keeps what it has.
    WentBack,
}

impl Cell {
    /// From a row; `jitter`, between 0 and 1, places its refresh in the time there is for it.
    #[must_use]
    pub fn new(row: Connection, jitter: f64) -> Self {
        Self {
            id: row.id.clone(),
            state: Mutex::new(State {
                row,
                jitter: jitter as f32,
                rejected: None,
                rejections: 0,
                withheld: None,
                asked: None,
                deleted: false,
                shown: None,
            }),
            wake_at: AtomicI64::new(i64::MAX),
            verify_at: AtomicI64::new(i64::MIN),
            restarts: AtomicU32::new(0),
            verify_asked: AtomicU32::new(0),
            changed: Notify::new(),
        }
    }

    /// Whose.
    #[must_use]
    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    /// All that is known.
    #[must_use]
    pub fn connection(&self) -> Connection {
        lock(&self.state).row.clone()
    }

    /// Reads something out of it without copying the rest.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        read(&lock(&self.state).row)
    }

    /// What a decision about the token needs.
    #[must_use]
    pub fn token_view(&self) -> TokenView {
        let state = lock(&self.state);
        let row = &state.row;
        let told = TokenView::of(row, f64::from(state.jitter));
        TokenView {
            may_refresh: told.may_refresh && !state.deleted,
            rejected: state.rejected == Some(row.generation),
            withheld: state.withheld == Some(row.generation),
            asked: state.asked == Some(row.generation),
            ..told
        }
    }

    /// Takes a row of the store over, going forward only: a newer pair in memory is never replaced by an older row.
    pub fn adopt(&self, row: Connection) -> Adopted {
        let mut state = lock(&self.state);
        let known = &mut state.row;
        if row.grant_id != known.grant_id {
            if (row.granted_at, row.generation) < (known.granted_at, known.generation) {
                return Adopted::WentBack;
            }
            state.rejected = None;
            state.withheld = None;
            state.deleted = false; // deleted and given anew: it lives again
            state.row = row;
            self.changed.notify_waiters();
            return Adopted::NewGrant;
        }
        // Of one grant, pauses come from outside; everything else is written by this keeper, so memory is as new or newer.
        let paused = row.facts.paused;
        let order = |row: &Connection| (row.rotations(), row.generation);
        let adopted = match order(&row).cmp(&order(known)) {
            std::cmp::Ordering::Less => Adopted::WentBack,
            std::cmp::Ordering::Equal if row.facts.grant != known.facts.grant && is_refused(&row) => {
                known.facts.grant = row.facts.grant; // a refusal whose acknowledgement was lost
                Adopted::Updated
            }
            std::cmp::Ordering::Equal if paused == known.facts.paused => Adopted::Same,
            std::cmp::Ordering::Equal => Adopted::Updated,
            std::cmp::Ordering::Greater => {
                let doubt = known.unknown_since.filter(|_| row.rotations() == known.rotations());
                *known = row;
                known.unknown_since = known.unknown_since.or(doubt);
                Adopted::Updated
            }
        };
        known.facts.paused = paused;
        if adopted != Adopted::Same {
            self.changed.notify_waiters();
        }
        adopted
    }

    /// Takes a committed (or not yet durable) pair over, where it is the successor of what is here. `jitter`: 0 to 1.
    pub fn keep(&self, commit: &Commit, jitter: f64) -> bool {
        let mut state = lock(&self.state);
        let row = &mut state.row;
        if row.grant_id != commit.grant_id || row.generation >= commit.generation {
            return false;
        }
        row.generation = commit.generation;
        row.access_token = Some(commit.access_token.clone());
        row.expires_at = Some(commit.expires_at);
        row.lifetime = commit.lifetime;
        if commit.scope.is_some() && commit.scope.as_deref() != row.scope.as_deref() {
            row.scope = commit.scope.as_deref().map(Into::into); // else it stays the one that all share
        }
        fill(&mut row.user, commit.user.as_deref());
        fill(&mut row.organization, commit.organization.as_deref());
        row.foreign_owner.clone_from(&commit.foreign_owner);
        row.claim = None;
        row.unknown_since = None;
        row.facts.grant = GrantFact::Live { since: row.granted_at }; // whatever a refusal before it said
        (row.attempts, row.next_attempt_at) = (0, commit.not_before);
        state.jitter = jitter as f32;
        self.changed.notify_waiters();
        true
    }

    /// A claim ended without a pair.
    pub fn released(
        &self,
        grant: GrantId,
        generation: Generation,
        unknown_since: Option<DateTime<Utc>>,
        attempts: u32,
        next: DateTime<Utc>,
    ) {
        let mut state = lock(&self.state);
        if state.row.grant_id == grant && state.row.generation == generation {
            state.row.claim = None;
            state.row.unknown_since = unknown_since;
            state.row.attempts = attempts;
            state.row.next_attempt_at = Some(next);
        }
    }

    /// A claim that the store shows: to be taken over by the next attempt, if it is dead.
    pub fn found_claim(&self, claim: Option<OpenClaim>) {
        lock(&self.state).row.claim = claim;
    }

    /// No attempt before `next`, for a reason that says nothing about the token.
    pub fn wait_until(&self, next: DateTime<Utc>) {
        lock(&self.state).row.next_attempt_at = Some(next);
    }

    /// Its refusal may be everybody's: it is asked again.
    pub fn withhold(&self, grant: GrantId, generation: Generation) {
        let mut state = lock(&self.state);
        if state.row.grant_id == grant {
            state.withheld = Some(generation);
        }
    }

    /// The grant is gone.
    pub fn refused(&self, grant: GrantId, generation: Generation, reason: Refusal, since: DateTime<Utc>) {
        let row = &mut lock(&self.state).row;
        if row.grant_id == grant && row.generation == generation {
            row.facts.grant = GrantFact::Refused { reason, since };
            row.claim = None;
            self.changed.notify_waiters();
        }
    }

    /// How the webhook stands.
    pub fn set_webhook(&self, fact: WebhookFact) {
        lock(&self.state).row.facts.webhook = fact;
    }

    /// Whose connection it is, where that was not known.
    pub fn learn_user(&self, grant: GrantId, me: &Me) {
        let row = &mut lock(&self.state).row;
        if row.grant_id != grant {
            return;
        }
        fill(&mut row.user, Some(&me.user));
        fill(&mut row.organization, Some(&me.organization));
    }

    /// Parks or releases.
    pub fn set_quarantined(&self, parked: Option<Quarantined>) {
        lock(&self.state).row.facts.quarantined = parked;
    }

    /// The connection is deleted with this grant: nothing of it is used any more. A newer grant is not touched.
    pub fn mark_deleted(&self, grant: GrantId) {
        let mut state = lock(&self.state);
        if state.row.grant_id == grant {
            self.changed.notify_waiters();
            state.deleted = true;
        }
    }

    /// Whether it is.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        lock(&self.state).deleted
    }

    /// The facts.
    #[must_use]
    pub fn facts(&self) -> Facts {
        lock(&self.state).row.facts.clone()
    }

    /// The status with its reason.
    #[must_use]
    pub fn status(&self) -> Derived {
        let row = &lock(&self.state).row;
        derive(&row.facts, row.foreign_owner.is_some())
    }

    /// Whether its status was ever asked for to be shown.
    #[must_use]
    pub fn was_shown(&self) -> bool {
        lock(&self.state).shown.is_some()
    }

    /// The status, where it has changed since it was last asked for here: what is worth a line in the log.
    pub fn status_to_show(&self) -> Option<Derived> {
        let mut state = lock(&self.state);
        let derived = derive(&state.row.facts, state.row.foreign_owner.is_some());
        let before = state.shown.replace(derived.status);
        (before != Some(derived.status)).then_some(derived)
    }
}

fn is_refused(row: &Connection) -> bool {
    matches!(row.facts.grant, GrantFact::Refused { .. })
}

fn fill(known: &mut Option<Box<str>>, said: Option<&str>) {
    if known.is_none() {
        *known = said.map(Into::into);
    }
}

#[cfg(test)]
#[path = "cell_tests.rs"]
mod tests;
