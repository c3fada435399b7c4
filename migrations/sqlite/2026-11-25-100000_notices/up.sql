-- What was announced about a connection or a system fault, and what is to be sent. One row for each with something to say,
-- so that a receiver that is away fills no disk.
CREATE TABLE notices (
    subject TEXT PRIMARY KEY NOT NULL, -- connection/ID or system/FAULT
    told TEXT, -- what the receiver holds to be wrong
    told_at BIGINT,
    reminders BIGINT NOT NULL,
    open_id TEXT, -- the webhook-id of the notice on its way; NULL where there is none
    open_kind TEXT,
    open_at BIGINT,
    attempts BIGINT NOT NULL,
    next_at BIGINT,
    reached BIGINT NOT NULL, -- 1: it may have arrived
    changes BIGINT NOT NULL, -- that it sums up
    reminder BIGINT NOT NULL,
    seen TEXT, -- what was last seen to be wrong
    since_at BIGINT,
    recent TEXT NOT NULL, -- when notices were sent in the last hour, separated by commas
    withheld BIGINT NOT NULL
);
