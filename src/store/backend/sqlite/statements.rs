//! What is written at each refresh, as text that never changes: it stays prepared and is found by its name alone. Put
//! together from diesel's parts it would be written out each time to be looked up, and an UPDATE be prepared anew; both
//! took longer than the statement itself.

use std::marker::PhantomData;

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::Database;
use crate::store::row::{ClaimRow, ClaimedRow, CommitRow, EntryRow};
use crate::store::schema::connections::dsl as c;

/// The text of a statement; the type is its name.
trait Fixed: 'static {
    /// With a `?` for each value.
    const TEXT: &'static str;
}

enum Claim {}
enum Commit {}
enum Remember {}
enum Record {}

/// The file lock says who works, so a claim to be seized is known to be dead whoever holds it.
impl Fixed for Claim {
    const TEXT: &'static str = "\
        UPDATE connections
        SET unknown_since = coalesce(unknown_since, claim_at), claim_id = ?, claim_holder = ?, claim_at = ?
        WHERE id = ? AND grant_id = ? AND generation = ?
            AND deleted_at IS NULL AND refused_reason IS NULL AND paused_since IS NULL
            AND (claim_id IS NULL OR claim_id = ?)";
}

impl Fixed for Commit {
    const TEXT: &'static str = "\
        UPDATE connections
        SET generation = ?,
            access_token = ?,
            refresh_token = coalesce(?, refresh_token),
            refresh_fingerprint = coalesce(?, refresh_fingerprint),
            expires_at = ?,
            lifetime = ?,
            scope = coalesce(?, scope),
            calendly_user = coalesce(calendly_user, ?),
            calendly_organization = coalesce(calendly_organization, ?),
            foreign_owner = ?,
            refused_reason = NULL, refused_since = NULL,
            claim_id = NULL, claim_holder = NULL, claim_at = NULL,
            unknown_since = NULL, attempts = 0, next_attempt_at = ?
        WHERE id = ? AND grant_id = ? AND generation < ? AND generation >= ? AND deleted_at IS NULL";
}

/// A token known elsewhere is kept all the same: losing it would lose the grant.
impl Fixed for Remember {
    const TEXT: &'static str =
        "INSERT INTO fingerprints (fingerprint, connection_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
}

impl Fixed for Record {
    const TEXT: &'static str =
        "INSERT INTO timeline (connection_id, at, kind, text, detail) VALUES (?, ?, ?, ?, ?)";
}

/// In the transaction of its batch, so what is read is what was claimed. `RETURNING` would make a table for one row.
pub(super) fn claim(db: &mut SqliteConnection, row: &ClaimRow) -> QueryResult<Option<ClaimedRow>> {
    let values = [
        Value::text(&row.claim_id),
        Value::text(&row.holder),
        Value::number(row.at),
        Value::text(&row.id),
        Value::text(&row.grant_id),
        Value::number(row.generation),
        Value::Text(row.seize.as_deref()),
    ];
    if run::<Claim, _>(db, values)? == 0 {
        return Ok(None);
    }
    let claimed = c::connections.find(&row.id).select((c::refresh_token, c::client_id, c::unknown_since));
    claimed.first(db).map(Some)
}

/// How many rows took it: one, or none where the grant has moved on.
pub(super) fn commit(db: &mut SqliteConnection, row: &CommitRow) -> QueryResult<usize> {
    let sealed = row.refresh_token.as_ref().map(|(sealed, _)| sealed.as_slice());
    let fingerprint = row.refresh_token.as_ref().map(|(_, fingerprint)| fingerprint.as_slice());
    let values = [
        Value::number(row.generation),
        Value::Bytes(Some(&row.access_token)),
        Value::Bytes(sealed),
        Value::Bytes(fingerprint),
        Value::number(row.expires_at),
        Value::number(row.lifetime),
        Value::Text(row.scope.as_deref()),
        Value::Text(row.calendly_user.as_deref()),
        Value::Text(row.calendly_organization.as_deref()),
        Value::Text(row.foreign_owner.as_deref()),
        Value::Number(row.not_before),
        Value::text(&row.id),
        Value::text(&row.grant_id),
        Value::number(row.generation),
        Value::number(row.at_least),
    ];
    let kept = run::<Commit, _>(db, values)?;
    if kept > 0 && fingerprint.is_some() {
        run::<Remember, _>(db, [Value::Bytes(fingerprint), Value::text(&row.id)])?;
    }
    Ok(kept)
}

/// An entry of the timeline.
pub(super) fn record(db: &mut SqliteConnection, entry: &EntryRow) -> QueryResult<usize> {
    let EntryRow { connection_id, at, kind, text, detail } = entry;
    let text_of = [kind, text, detail].map(|text| Value::text(text));
    let [kind, text, detail] = text_of;
    run::<Record, _>(db, [Value::text(connection_id), Value::number(*at), kind, text, detail])
}

fn run<F: Fixed, const N: usize>(db: &mut SqliteConnection, values: [Value<'_>; N]) -> QueryResult<usize> {
    db.execute_returning_count(&Statement::<F, N>(values, PhantomData))
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Text(Option<&'a str>),
    Bytes(Option<&'a [u8]>),
    Number(Option<i64>),
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        Self::Text(Some(text))
    }

    fn number(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

struct Statement<'a, F, const N: usize>([Value<'a>; N], PhantomData<F>);

impl<F: Fixed, const N: usize> QueryFragment<Database> for Statement<'_, F, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Database>) -> QueryResult<()> {
        let mut values = self.0.iter();
        for (nth, text) in F::TEXT.split('?').enumerate() {
            if nth > 0 {
                match values.next() {
                    Some(Value::Text(value)) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                    Some(Value::Bytes(value)) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                    Some(Value::Number(value)) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                    None => return Err(diesel::result::Error::NotFound),
                }
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl<F: Fixed, const N: usize> QueryId for Statement<'_, F, N> {
    type QueryId = F;
    const HAS_STATIC_QUERY_ID: bool = true;
}
