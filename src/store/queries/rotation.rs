//! What ends a claim without a new pair. Claims and commits are written by each database in its own fastest way.

use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};

use super::Database;
use crate::store::backend::{Keep, either};
use crate::store::row::{RefuseRow, ReleaseRow};
use crate::store::schema::connections::dsl as c;

/// Guarded by the claim. An older doubt about the refresh token stays.
pub(crate) fn release(release: &ReleaseRow) -> impl QueryFragment<Database> + QueryId + Send + '_ {
    Keep(
        diesel::update(c::connections.filter(c::id.eq(&release.id).and(c::claim_id.eq(&release.claim_id))))
            .set((
                c::claim_id.eq(None::<String>),
                c::claim_holder.eq(None::<String>),
                c::claim_at.eq(None::<i64>),
                c::unknown_since.eq(either(c::unknown_since, release.unknown_since)),
                c::attempts.eq(release.attempts),
                c::next_attempt_at.eq(release.next_attempt_at),
            )),
    )
}

/// Guarded by grant and generation: a late refusal harms no newer pair.
pub(crate) fn refuse(refuse: &RefuseRow) -> impl QueryFragment<Database> + QueryId + Send + '_ {
    let row = c::connections
        .filter(c::id.eq(&refuse.id).and(c::grant_id.eq(&refuse.grant_id)))
        .filter(c::generation.eq(refuse.generation).and(c::deleted_at.is_null()));
    Keep(diesel::update(row).set((
        c::refused_reason.eq(refuse.reason),
        c::refused_since.eq(refuse.at),
        c::claim_id.eq(None::<String>),
        c::claim_holder.eq(None::<String>),
        c::claim_at.eq(None::<i64>),
    )))
}
