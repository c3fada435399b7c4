-- How far the backfill of a gap has come. Its place is a start time of meetings: a page token goes stale within a minute.
ALTER TABLE gaps ADD COLUMN since_at BIGINT; -- the second look: what changed from then on
ALTER TABLE gaps ADD COLUMN began_at BIGINT; -- when this look began; NULL: not yet
ALTER TABLE gaps ADD COLUMN reached_at BIGINT; -- meetings that start before then are done
ALTER TABLE gaps ADD COLUMN found BIGINT NOT NULL DEFAULT 0;
CREATE INDEX gaps_open ON gaps (id) WHERE closed_at IS NULL;
