//! Rows as both databases hold them: portable columns, times in microseconds, tokens sealed.

use diesel::prelude::*;

use super::schema::{connections, fingerprints, gaps, notices, subscriptions, timeline};

/// What is read of a connection. Its refresh token is not in it: only a claim returns that.
#[derive(Queryable, Selectable)]
#[diesel(table_name = connections)]
pub(super) struct ConnectionRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) granted_generation: i64,
    pub(super) granted_at: i64,
    pub(super) client_id: Option<String>,
    pub(super) access_token: Option<Vec<u8>>,
    pub(super) refresh_fingerprint: Vec<u8>,
    pub(super) expires_at: Option<i64>,
    pub(super) lifetime: i64,
    pub(super) scope: Option<String>,
    pub(super) calendly_user: Option<String>,
    pub(super) calendly_organization: Option<String>,
    pub(super) foreign_owner: Option<String>,
    pub(super) refused_reason: Option<String>,
    pub(super) refused_since: Option<i64>,
    pub(super) webhook_state: String,
    pub(super) webhook_reason: Option<String>,
    pub(super) webhook_since: i64,
    pub(super) webhook_verified_at: Option<i64>,
    pub(super) webhook_uri: Option<String>,
    pub(super) paused_since: Option<i64>,
    pub(super) quarantined_since: Option<i64>,
    pub(super) quarantine_reason: Option<String>,
    pub(super) claim_id: Option<String>,
    pub(super) claim_holder: Option<String>,
    pub(super) claim_at: Option<i64>,
    pub(super) unknown_since: Option<i64>,
    pub(super) attempts: i64,
    pub(super) next_attempt_at: Option<i64>,
    pub(super) deleted_at: Option<i64>,
    pub(super) changed: i64,
}

/// What a new grant writes. The rest of the row starts empty, or stays: a pause is none of a grant's business.
#[derive(Clone, Insertable)]
#[diesel(table_name = connections)]
pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) granted_generation: i64,
    pub(super) granted_at: i64,
    pub(super) client_id: Option<String>,
    pub(super) access_token: Option<Vec<u8>>,
    pub(super) refresh_token: Option<Vec<u8>>,
    pub(super) refresh_fingerprint: Vec<u8>,
    pub(super) expires_at: Option<i64>,
    pub(super) lifetime: i64,
    pub(super) scope: Option<String>,
    pub(super) calendly_user: Option<String>,
    pub(super) calendly_organization: Option<String>,
    pub(super) webhook_state: &'static str,
    pub(super) webhook_since: i64,
    pub(super) changed: i64,
}

/// What is known about an id before a grant is decided on.
#[derive(Queryable, Selectable)]
#[diesel(table_name = connections)]
pub(super) struct ExistingRow {
    pub(super) id: String,
    pub(super) generation: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) refresh_fingerprint: Vec<u8>,
    pub(super) deleted_at: Option<i64>,
    pub(super) granted_at: i64,
    pub(super) claim_id: Option<String>,
}

/// How far a row has come, tombstones too.
#[derive(Queryable, Selectable)]
#[diesel(table_name = connections)]
pub(super) struct StoredRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) granted_at: i64,
    pub(super) generation: i64,
    pub(super) granted_generation: i64,
    pub(super) refused_reason: Option<String>,
    pub(super) deleted_at: Option<i64>,
    pub(super) changed: i64,
}

/// Whose token it is or was.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = fingerprints)]
pub(super) struct FingerprintRow {
    pub(super) fingerprint: Vec<u8>,
    pub(super) connection_id: String,
}

/// A subscription that the keeper made or found; `calendly_user` is empty for a whole organization's.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = subscriptions, treat_none_as_null = true)]
pub(super) struct SubscriptionRow {
    pub(super) calendly_organization: String,
    pub(super) calendly_user: String,
    pub(super) callback: String,
    pub(super) uri: String,
    pub(super) verified_at: Option<i64>,
    pub(super) retry_started_at: Option<i64>,
}

/// A line of the ledger.
#[derive(Insertable)]
#[diesel(table_name = gaps)]
pub(super) struct GapRow {
    pub(super) connection_id: String,
    pub(super) from_at: i64,
    pub(super) opened_at: i64,
    pub(super) reason: String,
}

/// A line of the ledger that is not closed.
#[derive(Queryable, Selectable)]
#[diesel(table_name = gaps)]
pub(super) struct OpenGapRow {
    pub(super) id: i64,
    pub(super) connection_id: String,
    pub(super) from_at: i64,
    pub(super) opened_at: i64,
    pub(super) reason: String,
    pub(super) since_at: Option<i64>,
    pub(super) began_at: Option<i64>,
    pub(super) reached_at: Option<i64>,
    pub(super) found: i64,
}

/// How far a backfill has come.
#[derive(AsChangeset)]
#[diesel(table_name = gaps, treat_none_as_null = true)]
pub(super) struct ProgressRow {
    pub(super) since_at: Option<i64>,
    pub(super) began_at: Option<i64>,
    pub(super) reached_at: Option<i64>,
}

/// A timeline's entry.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = timeline)]
pub(super) struct EntryRow {
    pub(super) connection_id: String,
    pub(super) at: i64,
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) detail: String,
}

/// What was announced about a subject, and what is to be sent.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notices, treat_none_as_null = true)]
pub(super) struct NoticeRow {
    pub(super) subject: String,
    pub(super) told: Option<String>,
    pub(super) told_at: Option<i64>,
    pub(super) reminders: i64,
    pub(super) open_id: Option<String>,
    pub(super) open_kind: Option<String>,
    pub(super) open_at: Option<i64>,
    pub(super) attempts: i64,
    pub(super) next_at: Option<i64>,
    pub(super) reached: i64,
    pub(super) changes: i64,
    pub(super) reminder: i64,
    pub(super) seen: Option<String>,
    pub(super) since_at: Option<i64>,
    pub(super) recent: String,
    pub(super) withheld: i64,
}

/// A webhook fact, to be set on several connections.
#[derive(Clone, AsChangeset)]
#[diesel(table_name = connections, treat_none_as_null = true)]
pub(super) struct WebhookRow {
    pub(super) webhook_state: &'static str,
    pub(super) webhook_reason: Option<String>,
    pub(super) webhook_since: i64,
    pub(super) webhook_verified_at: Option<i64>,
    pub(super) webhook_uri: Option<String>,
}

/// A claim asked for.
#[derive(Clone)]
pub(super) struct ClaimRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) claim_id: String,
    pub(super) holder: String,
    pub(super) at: i64,
    pub(super) seize: Option<String>,
}

/// A claim granted.
#[derive(Clone, Queryable)]
pub(super) struct ClaimedRow {
    pub(super) refresh_token: Option<Vec<u8>>,
    pub(super) client_id: Option<String>,
    pub(super) unknown_since: Option<i64>,
}

/// A row's tokens as they are sealed.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = connections)]
pub(super) struct SealedRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) access_token: Option<Vec<u8>>,
    pub(super) refresh_token: Option<Vec<u8>>,
}

/// A pair to be kept.
#[derive(Clone)]
pub(super) struct CommitRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) access_token: Vec<u8>,
    /// Sealed, with its fingerprint; `None` where the old one stays.
    pub(super) refresh_token: Option<(Vec<u8>, Vec<u8>)>,
    /// The row must have come so far: an older one's refresh token is not the one that stays.
    pub(super) at_least: i64,
    pub(super) expires_at: i64,
    pub(super) lifetime: i64,
    pub(super) scope: Option<String>,
    pub(super) calendly_user: Option<String>,
    pub(super) calendly_organization: Option<String>,
    pub(super) foreign_owner: Option<String>,
    pub(super) not_before: Option<i64>,
}

/// A claim given back.
#[derive(Clone)]
pub(super) struct ReleaseRow {
    pub(super) id: String,
    pub(super) claim_id: String,
    pub(super) unknown_since: Option<i64>,
    pub(super) attempts: i64,
    pub(super) next_attempt_at: i64,
}

/// A grant refused.
#[derive(Clone)]
pub(super) struct RefuseRow {
    pub(super) id: String,
    pub(super) grant_id: String,
    pub(super) generation: i64,
    pub(super) reason: &'static str,
    pub(super) at: i64,
}
