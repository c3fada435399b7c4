//! The exchange: the refresh token sent once, and its answer judged.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log::warn;
use serde_json::json;

use super::claim::{self, Consumed, Held};
use super::{Ended, RETRY, Rotation, lost};
use crate::domain::outcome::{Outcome, TokenAnswer};
use crate::domain::refresh_outcome::RefreshOutcome;
use crate::domain::rotation::Commit;
use crate::domain::timeline::Kind;
use crate::domain::token::{DEFAULT_LIFETIME, MIN_INTERVAL_AFTER_ODD_EXPIRY};
use crate::runtime::sleep;
use crate::services::system_fault::Kind as Fault;

/// A claim older than this is not acted on: whoever waits for it to die counts from its making.
const CLAIM_FRESH: Duration = Duration::from_secs(5);
/// The second try after an unknown outcome comes at once: some servers repeat the pair for half a minute.
const SECOND_TRY: Duration = Duration::from_secs(1);
/// What a 429 without a word about when means.
const THROTTLED: Duration = Duration::from_secs(60);

/// An answer that takes longer does not hold up the slow start.
const HANGS: Duration = Duration::from_secs(3);

pub(super) enum Answered {
    Pair(Box<Commit>, Vec<&'static str>),
    Refused,
    Ended(Ended, RefreshOutcome),
}

/// Sends the token and says what came of it.
pub(super) async fn exchange(rotation: &Rotation, held: &Held) -> Answered {
    let services = &rotation.services;
    let clock = &services.adapters.clock;
    let (sent_at, sent_boot) = (clock.now(), clock.boot());
    let (attempts, ends) = rotation.cell.read(|c| (c.attempts, c.expires_at));
    let left = ends.and_then(|at| (at - sent_at).to_std().ok()).unwrap_or_default();
    let backoff = RETRY.within(left).delay(attempts + 1, rotation.draw());
    if held.claimed_at.age(&**clock) >= CLAIM_FRESH {
        return give_up(rotation, held, Consumed::No, backoff, "claim_too_old", None).await;
    }
    let (consumed, delay, reason, fault) = match send(rotation, held).await {
        Outcome::Success(answer) => {
            // By the clock that says older, should it have been set meanwhile.
            let took = TimeDelta::from_std(clock.boot().saturating_sub(sent_boot)).unwrap_or_default();
            let (commit, oddities) = pair(rotation, held, *answer, sent_at.min(clock.now() - took));
            return Answered::Pair(Box::new(commit), oddities);
        }
        Outcome::InvalidGrant => return Answered::Refused,
        Outcome::ClientRefused(fault) => {
            services.system.begin(Fault::ClientRefused, clock.now(), fault.hint());
            (Consumed::No, Duration::from_secs(5), fault.reason().to_owned(), None)
        }
        Outcome::Throttled { wait } => {
            let delay = wait.unwrap_or(THROTTLED).mul_f64(1.0 + rotation.draw() / 4.0);
            (Consumed::No, delay, "throttled".to_owned(), Some(Fault::EverybodyThrottled))
        }
        Outcome::NotSent => {
            (Consumed::No, backoff, "no_connection".to_owned(), Some(Fault::CalendlyUnreachable))
        }
        Outcome::Unknown(doubt) => {
            // The first doubt about this token, however often nobody could be reached before.
            let first = attempts == 0 || held.unknown_since.is_none();
            let delay = if first { SECOND_TRY } else { backoff };
            (Consumed::Perhaps, delay, doubt.to_string(), Some(Fault::CalendlyFailing))
        }
    };
    give_up(rotation, held, consumed, delay, &reason, fault).await
}

/// Sends the token. One answer that hangs is no reason to keep all others from starting.
async fn send(rotation: &Rotation, held: &Held) -> Outcome {
    let services = &rotation.services;
    let answer = services.adapters.tokens.refresh(&held.refresh_token);
    tokio::pin!(answer);
    tokio::select! {
        outcome = &mut answer => return outcome,
        () = sleep(HANGS) => services.limiter.succeeded(),
    }
    answer.await
}

async fn give_up(
    rotation: &Rotation,
    held: &Held,
    consumed: Consumed,
    delay: Duration,
    reason: &str,
    fault: Option<Fault>,
) -> Answered {
    let services = &rotation.services;
    if let Some(kind) = fault {
        let among = services.registry.refreshable();
        services.system.failed(kind, rotation.id(), among, services.adapters.clock.now());
    }
    let outcome = match consumed {
        Consumed::No => RefreshOutcome::Transient,
        Consumed::Perhaps => RefreshOutcome::Unknown,
    };
    warn!(target: &rotation.target(), outcome = outcome.as_str(), reason,
        retry_in:% = humantime::format_duration(Duration::from_millis(delay.as_millis() as u64));
        "token not refreshed");
    let detail = json!({ "outcome": outcome.as_str(), "reason": reason, "generation": held.generation });
    services.timeline.note(
        rotation.id(),
        Kind::RefreshFailed,
        format!("token not refreshed ({reason})"),
        detail,
    );
    let ended = claim::release(rotation, held, consumed, delay).await;
    Answered::Ended(ended, lost(ended).unwrap_or(outcome))
}

/// Makes a commit of an answer. Nothing in it can make the pair be dropped.
fn pair(
    rotation: &Rotation,
    held: &Held,
    answer: TokenAnswer,
    sent_at: DateTime<Utc>,
) -> (Commit, Vec<&'static str>) {
    let (known_user, known_owner) = rotation.cell.read(|c| (c.user.clone(), c.foreign_owner.clone()));
    let lifetime = answer.lifetime.unwrap_or(DEFAULT_LIFETIME);
    let foreign_owner = match (&known_user, &answer.owner) {
        (Some(known), Some(said)) if known.as_ref() != said => Some(said.as_str().into()),
        (_, Some(_)) => None,
        (_, None) => known_owner, // it is still whose it was
    };
    let commit = Commit {
        id: rotation.id().clone(),
        grant_id: held.grant_id,
        generation: held.generation.next(),
        access_token: answer.access_token,
        // Where the answer has none the one that was sent lives on (RFC 6749 section 6). The pair has it all the same:
        // the row may have gone back to one that is spent.
        refresh_token: answer.refresh_token.or_else(|| Some(held.refresh_token.clone())),
        expires_at: sent_at + lifetime.delta(),
        lifetime,
        scope: answer.scope.map(Into::into),
        user: answer.owner.filter(|_| foreign_owner.is_none()).map(Into::into),
        organization: answer.organization.filter(|_| foreign_owner.is_none()).map(Into::into),
        foreign_owner,
        not_before: answer.lifetime.is_none().then(|| sent_at + MIN_INTERVAL_AFTER_ODD_EXPIRY),
    };
    (commit, answer.oddities)
}
