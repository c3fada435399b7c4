//! The claim: the durable mark made before a refresh token is sent, and its release where no pair came of it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Ended, Guard, Rotation};
use crate::domain::grant::Connection;
use crate::domain::ids::{ClaimId, Generation, GrantId};
use crate::domain::journal::GrantHead;
use crate::domain::rotation::{ClaimRequest, Release};
use crate::domain::secrets::RefreshToken;
use crate::ports::Moment;
use crate::runtime::sleep;
use crate::services::foreign;

/// A configuration does not change while the keeper runs: no need to look often.
const FOREIGN_CLIENT: Duration = Duration::from_secs(3600);

/// A claim or a commit that takes longer is a reason to doubt the database.
const HANGS: Duration = Duration::from_secs(2);

/// A claim of ours and what it gave.
pub(super) struct Held {
    pub(super) claim_id: ClaimId,
    pub(super) grant_id: GrantId,
    pub(super) generation: Generation,
    pub(super) refresh_token: RefreshToken,
    pub(super) unknown_since: Option<DateTime<Utc>>,
    /// Of which grant, for the journal.
    pub(super) head: GrantHead,
    /// From just before the claim was sent.
    pub(super) claimed_at: Moment,
}

/// Whether an attempt may have consumed the token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumed {
    No,
    Perhaps,
}

/// Claims the connection's present generation.
pub(super) async fn claim(rotation: &Rotation) -> Result<Held, Ended> {
    let services = &rotation.services;
    let clock = &services.adapters.clock;
    let (guard, may, seize, user, head, doubt) = rotation.cell.read(|c| {
        let guard: Guard = (c.grant_id, c.generation);
        (guard, c.facts.may_refresh(), c.claim.map(|claim| claim.id), c.user.clone(), head(c), doubt(c))
    });
    if !may || rotation.cell.is_deleted() {
        return Err(Ended::MovedOn);
    }
    if foreign::note(services, &rotation.cell) {
        // Nothing is sent for it: another client's refresh token would be refused, or worse, spent.
        return Err(rotation.retry_in(FOREIGN_CLIENT));
    }
    let rate_key = user.as_deref().unwrap_or(rotation.id().as_str());
    if let Err(wait) = services.limiter.take_token(rate_key, clock.boot()) {
        return Err(rotation.retry_in(wait));
    }
    let claim_id = ClaimId::new(Uuid::new_v4());
    let claimed_at = Moment::of(&**clock);
    let request = ClaimRequest {
        id: rotation.id(),
        grant_id: guard.0,
        generation: guard.1,
        claim_id,
        at: clock.now(),
        seize,
    };
    match patiently(rotation, services.adapters.store.claim(request)).await {
        Ok(Some(claimed)) => {
            services.journal.is_level(rotation.id());
            Ok(Held {
                claim_id,
                grant_id: guard.0,
                generation: guard.1,
                refresh_token: claimed.refresh_token,
                unknown_since: claimed.unknown_since.or(doubt),
                head,
                claimed_at,
            })
        }
        Ok(None) => {
            let ended = rotation.moved_on().await;
            Err(if ended == Ended::Refused { ended } else { rotation.retry_in(Duration::from_secs(2)) })
        }
        Err(error) => {
            // A rotation never begins that could not be saved.
            rotation.database_failed(&error);
            services.system.store_failed(&error, rotation.id(), clock.now());
            Err(rotation.retry_in(Duration::from_secs(5)))
        }
    }
}

/// Waits on, but not without asking whether the database does anything at all.
pub(super) async fn patiently<T>(rotation: &Rotation, asked: impl Future<Output = T>) -> T {
    tokio::pin!(asked);
    tokio::select! {
        answer = &mut asked => return answer,
        () = sleep(HANGS) => rotation.services.system.doubt_database(),
    }
    asked.await
}

/// Since when the token may be used up, as far as memory knows: the row may have gone back to before that was marked.
fn doubt(connection: &Connection) -> Option<DateTime<Utc>> {
    connection.unknown_since.or(connection.claim.map(|claim| claim.at))
}

fn head(connection: &Connection) -> GrantHead {
    GrantHead {
        grant_id: connection.grant_id,
        granted_generation: connection.granted_generation,
        granted_at: connection.granted_at,
        client_id: connection.client_id.as_deref().map(Into::into),
    }
}

/// Ends a claim without a pair; the next attempt comes after `delay`.
pub(super) async fn release(rotation: &Rotation, held: &Held, consumed: Consumed, delay: Duration) -> Ended {
    let services = &rotation.services;
    let now = services.adapters.clock.now();
    let unknown_since = match consumed {
        Consumed::No => held.unknown_since,
        Consumed::Perhaps => held.unknown_since.or(Some(now)),
    };
    let attempts = rotation.cell.read(|c| c.attempts).saturating_add(1);
    let next_attempt_at = now + TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
    let release = Release {
        id: rotation.id().clone(),
        claim_id: held.claim_id,
        unknown_since,
        attempts,
        next_attempt_at,
    };
    let known = |unknown_since| {
        rotation.cell.released(held.grant_id, held.generation, unknown_since, attempts, next_attempt_at);
    };
    match services.adapters.store.release(release).await {
        Ok(true) => {
            known(unknown_since);
            Ended::Retry
        }
        Ok(false) => {
            // Where the row went back to before the claim, memory alone knows.
            known(unknown_since);
            rotation.moved_on().await
        }
        Err(error) => {
            // The claim stays in the row and is taken over, as unknown, by the next attempt.
            rotation.database_failed(&error);
            known(unknown_since.or(Some(now)));
            let _ = rotation.moved_on().await;
            Ended::Retry
        }
    }
}
