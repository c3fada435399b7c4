//! One row of a batch that the database refuses: the others are durable, and it harms nobody, itself included.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::{DEADLINE, Keeper};
use crate::support::postgres::{Held, Postgres, psql};
use crate::support::wait::until;

const CONNECTIONS: usize = 50;
/// Whose third pair the database does not take.
const REFUSED: &str = "user-7";

/// A database that the test can reach behind the keeper's back.
enum Database {
    Sqlite(SqliteConnection),
    Postgres(String),
}

/// Writes wait as long as it lives.
enum Locked<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres { _held: Held },
}

impl Database {
    fn refuses(&mut self) {
        match self {
            // A trigger, since SQLite's tables get no constraint later; it fails by one.
            Self::Sqlite(db) => db.batch_execute(
                "CREATE TABLE refusal (generation INTEGER NOT NULL CHECK (generation < 3));
                 CREATE TRIGGER refuse BEFORE UPDATE ON connections WHEN NEW.id = 'user-7'
                 BEGIN DELETE FROM refusal; INSERT INTO refusal VALUES (NEW.generation); END",
            ),
            Self::Postgres(url) => {
                psql(
                    url,
                    "ALTER TABLE calendly_keeper.connections
                     ADD CONSTRAINT refuse CHECK (id <> 'user-7' OR generation < 3)",
                );
                Ok(())
            }
        }
        .unwrap();
    }

    fn refuses_no_more(&mut self) {
        match self {
            Self::Sqlite(db) => db.batch_execute("DROP TRIGGER refuse; DROP TABLE refusal").unwrap(),
            Self::Postgres(url) => {
                drop(psql(url, "ALTER TABLE calendly_keeper.connections DROP CONSTRAINT refuse"));
            }
        }
    }

    fn lock(&mut self) -> Locked<'_> {
        match self {
            Self::Sqlite(db) => {
                db.batch_execute("BEGIN IMMEDIATE").unwrap();
                Locked::Sqlite(db)
            }
            Self::Postgres(url) => {
                let held =
                    Postgres::shared().hold(url, "LOCK TABLE calendly_keeper.connections IN SHARE MODE");
                Locked::Postgres { _held: held }
            }
        }
    }

    /// How many rows have come to this generation, or further.
    fn at_least(&mut self, generation: i64) -> i64 {
        match self {
            Self::Sqlite(db) => diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!(
                "SELECT count(*) FROM connections WHERE generation >= {generation}"
            ))
            .get_result(db)
            .unwrap(),
            Self::Postgres(url) => {
                let count = "SELECT count(*) FROM calendly_keeper.connections WHERE generation >=";
                psql(url, &format!("{count} {generation}")).parse().unwrap()
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if let Self::Sqlite(db) = self {
            db.batch_execute("ROLLBACK").unwrap();
        }
    }
}

/// Fifty answers have arrived, and none is in the database yet.
fn with_fifty_answers(place: &Installation, database: &mut Database) -> Keeper {
    let names: Vec<_> = (0..CONNECTIONS).map(|n| format!("user-{n}")).collect();
    place.connect_expired(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let keeper = place.started();
    until("everybody's second pair", DEADLINE, || (database.at_least(2) == 50).then_some(()));
    database.refuses();
    place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    until("fifty exchanges", DEADLINE, || (place.simulator.held() == CONNECTIONS).then_some(()));
    place.simulator.clear_faults();
    let locked = database.lock();
    place.simulator.release();
    until("fifty answers", DEADLINE, || {
        let issued = place.simulator.ledger().issued;
        issued.iter().all(|pair| pair.whole).then_some(())
    });
    drop(locked);
    keeper
}

fn one_of_fifty(place: &Installation, mut database: Database) {
    let keeper = with_fifty_answers(place, &mut database);
    until("the others' third pair", DEADLINE, || (database.at_least(3) == 49).then_some(()));
    let connection = format!("connection/{REFUSED} ");
    keeper.wait_for(&[&connection, "new tokens not committed yet, trying on", "generation=3"]);
    keeper.wait_for(&[&connection, "new tokens are in the journal until the database takes them"]);
    let failed: Vec<_> =
        keeper.lines().into_iter().filter(|line| line.contains("new tokens not committed yet")).collect();
    assert!(failed.iter().all(|line| line.contains(&connection)), "{failed:?}");

    until("the next batch", DEADLINE, || (database.at_least(4) == 49).then_some(()));
    assert!(!keeper.said().contains("system fault"), "{}", keeper.said());
    database.refuses_no_more();
    keeper.wait_for(&[&connection, "token refreshed", "generation=3"]);
    until("its own", DEADLINE, || (database.at_least(3) == 50).then_some(()));
    place.assert_nothing_reused();
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
}

#[test]
fn one_pair_of_fifty_that_sqlite_refuses_is_journalled_and_named_and_the_others_are_durable() {
    let place = Installation::new(20);
    place.run(&["migrate"]).fine();
    let mut db = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    db.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
    one_of_fifty(&place, Database::Sqlite(db));
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn one_pair_of_fifty_that_postgresql_refuses_is_journalled_and_named_and_the_others_are_durable() {
    let url = Postgres::shared().create_database();
    one_of_fifty(&on(&url, 20), Database::Postgres(url));
}
