//! The rotation journal, as the process uses it: what the database does not take is there after a kill or a stop.

use std::fs;
use std::path::{Path, PathBuf};

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::{DEADLINE, Keeper};
use crate::support::postgres::{Durability, Postgres, Stop};
use crate::support::wait::until;

/// The SQLite file, locked by another program as long as this lives.
fn locked(place: &Installation) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 20000; BEGIN EXCLUSIVE").unwrap();
    connection
}

/// A keeper whose exchange for `anna` was answered with a pair that `away` kept from the database.
fn with_a_pair_in_hand(place: &Installation, away: impl FnOnce()) -> Keeper {
    place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));
    away();
    place.simulator.release();
    keeper.wait_for(&["connection/anna", "new tokens not committed yet"]);
    keeper.wait_for(&["connection/anna", "new tokens are in the journal"]);
    keeper
}

/// What was written forward is the living pair, and nothing spent was presented.
fn assert_kept(place: &Installation) {
    let anna = place.status("anna");
    assert_eq!((&anna["status"], &anna["generation"]), (&"active".into(), &2.into()));
    let living = place.simulator.current_grant("anna").unwrap();
    let facts = place.simulator.refresh_token_facts(&living.refresh_token).unwrap();
    assert_eq!((facts.generation, facts.presented), (2, 0));
    place.assert_nothing_reused();
}

fn files(place: &Installation) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(place.file("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn killed_while_sqlite_takes_nothing_the_pair_is_in_the_journal() {
    let place = Installation::new(600);
    let mut other = None;
    let keeper = with_a_pair_in_hand(&place, || other = Some(locked(&place)));
    keeper.kill();
    drop(other);

    let next = place.start();
    next.wait_for(&["what the database lacked was written forward", "written=1"]);
    next.wait_for(&["started", "connections=1", "active=1"]);
    assert_kept(&place);
}

#[test]
fn who_stands_by_on_the_same_data_directory_finds_what_the_one_that_was_killed_has_journalled() {
    let place = Installation::new(600);
    let (mut second, mut other) = (None, None);
    let keeper = with_a_pair_in_hand(&place, || {
        let standing_by = place.start();
        standing_by.wait_for(&["standing by, another keeper works"]);
        second = Some(standing_by);
        other = Some(locked(&place));
    });
    keeper.kill();
    drop(other);

    let second = second.unwrap();
    second.wait_for(&["started", "connections=1", "active=1"]);
    second.wait_for(&["what the database lacked was written forward", "written=1"]);
    assert_kept(&place);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn killed_and_started_again_while_postgresql_is_down_the_pair_is_there_when_it_is_back() {
    let server = Postgres::new(Durability::Durable);
    let place = on(&server.create_database(), 600);
    let keeper = with_a_pair_in_hand(&place, || server.stop(Stop::Immediate));
    keeper.kill();

    let next = place.start();
    next.wait_for(&["waiting for the database"]);
    server.start();
    next.wait_for(&["what the database lacked was written forward", "written=1"]);
    next.wait_for(&["started", "connections=1", "active=1"]);
    assert_kept(&place);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn stopped_while_postgresql_is_down_the_pair_is_left_to_the_next_start() {
    let server = Postgres::new(Durability::Durable);
    let place = on(&server.create_database(), 600);
    let keeper = with_a_pair_in_hand(&place, || server.stop(Stop::Immediate));
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert!(code == 0 && said.contains("are in the journal") && said.contains("pairs=1"), "{code}: {said}");

    server.start();
    let next = place.start();
    next.wait_for(&["what the database lacked was written forward", "written=1"]);
    next.wait_for(&["started", "connections=1", "active=1"]);
    assert_kept(&place);
}

#[test]
fn a_sqlite_file_that_was_restored_is_told_once_at_the_start() {
    let place = Installation::new(600);
    place.connect_expired(&["anna"]);
    let before = fs::read(place.file("keeper.db")).unwrap();
    let keeper = place.started();
    let noted = || fs::read(place.file("journal").join("reached")).ok();
    let first = until("the first note", DEADLINE, noted);
    keeper.wait_for(&["connection/anna", "token refreshed"]);
    until("how far the database has come is noted", DEADLINE, || noted().filter(|note| *note != first));
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
    for again in ["keeper.db-wal", "keeper.db-shm"] {
        drop(fs::remove_file(place.file(again)));
    }
    fs::write(place.file("keeper.db"), before).unwrap();

    let next = place.started();
    next.wait_for(&["fault=database_went_back", "generations that the journal does not know"]);
    next.terminate();
    let (_, said) = next.ended();
    assert_eq!(said.matches("generations that the journal does not know").count(), 1, "{said}");
}

/// What is in it may be the only living tokens of some users.
#[test]
fn a_journal_that_is_not_this_database_s_or_was_cut_ends_the_start_with_2_and_is_left_as_it_is() {
    let place = Installation::new(600);
    let mut other = None;
    let keeper = with_a_pair_in_hand(&place, || other = Some(locked(&place)));
    keeper.kill();
    drop(other);
    let (file, whole) = files(&place).remove(0);
    let refused = |place: &Installation, file: &Path, text: &[u8], why: &str, remedy: &str| {
        fs::write(file, text).unwrap();
        let ran = place.run(&["run"]);
        assert!(ran.code == 2 && ran.err.contains(why), "{}: {}", ran.code, ran.err);
        assert!(ran.err.contains(file.file_name().unwrap().to_str().unwrap()), "{}", ran.err);
        let way_out =
            "if it is not needed, move it away and start again (pairs that only it holds are lost then)";
        assert!(ran.err.contains(&format!("{remedy}; {way_out}")), "{}", ran.err);
        assert_eq!(fs::read(file).unwrap(), text, "changed");
    };
    refused(
        &place,
        &file,
        &whole[..20],
        "its beginning was cut off",
        "put back a whole copy where there is one",
    );

    let elsewhere = Installation::new(600);
    elsewhere.connect_expired(&["ben"]);
    let once = elsewhere.started();
    once.wait_for(&["connection/ben", "token refreshed"]);
    once.terminate();
    assert_eq!(once.ended().0, 0);
    let foreign = elsewhere.file("journal").join(file.file_name().unwrap());
    let together = "give database.url and data_dir that belong together";
    refused(&elsewhere, &foreign, &whole, "belongs to another database", together);

    fs::write(&file, &whole).unwrap();
    place.start().wait_for(&["what the database lacked was written forward", "written=1"]);
    assert_kept(&place);
}
