-- Events until the application has them, and for a while after. A row outlives its body: it is what a repetition is
-- recognised by.
CREATE TABLE events (
    ordinal BIGINT PRIMARY KEY NOT NULL, -- given in the order of commits, so that no cursor passes one
    id TEXT COLLATE "C" NOT NULL UNIQUE, -- derived from what it is
    connection_id TEXT COLLATE "C" NOT NULL, -- empty: nobody's, and no event
    event TEXT NOT NULL, -- empty: no event
    line TEXT COLLATE "C" NOT NULL, -- what stands in one line is relayed one after the other
    occurred_at BIGINT,
    received_at BIGINT NOT NULL,
    queued_at BIGINT NOT NULL, -- received, or replayed: giving up goes by its age
    backfilled BIGINT NOT NULL, -- 1: found by a backfill
    signature TEXT, -- Calendly's header
    content_type TEXT, -- Calendly's header
    state TEXT NOT NULL, -- pending, delivered, dead, kept
    next_at BIGINT, -- when it is relayed next; NULL where it is not pending
    attempts BIGINT NOT NULL,
    settled_at BIGINT, -- delivered or dead since; of what is kept only, received
    body BYTEA -- byte for byte; NULL once it was erased; last, since what stands behind a large value is slow to read
);
CREATE INDEX events_due ON events (next_at, ordinal, queued_at) WHERE next_at IS NOT NULL;
CREATE INDEX events_in_line ON events (line, ordinal) WHERE next_at IS NOT NULL;
CREATE INDEX events_dead ON events (settled_at) WHERE state = 'dead';
CREATE INDEX events_to_erase ON events (settled_at) WHERE body IS NOT NULL;
CREATE INDEX events_erased ON events (received_at) WHERE body IS NULL;
CREATE INDEX events_of_a_connection ON events (connection_id, ordinal);

-- One row. Whoever adds events counts it up first, so its row lock makes the order of commits the order of places.
CREATE TABLE event_places (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    last BIGINT NOT NULL
);
INSERT INTO event_places (id, last) VALUES (1, 0);

-- Each time that an event was sent to the application.
CREATE TABLE event_attempts (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    ordinal BIGINT NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT, -- of the answer; NULL where there was none
    error TEXT,
    took BIGINT NOT NULL -- microseconds
);
CREATE INDEX attempts_of_an_event ON event_attempts (ordinal);

-- How far each one who fetches events has come.
CREATE TABLE consumers (
    name TEXT PRIMARY KEY NOT NULL,
    acknowledged BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Whose a delivery is, is asked by the Calendly user. SQLite has no such index: it would write it anew at each commit.
CREATE INDEX connections_of_a_user ON connections (calendly_user) WHERE deleted_at IS NULL;
