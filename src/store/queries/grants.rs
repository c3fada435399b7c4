//! What changes whose connection it is: grants, deletions, pauses. Each counts the change marker up.
//!
//! The marker's row is locked first, so that such changes become visible in the order of their markers: a reader that
//! asks for what is greater than the last marker it saw misses nothing.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, write_grants};
use crate::domain::grant::Given;
use crate::store::put::{Known, Offer, decide};
use crate::store::row::{ExistingRow, FingerprintRow};
use crate::store::schema::{change_marker, connections::dsl as c, fingerprints::dsl as f};

/// Bind variables are limited, to 32 766 by SQLite.
const AT_ONCE: usize = 1000;

/// Decides about each offer and, unless only asked to decide, writes what is new.
pub(crate) async fn put(db: &mut Conn, offers: Vec<Offer>, dry_run: bool) -> QueryResult<Vec<Given>> {
    write_transaction!(db, async |db| {
        let marker = lock_marker(db).await?;
        let mut known = Known::default();
        for some in offers.chunks(AT_ONCE) {
            let mut ids: Vec<_> = some.iter().map(|offer| offer.row.id.clone()).collect();
            ids.sort();
            let rows = for_update!(
                c::connections.filter(c::id.eq_any(ids)).order(c::id).select(ExistingRow::as_select())
            );
            known.add_existing(rows.load(db).await?);
            let prints: Vec<_> = some.iter().map(|offer| offer.row.refresh_fingerprint.clone()).collect();
            let seen =
                f::fingerprints.filter(f::fingerprint.eq_any(prints)).select(FingerprintRow::as_select());
            known.add_seen(seen.load(db).await?);
        }
        let decided = decide(offers, known, marker);
        if !dry_run && !decided.rows.is_empty() {
            write_grants(db, decided.rows, decided.fingerprints).await?;
            set_marker(db, decided.marker).await?;
        }
        Ok(decided.answers)
    })
}

/// What a deletion erased: of which grant, when that was given, how far it had come, the sealed refresh token; and the
/// marker.
type Erased = (String, i64, i64, Option<Vec<u8>>, i64);

/// Leaves a tombstone.
pub(crate) async fn delete(db: &mut Conn, id: String, at: i64) -> QueryResult<Option<Erased>> {
    write_transaction!(db, async |db| {
        let marker = lock_marker(db).await? + 1;
        let living = c::connections.filter(c::id.eq(&id).and(c::deleted_at.is_null()));
        let grant: Option<(String, i64, i64, Option<Vec<u8>>)> =
            for_update!(living.select((c::grant_id, c::granted_at, c::generation, c::refresh_token)))
                .first(db)
                .await
                .optional()?;
        let Some((grant_id, granted_at, generation, refresh_token)) = grant else { return Ok(None) };
        erase(db, id, at, marker).await?;
        set_marker(db, marker).await?;
        Ok(Some((grant_id, granted_at, generation, refresh_token, marker)))
    })
}

/// What says who it was is erased, what guards against an old grant stays. So does an open claim: its token may be spent.
pub(super) async fn erase(db: &mut Conn, id: String, at: i64, marker: i64) -> QueryResult<usize> {
    let nothing = None::<String>;
    diesel::update(c::connections.filter(c::id.eq(id).and(c::deleted_at.is_null())))
        .set((
            c::deleted_at.eq(at),
            c::changed.eq(marker),
            (c::access_token.eq(None::<Vec<u8>>), c::refresh_token.eq(None::<Vec<u8>>)),
            (c::client_id.eq(&nothing), c::scope.eq(&nothing), c::foreign_owner.eq(&nothing)),
            (c::calendly_user.eq(&nothing), c::calendly_organization.eq(&nothing)),
            (c::refused_reason.eq(&nothing), c::refused_since.eq(None::<i64>)),
            (c::quarantine_reason.eq(&nothing), c::quarantined_since.eq(None::<i64>)),
            (c::webhook_state.eq("unknown"), c::webhook_reason.eq(&nothing), c::webhook_uri.eq(&nothing)),
            c::webhook_verified_at.eq(None::<i64>),
            c::unknown_since.eq(None::<i64>),
            c::next_attempt_at.eq(None::<i64>),
            c::paused_since.eq(None::<i64>),
        ))
        .execute(db)
        .await
}

/// Pauses or resumes; answers the row's marker. A pause that is already there keeps its beginning.
pub(crate) async fn pause(db: &mut Conn, id: String, since: Option<i64>) -> QueryResult<Option<i64>> {
    write_transaction!(db, async |db| {
        let marker = lock_marker(db).await? + 1;
        let living = c::connections.filter(c::id.eq(&id).and(c::deleted_at.is_null()));
        let stored: Option<(Option<i64>, i64)> =
            for_update!(living.select((c::paused_since, c::changed))).first(db).await.optional()?;
        let Some((stored, changed)) = stored else { return Ok(None) };
        if stored.is_some() == since.is_some() {
            return Ok(Some(changed));
        }
        set_pause(db, &id, since, marker).await?;
        set_marker(db, marker).await?;
        Ok(Some(marker))
    })
}

pub(super) async fn set_pause(
    db: &mut Conn,
    id: &str,
    since: Option<i64>,
    marker: i64,
) -> QueryResult<usize> {
    diesel::update(c::connections.filter(c::id.eq(id).and(c::deleted_at.is_null())))
        .set((c::paused_since.eq(since), c::changed.eq(marker)))
        .execute(db)
        .await
}

/// Says again that something about the row has changed.
pub(crate) async fn touch(db: &mut Conn, id: String) -> QueryResult<()> {
    write_transaction!(db, async |db| {
        let marker = lock_marker(db).await? + 1;
        if set_changed(db, &id, marker).await? > 0 {
            set_marker(db, marker).await?;
        }
        Ok(())
    })
}

pub(super) async fn set_changed(db: &mut Conn, id: &str, marker: i64) -> QueryResult<usize> {
    diesel::update(c::connections.filter(c::id.eq(id).and(c::deleted_at.is_null())))
        .set(c::changed.eq(marker))
        .execute(db)
        .await
}

pub(super) async fn lock_marker(db: &mut Conn) -> QueryResult<i64> {
    for_update!(change_marker::table.select(change_marker::marker)).first(db).await
}

pub(super) async fn set_marker(db: &mut Conn, marker: i64) -> QueryResult<usize> {
    diesel::update(change_marker::table).set(change_marker::marker.eq(marker)).execute(db).await
}
