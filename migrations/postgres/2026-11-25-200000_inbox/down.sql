DROP INDEX connections_of_a_user;
DROP TABLE consumers;
DROP TABLE event_attempts;
DROP TABLE event_places;
DROP TABLE events;
