//! Claims and commits of a whole batch, each as one statement over arrays.
//!
//! Two batches that lock the same rows in different orders would wait for each other for ever, so `locked` takes the
//! locks in the order of the ids before anything is changed. It hands the rows on: joined to `v` a second time, each of
//! a batch would be compared with each other.

use std::collections::HashMap;

use diesel::prelude::{QueryResult, QueryableByName};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use diesel_async::RunQueryDsl as _;

use super::Conn;
use crate::store::backend::Keep;
use crate::store::batch::Done;
use crate::store::row::{ClaimRow, ClaimedRow, CommitRow};
use crate::store::session::{KEEPER_LOCK, MayClaim};

/// What came of each row; one that is not in it was not changed.
pub(crate) type DoneById = HashMap<String, Done>;

/// A foreign claim dies 90 s after it was made, by the database's clock. Without that, 5 s from claim to request, 10 s
/// to connect and 60 s for the answer would not be over when the same token is sent again. Where the journal of whoever
/// made it may hold the pair, it waits until the last twentieth of the old token's life, 120 s at most.
const CLAIM: &str = "\
WITH v AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5) AS v(id, grant_id, generation, claim_id, seize)
), locked AS (
    SELECT v.* FROM v JOIN connections AS l USING (id) ORDER BY id FOR UPDATE OF l
), clock AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
)
UPDATE connections AS c
SET unknown_since = coalesce(c.unknown_since, c.claim_at),
    claim_id = v.claim_id, claim_holder = $6, claim_at = clock.now
FROM locked AS v CROSS JOIN clock
WHERE c.id = v.id AND c.grant_id = v.grant_id AND c.generation = v.generation
    AND c.deleted_at IS NULL AND c.refused_reason IS NULL AND c.paused_since IS NULL
    AND (c.claim_id IS NULL
        OR c.claim_id = v.seize AND (c.claim_holder = $6 OR c.claim_at <= clock.now - 90000000
            AND (c.expires_at IS NULL
                OR c.expires_at <= clock.now + least(c.lifetime * 50000, 120000000)
                OR NOT EXISTS (SELECT 1 FROM instances AS i WHERE i.id = c.claim_holder AND i.journal_open))))
    AND ($7 OR EXISTS (
        SELECT 1 FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.classid::bigint = $8 AND l.objid::bigint = $9 AND l.pid = $10
            AND (extract(epoch FROM a.backend_start) * 1000000)::bigint = $11))
RETURNING c.id, c.refresh_token, c.client_id, c.unknown_since";

const COMMIT: &str = "\
WITH v AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        AS v(id, grant_id, generation, access_token, refresh_token, fingerprint, expires_at, lifetime,
            scope, calendly_user, calendly_organization, foreign_owner, not_before, at_least)
), locked AS (
    SELECT v.* FROM v JOIN connections AS l USING (id) ORDER BY id FOR UPDATE OF l
), kept AS (
    UPDATE connections AS c
    SET generation = v.generation,
        access_token = v.access_token,
        refresh_token = coalesce(v.refresh_token, c.refresh_token),
        refresh_fingerprint = coalesce(v.fingerprint, c.refresh_fingerprint),
        expires_at = v.expires_at,
        lifetime = v.lifetime,
        scope = coalesce(v.scope, c.scope),
        calendly_user = coalesce(c.calendly_user, v.calendly_user),
        calendly_organization = coalesce(c.calendly_organization, v.calendly_organization),
        foreign_owner = v.foreign_owner,
        refused_reason = NULL, refused_since = NULL,
        claim_id = NULL, claim_holder = NULL, claim_at = NULL,
        unknown_since = NULL, attempts = 0, next_attempt_at = v.not_before
    FROM locked AS v
    WHERE c.id = v.id AND c.grant_id = v.grant_id AND c.generation < v.generation AND c.generation >= v.at_least
        AND c.deleted_at IS NULL
    RETURNING c.id, v.fingerprint
), remembered AS (
    -- A token known elsewhere is kept all the same: losing it would lose the grant.
    INSERT INTO fingerprints (fingerprint, connection_id)
    SELECT fingerprint, id FROM kept WHERE fingerprint IS NOT NULL ORDER BY fingerprint
    ON CONFLICT DO NOTHING
)
SELECT id FROM kept";

#[derive(QueryableByName)]
struct ClaimedById {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Binary>)]
    refresh_token: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    client_id: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    unknown_since: Option<i64>,
}

#[derive(QueryableByName)]
struct KeptById {
    #[diesel(sql_type = Text)]
    id: String,
}

pub(crate) async fn claim(db: &mut Conn, rows: &[&ClaimRow], lock: MayClaim) -> QueryResult<DoneById> {
    let Some(first) = rows.first() else { return Ok(DoneById::new()) };
    let session = match lock {
        MayClaim::No => return Ok(DoneById::new()),
        MayClaim::Yes => None,
        MayClaim::While(session) => Some(session),
    };
    let (class, object) = KEEPER_LOCK;
    let claim = diesel::sql_query(CLAIM)
        .bind::<Array<Text>, _>(column(rows, |row| &row.id))
        .bind::<Array<Text>, _>(column(rows, |row| &row.grant_id))
        .bind::<Array<BigInt>, _>(column(rows, |row| &row.generation))
        .bind::<Array<Text>, _>(column(rows, |row| &row.claim_id))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| &row.seize))
        .bind::<Text, _>(&first.holder)
        .bind::<Bool, _>(session.is_none())
        .bind::<BigInt, _>(i64::from(class))
        .bind::<BigInt, _>(i64::from(object))
        .bind::<Integer, _>(session.map_or(0, |session| session.pid))
        .bind::<BigInt, _>(session.map_or(0, |session| session.started));
    let claimed: Vec<ClaimedById> = Keep(claim).load(db).await?;
    let done = |row: ClaimedById| {
        let ClaimedById { id, refresh_token, client_id, unknown_since } = row;
        (id, Done::Claimed(ClaimedRow { refresh_token, client_id, unknown_since }))
    };
    Ok(claimed.into_iter().map(done).collect())
}

pub(crate) async fn commit(db: &mut Conn, rows: &[&CommitRow]) -> QueryResult<DoneById> {
    if rows.is_empty() {
        return Ok(DoneById::new());
    }
    let sealed = rows.iter().map(|row| row.refresh_token.as_ref().map(|(sealed, _)| sealed));
    let fingerprints = rows.iter().map(|row| row.refresh_token.as_ref().map(|(_, fingerprint)| fingerprint));
    let commit = diesel::sql_query(COMMIT)
        .bind::<Array<Text>, _>(column(rows, |row| &row.id))
        .bind::<Array<Text>, _>(column(rows, |row| &row.grant_id))
        .bind::<Array<BigInt>, _>(column(rows, |row| &row.generation))
        .bind::<Array<Binary>, _>(column(rows, |row| &row.access_token))
        .bind::<Array<Nullable<Binary>>, _>(sealed.collect::<Vec<_>>())
        .bind::<Array<Nullable<Binary>>, _>(fingerprints.collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(column(rows, |row| &row.expires_at))
        .bind::<Array<BigInt>, _>(column(rows, |row| &row.lifetime))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| &row.scope))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| &row.calendly_user))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| &row.calendly_organization))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| &row.foreign_owner))
        .bind::<Array<Nullable<BigInt>>, _>(column(rows, |row| &row.not_before))
        .bind::<Array<BigInt>, _>(column(rows, |row| &row.at_least));
    let kept: Vec<KeptById> = Keep(commit).load(db).await?;
    Ok(kept.into_iter().map(|row| (row.id, Done::Changed)).collect())
}

fn column<'a, R, T>(rows: &[&'a R], of: impl Fn(&'a R) -> &'a T) -> Vec<&'a T> {
    rows.iter().map(|&row| of(row)).collect()
}
