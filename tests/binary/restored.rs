//! PostgreSQL taken back to a state some commits old: while the keeper runs, and while it is off.

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::Keeper;
use crate::support::postgres::{Postgres, psql};

/// Short enough for refreshes to be seen: one comes after about 4 s.
const LIFETIME: i64 = 8;

/// What a failover to a server that lags behind would lack.
const TABLES: [&str; 3] = ["connections", "fingerprints", "change_marker"];

fn save(url: &str) {
    for table in TABLES {
        psql(url, &format!("CREATE TABLE public.saved_{table} AS TABLE calendly_keeper.{table}"));
    }
}

/// As it was saved, for everybody at once, and no session goes on.
fn take_back(url: &str) {
    let tables = TABLES.map(|table| {
        format!(
            "DELETE FROM calendly_keeper.{table};
             INSERT INTO calendly_keeper.{table} SELECT * FROM public.saved_{table};"
        )
    });
    psql(
        url,
        &format!(
            "BEGIN; {} COMMIT; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            tables.concat()
        ),
    );
}

fn refreshed(keeper: &Keeper, generation: i64) {
    keeper.wait_for(&["connection/anna ", "token refreshed", &format!("generation={generation} ")]);
}

/// Anna's second pair is saved and her fourth is known.
fn with_two_pairs_since(url: &str) -> (Installation, Keeper) {
    let place = on(url, LIFETIME);
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    refreshed(&keeper, 2);
    save(url);
    assert_eq!(psql(url, "SELECT generation FROM public.saved_connections"), "2");
    refreshed(&keeper, 4);
    (place, keeper)
}

fn written_forward_and_goes_on(place: &Installation, keeper: &Keeper) {
    keeper.wait_for(&["what the database lacked was written forward", "written=1 lost=0 refused=0"]);
    refreshed(keeper, 5);
    let anna = place.status("anna");
    assert_eq!(anna["status"], "active");
    let said = keeper.said();
    assert!(!said.contains("database_went_back") && !said.contains("rotation_lost"), "{said}");
    place.assert_nothing_reused();
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_postgresql_that_went_back_while_the_keeper_runs_is_written_forward() {
    let url = Postgres::shared().create_database();
    let (place, keeper) = with_two_pairs_since(&url);
    take_back(&url);
    written_forward_and_goes_on(&place, &keeper);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_postgresql_that_went_back_while_the_keeper_was_off_is_written_forward() {
    let url = Postgres::shared().create_database();
    let (place, keeper) = with_two_pairs_since(&url);
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
    take_back(&url);
    assert_eq!(place.status("anna")["generation"], 2);
    written_forward_and_goes_on(&place, &place.start());
}

/// What neither memory nor the journal knows is said; what is spent is not sent while memory knows that it is.
#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn what_the_journal_does_not_know_either_is_said_and_no_spent_token_is_sent() {
    let url = Postgres::shared().create_database();
    let (place, keeper) = with_two_pairs_since(&url);
    for entry in std::fs::read_dir(place.file("journal")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "spool") {
            std::fs::remove_file(path).unwrap();
        }
    }
    take_back(&url);
    keeper.wait_for(&["fault=database_went_back"]);
    keeper.wait_for(&["connection/anna ", "status=reauthorization_required", "rotation_lost"]);
    place.assert_nothing_reused();
}
