//! Going forward: on start and after every reconnect, before anything else, what the journal knows is written into a
//! database that lacks it.

use std::sync::Arc;

use log::{error, info, warn};
use serde_json::json;

use super::super::Services;
use crate::domain::ids::ConnectionId;
use crate::domain::journal::{Known, Tokens};
use crate::domain::secrets::RefreshToken;
use crate::domain::timeline::Kind;
use crate::ports::{Forwarded, StoreError};

const BATCH: usize = 1000;

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Connections that the journal knew something about.
    pub known: usize,
    /// Rows that got a pair, a grant, a pause or a deletion back.
    pub written: usize,
    /// Rows that went back and cannot be mended.
    pub lost: usize,
    /// Rows that the database refuses: what is known about them stays in the journal.
    pub refused: usize,
}

/// Writes forward what the journal knows.
///
/// # Errors
/// Where the database does not answer or the journal cannot be read: nothing may be refreshed before this has been done.
pub async fn replay(services: &Arc<Services>) -> Result<Replayed, StoreError> {
    // Without what it holds, a token that is used up could be taken for a living one.
    let known = services.journal.port().known().await;
    let known = known.map_err(|failure| StoreError::Unavailable(failure.to_string()))?;
    let mut done = Replayed { known: known.len(), ..Replayed::default() };
    let mut batch = Vec::with_capacity(BATCH.min(known.len()));
    let mut all = known.into_known().peekable();
    while let Some(one) = all.next() {
        batch.push(one);
        if batch.len() == BATCH || all.peek().is_none() {
            write(services, std::mem::take(&mut batch), &mut done).await?;
        }
    }
    if done.refused == 0 {
        services.journal.port().settle_known(done.written + done.lost > 0).await;
        // What is in flight here may bring more into it.
        if services.registry.in_flight.is_empty() {
            services.adapters.store.note_replayed().await?;
        }
    }
    services.journal.replayed();
    if done.written + done.lost + done.refused > 0 {
        info!(target: "journal", known = done.known, written = done.written, lost = done.lost, refused = done.refused;
            "what the database lacked was written forward");
    }
    Ok(done)
}

/// All at once; where a row is refused, each alone, so that it harms nobody.
async fn write(
    services: &Arc<Services>,
    batch: Vec<(ConnectionId, Known)>,
    done: &mut Replayed,
) -> Result<(), StoreError> {
    let store = &services.adapters.store;
    match store.write_forward(batch.clone()).await {
        Ok(forwarded) => forwarded.into_iter().for_each(|one| tell(services, one, done)),
        Err(failure) => {
            for (id, known) in batch {
                match store.write_forward(vec![(id.clone(), known.clone())]).await {
                    Ok(forwarded) => forwarded.into_iter().for_each(|one| tell(services, one, done)),
                    // It answers others: then it is this row that it does not take, for whatever reason.
                    Err(StoreError::Unavailable(why)) if store.change_marker().await.is_err() => {
                        return Err(StoreError::Unavailable(why));
                    }
                    Err(unwritable @ StoreError::Unwritable(_)) => return Err(unwritable),
                    Err(refused) => {
                        done.refused += 1;
                        error!(target: &format!("connection/{id}"), error:% = refused, batch_failed_with:% = failure;
                            "what the journal knows is refused by the database, it stays in the journal");
                        services.journal.put_off(id, known);
                    }
                }
            }
        }
    }
    Ok(())
}

fn tell(services: &Arc<Services>, one: Forwarded, done: &mut Replayed) {
    let note = |text: &str| {
        let detail = json!({ "deleted": one.deleted, "paused": one.paused });
        services.timeline.note(&one.id, Kind::WrittenForward, text, detail);
    };
    match one.tokens {
        Tokens::Lost => {
            done.lost += 1;
            note("the database went back, and the tokens since are not known any more");
            warn!(target: &format!("connection/{}", one.id), lost = true;
                "the database went back, and the tokens since are not known any more");
        }
        Tokens::Pair | Tokens::Grant => {
            done.written += 1;
            services.journal.is_level(&one.id);
            note("the database lacked the latest tokens, they were written again");
        }
        Tokens::Current | Tokens::Superseded if one.deleted || one.paused => {
            done.written += 1;
            note("the database lacked a deletion or a pause, it was written again");
        }
        Tokens::Current | Tokens::Superseded => {}
    }
    if let Some(token) = one.revoke {
        revoke(services, one.id, token);
    }
}

/// A pair of an older grant that no database ever knew lives on at Calendly unseen.
fn revoke(services: &Arc<Services>, id: ConnectionId, token: RefreshToken) {
    let services = services.clone();
    services.io.clone().spawn(async move {
        let revoked = services.adapters.tokens.revoke(&token).await;
        let text = match &revoked {
            Ok(()) => "a late answer of a replaced or deleted grant, its tokens were revoked",
            Err(_) => "a late answer, its tokens could not be revoked",
        };
        services.timeline.note(&id, Kind::Superseded, text, json!({ "revoked": revoked.is_ok() }));
    });
}
