//! One set of queries, compiled once for each database, and beside it what only one of them can do.

// The same files are two modules on purpose: diesel's queries are typed by their database.
#![allow(clippy::duplicate_mod, reason = "queries are written once and compiled for each database")]

pub(super) mod postgres;
pub(super) mod sqlite;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

diesel::define_sql_function! {
    /// The first of two that is not NULL.
    #[sql_name = "coalesce"]
    fn either(one: diesel::sql_types::Nullable<diesel::sql_types::BigInt>, other: diesel::sql_types::Nullable<diesel::sql_types::BigInt>) -> diesel::sql_types::Nullable<diesel::sql_types::BigInt>;
}

diesel::define_sql_function! {
    /// The first of two that is not NULL.
    #[sql_name = "coalesce"]
    fn either_text(one: diesel::sql_types::Nullable<diesel::sql_types::Text>, other: diesel::sql_types::Nullable<diesel::sql_types::Text>) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// diesel prepares each UPDATE and each SQL text anew, which costs PostgreSQL a round trip. The text of those wrapped
/// here never changes, so they stay prepared; on SQLite only what answers with rows.
pub(super) struct Keep<Q>(pub(super) Q);

impl<DB: Backend, Q: QueryFragment<DB>> QueryFragment<DB> for Keep<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> diesel::QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> diesel::QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Keep<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, Conn> diesel::RunQueryDsl<Conn> for Keep<Q> {}

impl<Q: Query> Query for Keep<Q> {
    type SqlType = Q::SqlType;
}

/// What a new grant overwrites in an existing row; a pause, a quarantine and the webhook stay. Who is not said to be
/// somebody else is the same person: else a stranger's tokens would not be noticed.
macro_rules! granted {
    () => {{
        use diesel::prelude::*;
        use diesel::upsert::excluded;

        use $crate::store::backend::either_text;
        use $crate::store::schema::connections::dsl as c;
        (
            c::grant_id.eq(excluded(c::grant_id)),
            c::generation.eq(excluded(c::generation)),
            c::granted_generation.eq(excluded(c::granted_generation)),
            c::granted_at.eq(excluded(c::granted_at)),
            c::client_id.eq(excluded(c::client_id)),
            c::access_token.eq(excluded(c::access_token)),
            c::refresh_token.eq(excluded(c::refresh_token)),
            c::refresh_fingerprint.eq(excluded(c::refresh_fingerprint)),
            c::expires_at.eq(excluded(c::expires_at)),
            c::lifetime.eq(excluded(c::lifetime)),
            c::scope.eq(excluded(c::scope)),
            c::calendly_user.eq(either_text(excluded(c::calendly_user), c::calendly_user)),
            c::calendly_organization
                .eq(either_text(excluded(c::calendly_organization), c::calendly_organization)),
            c::changed.eq(excluded(c::changed)),
            (
                c::foreign_owner.eq(None::<String>),
                c::refused_reason.eq(None::<String>),
                c::refused_since.eq(None::<i64>),
                c::claim_id.eq(None::<String>),
                c::claim_holder.eq(None::<String>),
                c::claim_at.eq(None::<i64>),
                c::unknown_since.eq(None::<i64>),
                c::attempts.eq(0),
                c::next_attempt_at.eq(None::<i64>),
                // A tombstone has no webhook fact of its own.
                c::webhook_since.eq(diesel::dsl::case_when(c::deleted_at.is_null(), c::webhook_since)
                    .otherwise(excluded(c::webhook_since))),
                c::deleted_at.eq(None::<i64>),
            ),
        )
    }};
}
pub(super) use granted;
