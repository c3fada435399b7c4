//! Causes that are wrong for all, on real sockets and real databases: recognised, said once, nobody marked, over by itself.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use serde_json::json;

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::{DEADLINE, Keeper};
use crate::support::postgres::{Durability, Postgres, Stop, psql};
use crate::support::wait::until;

const NAMES: [&str; 8] = ["anna", "ben", "carla", "dan", "eva", "finn", "gina", "hugo"];

fn place(lifetime: i64) -> Installation {
    let mut place = Installation::new(lifetime);
    place.set("LOG__STATUS_EVERY", "1s");
    place
}

/// One line says so, and the status line shows it with everybody active.
#[track_caller]
fn recognised(keeper: &Keeper, fault: &str, says: &str) {
    let shown = format!("fault={fault}");
    keeper.wait_for(&["system fault, ", &shown, says]);
    keeper.wait_for(&[" status ", "connections=8 active=8", &shown]);
    let said = keeper.lines().into_iter().filter(|line| line.contains("system fault, "));
    assert_eq!(said.count(), 1, "{}", keeper.said());
}

#[track_caller]
fn over(keeper: &Keeper, fault: &str) {
    keeper.wait_for(&["system fault is over", &format!("fault={fault}")]);
}

/// Everybody has been refreshed, and not one status has changed on the way.
#[track_caller]
fn all_well(place: &Installation, keeper: &Keeper, generation: u64) {
    for name in NAMES {
        let least = |line: &String| {
            let after = line.split("generation=").nth(1);
            let found = after.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            line.contains(&format!("connection/{name} ")) && found >= Some(generation)
        };
        until("everybody refreshed", DEADLINE, || keeper.lines().iter().any(least).then_some(()));
        assert_eq!(place.status(name)["status"], "active");
    }
    let changed = keeper.lines().into_iter().filter(|line| {
        line.contains("connection/") && line.contains(" status=") && !line.contains(" status=active")
    });
    assert_eq!(changed.collect::<Vec<_>>(), Vec::<String>::new());
}

/// Eight connections, all due, and a token endpoint that answers everybody so.
fn calendly(kind: FaultKind, fault: &str, says: &str) {
    let place = place(600);
    place.connect_expired(&NAMES);
    place.simulator.fault(Fault::always(Endpoint::Token, kind)).unwrap();
    let keeper = place.start();
    recognised(&keeper, fault, says);
    let presented = place.simulator.ledger().presented.len();
    assert!(presented <= 30, "{presented} tokens were presented");
    place.simulator.clear_faults();
    over(&keeper, fault);
    all_well(&place, &keeper, 2);
    place.assert_nothing_reused();
}

#[test]
fn html_with_200_is_calendly_failing() {
    calendly(FaultKind::HtmlBefore, "calendly_failing", "");
}

#[test]
fn answers_of_503_are_calendly_failing() {
    let kind = FaultKind::Status { code: 503, body: Some(json!("busy")), headers: Default::default() };
    calendly(kind, "calendly_failing", "");
}

#[test]
fn a_redirect_is_a_wrong_configuration() {
    let kind = FaultKind::Redirect { code: 302, location: "https://example.com/login".into() };
    calendly(kind, "client_refused", "must not redirect");
}

#[test]
fn everybody_told_to_wait_is_everybody_throttled() {
    calendly(FaultKind::RateLimited { retry_after: Some(2), reset: None }, "everybody_throttled", "");
}

#[test]
fn everybody_told_invalid_grant_is_everybody_refused() {
    calendly(FaultKind::InvalidGrantOnce, "everybody_refused", "");
}

/// Nothing is sent to a host that has no address; the right one comes with a restart.
fn mended_by_a_restart(
    place: &mut Installation,
    fault: &str,
    says: &str,
    key: &str,
    wrong: &str,
    right: &str,
) {
    place.connect_expired(&NAMES);
    place.set(key, wrong);
    let keeper = place.start();
    recognised(&keeper, fault, says);
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
    assert!(place.simulator.ledger().presented.iter().all(|shown| !shown.after_whole_answer));

    place.set(key, right);
    let keeper = place.started();
    all_well(place, &keeper, 2);
    place.assert_nothing_reused();
}

#[test]
fn a_name_that_does_not_resolve_is_calendly_unreachable() {
    let mut place = place(600);
    let right = place.simulator.url();
    let (key, wrong) = ("CALENDLY__AUTH_URL", "https://calendly.invalid");
    mended_by_a_restart(&mut place, "calendly_unreachable", "", key, wrong, &right);
}

#[test]
fn a_wrong_client_secret_is_said_and_mended_by_a_restart() {
    let mut place = place(600);
    let right = place.simulator.client_secret().to_owned();
    let says = "check calendly.client_id and calendly.client_secret";
    mended_by_a_restart(&mut place, "client_refused", says, "CALENDLY__CLIENT_SECRET", "wrong", &right);
}

#[test]
fn another_client_id_than_the_grants_is_said_and_sends_nothing() {
    let mut place = place(600);
    let right = place.simulator.client_id().to_owned();
    let says = "configured is another: check calendly.client_id";
    mended_by_a_restart(&mut place, "foreign_client", says, "CALENDLY__CLIENT_ID", "another", &right);
}

/// Eight connections that are refreshed every few seconds, all well so far.
fn busy(place: &Installation) -> Keeper {
    place.connect_expired(&NAMES);
    let keeper = place.started();
    for name in NAMES {
        keeper.wait_for(&[&format!("connection/{name} "), "token refreshed", "generation=2"]);
    }
    keeper
}

fn generation(keeper: &Keeper) -> u64 {
    let lines = keeper.lines();
    let told = lines
        .iter()
        .filter_map(|line| line.split("generation=").nth(1)?.split_whitespace().next()?.parse().ok());
    told.max().unwrap_or_default()
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_postgresql_that_is_down_is_away_until_it_is_back() {
    let server = Postgres::new(Durability::Fast);
    let mut place = on(&server.url(), 8);
    place.set("LOG__STATUS_EVERY", "1s");
    let keeper = busy(&place);
    server.stop(Stop::Immediate);
    recognised(&keeper, "database_away", "");
    server.start();
    over(&keeper, "database_away");
    // After a server's start nobody is exempt from the hold of 90 s: what lives is served, and nothing is sent.
    let presented = place.simulator.ledger().presented.len();
    let lines = keeper.lines().len();
    until("status lines", DEADLINE, || (keeper.lines().len() >= lines + 5).then_some(()));
    let last = keeper.lines().into_iter().rfind(|line| line.contains(" status ")).unwrap();
    assert!(last.contains("connections=8 active=8") && !last.contains("fault="), "{last}");
    assert_eq!(place.simulator.ledger().presented.len(), presented);
    place.assert_nothing_reused();
}

/// The sessions that are there stay read-only after the database takes writes again.
#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_postgresql_that_is_read_only_is_unwritable_until_it_takes_writes() {
    let url = Postgres::shared().create_database();
    let place = on(&url, 8);
    let keeper = busy(&place);
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    psql(&url, &format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on"));
    psql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'calendly-keeper%'",
    );
    keeper.wait_for(&["system fault, ", "fault=database_unwritable", "read-only transaction"]);
    keeper.wait_for(&[" status ", "connections=8 active=8", "fault=database_unwritable"]);
    let then = generation(&keeper);
    psql(
        &Postgres::shared().url(),
        &format!("ALTER DATABASE \"{name}\" RESET default_transaction_read_only"),
    );
    over(&keeper, "database_unwritable");
    all_well(&place, &keeper, then + 1);
    place.assert_nothing_reused();
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_postgresql_that_makes_everybody_wait_is_away_until_it_lets_go() {
    let url = Postgres::shared().create_database();
    let place = on(&url, 8);
    let keeper = busy(&place);
    let lock =
        Postgres::shared().hold(&url, "LOCK TABLE calendly_keeper.connections IN ACCESS EXCLUSIVE MODE");
    recognised(&keeper, "database_away", "no answer for 5 s");
    let then = generation(&keeper);
    drop(lock);
    over(&keeper, "database_away");
    all_well(&place, &keeper, then + 1);
    place.assert_nothing_reused();
}

/// Another program that holds SQLite's lock: the file lock says nothing about it, and is no reason to say that all is well.
#[test]
fn a_sqlite_file_that_another_program_locks_is_away_until_it_lets_go() {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let place = place(8);
    let keeper = busy(&place);
    let mut other = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    other.batch_execute("PRAGMA busy_timeout = 20000; BEGIN EXCLUSIVE").unwrap();
    recognised(&keeper, "database_away", "");
    let then = generation(&keeper);
    let lines = keeper.lines().len();
    until("ten status lines", DEADLINE, || (keeper.lines().len() >= lines + 10).then_some(()));
    assert!(!keeper.said().contains("system fault is over"), "it flaps: {}", keeper.said());
    other.batch_execute("ROLLBACK").unwrap();
    over(&keeper, "database_away");
    all_well(&place, &keeper, then + 1);
    place.assert_nothing_reused();
}

/// The file system to be filled up, for the test that runs once more in a namespace of its own.
const SMALL_DISK: &str = "KEEPER_TEST_SMALL_DISK";

#[test]
#[cfg_attr(
    not(can_mount),
    ignore = "mounts a small disk, which this machine does not let it (unshare --mount)"
)]
fn a_sqlite_on_a_full_disk_is_unwritable_until_there_is_room() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        return on_a_small_disk(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let run = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=4m tmpfs \"$0\" && exec \"$@\"")
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "system_faults::a_sqlite_on_a_full_disk_is_unwritable_until_there_is_room",
            "--nocapture",
        ])
        .env(SMALL_DISK, disk.path())
        .env("TMPDIR", disk.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn on_a_small_disk(disk: &Path) {
    let place = place(8);
    assert!(place.folder().starts_with(disk));
    let keeper = busy(&place);
    let filler = disk.join("filler");
    let fill = || {
        let mut file = File::options().create(true).append(true).open(&filler).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    };
    fill();
    recognised(&keeper, "database_unwritable", "disk is full");
    let then = generation(&keeper);
    std::fs::remove_file(&filler).unwrap();
    over(&keeper, "database_unwritable");
    all_well(&place, &keeper, then + 1);
    place.assert_nothing_reused();
}
