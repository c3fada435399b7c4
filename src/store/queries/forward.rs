//! Brings rows that went back up to what a journal knows. Never the other way.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::grants::{erase, lock_marker, set_changed, set_marker, set_pause};
use super::{Conn, commit_rows, write_grants};
use crate::domain::journal::{Deletion, Forward, Tokens};
use crate::store::forward::{Applied, Offer};
use crate::store::row::{CommitRow, StoredRow};
use crate::store::schema::{connections::dsl as c, fingerprints::dsl as f};
use crate::store::time::micros;

/// Decides about each and writes what its row lacks, all in one transaction. Ids are distinct and in order.
pub(crate) async fn write_forward(db: &mut Conn, offers: Vec<Offer>) -> QueryResult<Vec<Applied>> {
    write_transaction!(db, async |db| {
        let before = lock_marker(db).await?;
        let rows = rows(db, &offers).await?;
        let seen = seen(db, &offers).await?;
        // Counted on from the latest that is known, or what is done again would look older than what went back.
        let mut marker = offers.iter().filter_map(|offer| offer.known.latest_marker()).fold(before, i64::max);
        let latest = marker;
        let (mut grants, mut prints, mut commits, mut applied) = (vec![], vec![], vec![], vec![]);
        let (mut unseen, mut given_up) = (vec![], vec![]);
        for offer in offers {
            let stored = rows.get(&offer.id).and_then(StoredRow::stored);
            let forward = offer.known.forward(stored.as_ref());
            let Forward { tokens, further, delete, pause } = forward;
            let is_new = offer.fingerprint().is_some_and(|print| !seen.contains(print));
            if tokens == Tokens::Grant || delete || pause {
                marker += 1;
            }
            if delete && let Some(deletion) = offer.known.deleted {
                match rows.get(&offer.id) {
                    Some(row) => {
                        erase(db, offer.id.clone(), micros(deletion.at), marker).await?;
                        let reached = offer.known.deleted_generation().0.max(row.generation);
                        bury(db, &offer.id, deletion, reached).await?;
                    }
                    None => {
                        let (mut row, print) = offer.tombstone(deletion);
                        row.changed = marker;
                        grants.push(row);
                        prints.extend(print.filter(|_| is_new));
                        unseen.push((offer.id.clone(), micros(deletion.at), marker));
                    }
                }
            }
            if tokens == Tokens::Grant
                && let Some((mut row, print)) = offer.grant
            {
                row.changed = marker;
                row.generation += further;
                row.granted_generation += further;
                grants.push(row);
                prints.extend(is_new.then_some(print));
            }
            // Whoever works on it by now takes it for gone.
            if tokens == Tokens::Pair && rows.get(&offer.id).is_some_and(|row| row.refused_reason.is_some()) {
                marker += 1;
                given_up.push((offer.id.clone(), marker));
            }
            if matches!(tokens, Tokens::Grant | Tokens::Pair) {
                commits.extend(offer.commit.map(|commit| CommitRow {
                    generation: commit.generation + further,
                    at_least: commit.at_least + further,
                    ..commit
                }));
            }
            let paused = offer.known.paused.filter(|_| pause).map(|(since, _)| (since, marker));
            applied.push(Applied { id: offer.id, forward, paused, is_new });
        }
        write_grants(db, grants, prints).await?;
        for (id, at, marker) in unseen {
            erase(db, id, at, marker).await?;
        }
        commit_rows(db, commits).await?;
        for (id, marker) in given_up {
            set_changed(db, &id, marker).await?;
        }
        for one in &applied {
            if let Some((since, marker)) = one.paused {
                set_pause(db, &one.id, since.map(micros), marker).await?;
            }
        }
        if marker > latest {
            set_marker(db, marker).await?;
        }
        Ok(applied)
    })
}

/// The tombstone is of the grant that was deleted, not of the older one that the row went back to: else the deleted grant
/// would look newer than its own deletion, and come back.
async fn bury(db: &mut Conn, id: &str, deletion: Deletion, generation: i64) -> QueryResult<usize> {
    let granted_at = micros(deletion.granted_at);
    diesel::update(c::connections.filter(c::id.eq(id).and(c::granted_at.lt(granted_at))))
        .set((
            c::grant_id.eq(deletion.grant_id.to_string()),
            c::granted_at.eq(granted_at),
            c::generation.eq(generation),
        ))
        .execute(db)
        .await
}

async fn rows(db: &mut Conn, offers: &[Offer]) -> QueryResult<HashMap<String, StoredRow>> {
    let ids: Vec<_> = offers.iter().map(|offer| offer.id.clone()).collect();
    let rows =
        for_update!(c::connections.filter(c::id.eq_any(ids)).order(c::id).select(StoredRow::as_select()));
    let rows: Vec<StoredRow> = rows.load(db).await?;
    Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
}

/// The fingerprints of the offered refresh tokens that were in the database once.
async fn seen(db: &mut Conn, offers: &[Offer]) -> QueryResult<HashSet<Vec<u8>>> {
    let prints: Vec<_> = offers.iter().filter_map(Offer::fingerprint).cloned().collect();
    let seen = f::fingerprints.filter(f::fingerprint.eq_any(prints)).select(f::fingerprint);
    Ok(seen.load::<Vec<u8>>(db).await?.into_iter().collect())
}
