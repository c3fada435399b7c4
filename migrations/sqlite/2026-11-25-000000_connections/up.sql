-- Times are microseconds since 1970 in UTC, tokens are sealed with the key ring.

CREATE TABLE connections (
    id TEXT PRIMARY KEY NOT NULL,
    grant_id TEXT NOT NULL,
    generation BIGINT NOT NULL CHECK (generation > 0), -- counts rotations and grants; never goes back, not even over a deletion
    granted_generation BIGINT NOT NULL, -- the generation with which this grant began
    granted_at BIGINT NOT NULL,
    client_id TEXT,
    access_token BLOB, -- sealed
    refresh_token BLOB, -- sealed; NULL in a tombstone
    refresh_fingerprint BLOB NOT NULL, -- of the refresh token, or of the last one
    expires_at BIGINT,
    lifetime BIGINT NOT NULL CHECK (lifetime > 0), -- seconds
    scope TEXT,
    calendly_user TEXT,
    calendly_organization TEXT,
    foreign_owner TEXT,
    refused_reason TEXT, -- NULL while the grant lives
    refused_since BIGINT,
    webhook_state TEXT NOT NULL,
    webhook_reason TEXT,
    webhook_since BIGINT NOT NULL,
    webhook_verified_at BIGINT,
    webhook_uri TEXT,
    paused_since BIGINT,
    quarantined_since BIGINT,
    quarantine_reason TEXT,
    claim_id TEXT,
    claim_holder TEXT,
    claim_at BIGINT,
    unknown_since BIGINT, -- since when the refresh token may have been consumed
    attempts BIGINT NOT NULL DEFAULT 0, -- failed ones in a row
    next_attempt_at BIGINT,
    deleted_at BIGINT, -- a tombstone
    changed BIGINT NOT NULL -- the marker of the latest grant, deletion or pause
);
CREATE INDEX connections_changed ON connections (changed);

-- Every refresh token ever held, as a keyed fingerprint: one token never serves two connections.
CREATE TABLE fingerprints (
    fingerprint BLOB PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL
) WITHOUT ROWID;

-- One row. Whoever changes a grant counts it up first, so its row lock makes the order of commits the order of markers.
CREATE TABLE change_marker (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    marker BIGINT NOT NULL
);
INSERT INTO change_marker (id, marker) VALUES (1, 0);

-- What the key ring guards itself with: the key of the fingerprints, sealed.
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
);

-- calendly_user is empty for a whole organization's subscription.
CREATE TABLE subscriptions (
    calendly_organization TEXT NOT NULL,
    calendly_user TEXT NOT NULL,
    callback TEXT NOT NULL,
    uri TEXT NOT NULL,
    verified_at BIGINT,
    retry_started_at BIGINT,
    PRIMARY KEY (calendly_organization, calendly_user, callback)
);

-- The ledger of times in which events may have been lost; only a counted backfill closes a row.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    closed_at BIGINT,
    UNIQUE (connection_id, from_at, opened_at, reason)
);

CREATE TABLE timeline (
    id INTEGER PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    detail TEXT NOT NULL -- JSON
);
CREATE INDEX timeline_of_a_connection ON timeline (connection_id, at, id);

-- For people.
CREATE VIEW connections_readable AS
SELECT id, generation, grant_id,
    datetime(granted_at / 1000000, 'unixepoch') AS granted_at,
    datetime(expires_at / 1000000, 'unixepoch') AS expires_at,
    datetime(refused_since / 1000000, 'unixepoch') AS refused_since,
    datetime(paused_since / 1000000, 'unixepoch') AS paused_since,
    datetime(quarantined_since / 1000000, 'unixepoch') AS quarantined_since,
    datetime(webhook_since / 1000000, 'unixepoch') AS webhook_since,
    datetime(webhook_verified_at / 1000000, 'unixepoch') AS webhook_verified_at,
    datetime(claim_at / 1000000, 'unixepoch') AS claim_at,
    datetime(unknown_since / 1000000, 'unixepoch') AS unknown_since,
    datetime(next_attempt_at / 1000000, 'unixepoch') AS next_attempt_at,
    datetime(deleted_at / 1000000, 'unixepoch') AS deleted_at,
    refused_reason, quarantine_reason, webhook_state, webhook_reason, webhook_uri, claim_holder, attempts,
    client_id, scope, calendly_user, calendly_organization, foreign_owner
FROM connections;
