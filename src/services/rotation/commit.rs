//! Keeping a pair: the commit, tried until the database takes it, and what becomes of a pair that nobody wants any more.

use std::time::Duration;

use log::{info, warn};
use serde_json::json;

use super::Rotation;
use super::claim::Held;
use crate::domain::rotation::{Commit, Committed};
use crate::domain::timeline::Kind;
use crate::runtime::sleep;
use crate::services::system_fault::Kind as Fault;

/// The longest pause between two tries to commit.
const LONGEST: Duration = Duration::from_secs(5);

/// Makes the pair durable and serves it. False where the grant was replaced or deleted meanwhile.
pub(super) async fn keep(rotation: &Rotation, commit: &Commit) -> bool {
    let services = &rotation.services;
    let mut wait = Duration::from_millis(50);
    loop {
        match services.adapters.store.commit(commit.clone()).await {
            Ok(Committed::Kept) => {
                rotation.cell.keep(commit, rotation.draw());
                return true;
            }
            Ok(Committed::Superseded(current)) => {
                match current {
                    Some(row) => {
                        rotation.cell.adopt(*row);
                    }
                    None => rotation.cell.mark_deleted(commit.grant_id),
                }
                return false;
            }
            Err(error) => {
                // Whoever holds a successful answer holds the only living refresh token: the pair is served from
                // memory and the commit goes on until it is taken.
                rotation.cell.keep(commit, rotation.draw());
                services.system.failed(Fault::DatabaseAway, rotation.id(), services.adapters.clock.now());
                warn!(target: &rotation.target(), generation = commit.generation.0, error:% = error;
                    "new tokens not committed yet, trying on");
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST);
            }
        }
    }
}

/// The late answer of a replaced or deleted grant: its pair ends at Calendly, where it would live on unseen.
pub(super) async fn give_back(rotation: &Rotation, held: Held, commit: Commit) {
    let services = &rotation.services;
    let now = rotation.cell.read(|c| (c.grant_id, c.granted_at));
    let same_grant = now.0 == held.grant_id && !rotation.cell.is_deleted();
    let note = |text: &str, revoked: bool| {
        let detail = json!({ "generation": commit.generation, "revoked": revoked });
        services.timeline.note(rotation.id(), Kind::Superseded, text, detail);
    };
    if same_grant {
        // Another keeper has gone on with this very grant: revoking would end it.
        note("a late answer was dropped, the connection has moved on", false);
        return;
    }
    let Some(token) = &commit.refresh_token else {
        note("a late answer of a replaced grant was dropped", false);
        return;
    };
    match services.adapters.tokens.revoke(token).await {
        Ok(()) => {
            info!(target: &rotation.target(), generation = commit.generation.0;
                "late answer of a replaced or deleted grant, its tokens were revoked");
            note("a late answer of a replaced or deleted grant, its tokens were revoked", true);
        }
        Err(error) => {
            warn!(target: &rotation.target(), error:% = error; "late answer, its tokens could not be revoked");
            note("a late answer, its tokens could not be revoked", false);
        }
    }
}
