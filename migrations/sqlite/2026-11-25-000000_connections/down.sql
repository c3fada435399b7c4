DROP VIEW connections_readable;
DROP TABLE timeline;
DROP TABLE gaps;
DROP TABLE subscriptions;
DROP TABLE meta;
DROP TABLE change_marker;
DROP TABLE fingerprints;
DROP TABLE connections;
