-- Times are microseconds since 1970 in UTC, tokens are sealed with the key ring.

CREATE TABLE connections (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    grant_id TEXT NOT NULL,
    generation BIGINT NOT NULL CHECK (generation > 0), -- counts rotations and grants; never goes back, not even over a deletion
    granted_generation BIGINT NOT NULL, -- the generation with which this grant began
    granted_at BIGINT NOT NULL,
    client_id TEXT,
    access_token BYTEA, -- sealed
    refresh_token BYTEA, -- sealed; NULL in a tombstone
    refresh_fingerprint BYTEA NOT NULL, -- of the refresh token, or of the last one
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
) WITH (fillfactor = 45); -- room in each page for a claim and a commit, which then touch no index
CREATE INDEX connections_changed ON connections (changed);

-- Every refresh token ever held, as a keyed fingerprint: one token never serves two connections.
CREATE TABLE fingerprints (
    fingerprint BYTEA PRIMARY KEY NOT NULL,
    connection_id TEXT NOT NULL
);

-- One row. Whoever changes a grant counts it up first, so its row lock makes the order of commits the order of markers.
CREATE TABLE change_marker (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    marker BIGINT NOT NULL
);
INSERT INTO change_marker (id, marker) VALUES (1, 0);

-- What the key ring guards itself with: the key of the fingerprints, sealed.
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value BYTEA NOT NULL
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
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    connection_id TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    closed_at BIGINT,
    UNIQUE (connection_id, from_at, opened_at, reason)
);

CREATE TABLE timeline (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    connection_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    detail TEXT NOT NULL -- JSON
);
CREATE INDEX timeline_of_a_connection ON timeline (connection_id, at, id);

-- Who last worked: decides whether the next one that gets the keeper lock must hold it for a while first.
CREATE TABLE instances (
    id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    last_worked_at BIGINT NOT NULL,
    hold_completed_at BIGINT NOT NULL,
    clean BOOLEAN NOT NULL, -- stopped with nothing in flight and nothing uncommitted
    server_started_at BIGINT NOT NULL,
    server_timeline BIGINT, -- NULL where it may not be asked
    -- Its journal may hold pairs that are not in here: what it has claimed waits for it, nearly as long as the old token lives.
    journal_open BOOLEAN NOT NULL
);

-- For people.
CREATE VIEW connections_readable AS
SELECT id, generation, grant_id,
    to_timestamp(granted_at / 1000000.0) AS granted_at,
    to_timestamp(expires_at / 1000000.0) AS expires_at,
    to_timestamp(refused_since / 1000000.0) AS refused_since,
    to_timestamp(paused_since / 1000000.0) AS paused_since,
    to_timestamp(quarantined_since / 1000000.0) AS quarantined_since,
    to_timestamp(webhook_since / 1000000.0) AS webhook_since,
    to_timestamp(webhook_verified_at / 1000000.0) AS webhook_verified_at,
    to_timestamp(claim_at / 1000000.0) AS claim_at,
    to_timestamp(unknown_since / 1000000.0) AS unknown_since,
    to_timestamp(next_attempt_at / 1000000.0) AS next_attempt_at,
    to_timestamp(deleted_at / 1000000.0) AS deleted_at,
    refused_reason, quarantine_reason, webhook_state, webhook_reason, webhook_uri, claim_holder, attempts,
    client_id, scope, calendly_user, calendly_organization, foreign_owner
FROM connections;
