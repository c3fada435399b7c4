//! Whatever is wrong is one clear message with place, value and remedy, and changes nothing on the disk.

use std::fs;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::installation::Installation;

/// An installation that holds an imported grant.
fn installed() -> Installation {
    let place = Installation::new(60);
    place.connect_expired(&["anna"]);
    place
}

/// `run` ends with 2, says all `parts` in its only error and nothing of `secret`, and leaves every file as it was.
#[track_caller]
fn refused(place: &Installation, parts: &[&str], secret: &str) {
    let before = place.snapshot();
    let ran = place.run(&["run"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "{part:?} not in: {}", ran.err);
    }
    let errors = ran.err.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{}", ran.err);
    assert!(secret.is_empty() || !ran.all().contains(secret), "{}", ran.err);
    let after = place.snapshot();
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "changed: {changed:?}\n{}", ran.err);
    assert_eq!(place.simulator.counters().requests, 0, "Calendly was asked");
}

fn sqlite(place: &Installation, sql: &str) {
    let path = place.file("keeper.db");
    let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    db.batch_execute(sql).unwrap();
}

#[test]
fn wrong_configuration_is_named_with_its_place_its_value_and_a_remedy() {
    for (key, value, parts, secret) in [
        ("LOG__FROMAT", "json", &["log.fromat", "KEEPER__LOG__FROMAT", "log.format"][..], ""),
        (
            "WEBHOOK__VERIFY_EVERY",
            "soon",
            &["webhook.verify_every", "\"soon\"", "KEEPER__WEBHOOK", "15m"],
            "",
        ),
        ("CALENDLY__API_URL", "calendly", &["calendly.api_url", "\"calendly\"", "not a URL"], ""),
        ("DATABASE__URL", "mysql://u:hunter2@h/d", &["database.url", "sqlite://", "postgres://"], "hunter2"),
        (
            "WEBHOOK__CALLBACK_URL",
            "http://app.example/hooks",
            &["webhook.callback_url", "http://app.example/hooks", "https outside loopback"],
            "",
        ),
        ("ENCRYPTION__KEYS", "k1:aHVudGVyMg==", &["encryption.keys", "7 bytes instead of 32"], "aHVudGVyMg"),
        ("CALENDLY__CLIENT_SECRET", "hunter2\nhunter2", &["calendly.client_secret", "control"], "hunter2"),
        ("CALENDLY__CLIENT_SECRET_FILE", "nowhere", &["calendly.client_secret", "nowhere"], ""),
    ] {
        let mut place = installed();
        if key.ends_with("_FILE") {
            place.unset("CALENDLY__CLIENT_SECRET");
        }
        place.set(key, value);
        refused(&place, parts, secret);
    }
}

#[test]
fn a_missing_client_secret_says_how_to_give_it() {
    let mut place = installed();
    place.unset("CALENDLY__CLIENT_SECRET");
    let remedy =
        ["calendly.client_secret", "is missing", "KEEPER__CALENDLY__CLIENT_SECRET", "client_secret_file"];
    refused(&place, &remedy, "");
}

#[test]
fn a_key_that_does_not_open_what_is_stored_is_refused() {
    let mut place = installed();
    let other = place.run(&["keys", "generate"]).fine().out;
    let other = other.trim_end().to_owned();
    place.set("ENCRYPTION__KEYS", &other);
    refused(&place, &["no configured encryption key opens the database", "\"k1\""], &other[3..]);
    place.set("ENCRYPTION__KEYS", &other.replace("k1:", "k2:"));
    refused(&place, &["sealed with the key \"k1\"", "k2"], &other[3..]);
}

#[test]
fn a_key_file_that_is_gone_is_not_made_anew() {
    let place = installed();
    fs::remove_file(place.file("keeper.key")).unwrap();
    refused(&place, &["keeper.key is gone", "put the file back"], "");
}

#[test]
fn a_key_file_that_others_can_read_or_that_is_damaged_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = installed();
    let file = place.file("keeper.key");
    let key = fs::read_to_string(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&place, &["keeper.key", "mode 644", "chmod 600"], key[3..].trim_end());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, &key[..20]).unwrap();
    refused(&place, &["keeper.key", "line 1"], key[3..20].trim_end());
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let place = installed();
    sqlite(&place, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
    refused(&place, &["newer version of calendly-keeper", "29991231000000", "run that version"], "");
}

#[test]
fn a_file_that_is_no_database_and_one_of_another_program_are_left_as_they_are() {
    let place = installed();
    fs::write(place.file("keeper.db"), "id,refresh_token\nanna,r\n").unwrap();
    refused(&place, &["keeper.db", "no SQLite database", "database.url"], "");

    fs::remove_file(place.file("keeper.db")).unwrap();
    sqlite(&place, "CREATE TABLE invoices (id INTEGER)");
    refused(&place, &["keeper.db", "belongs to another program", "database.url"], "");
}

#[test]
fn a_file_that_is_no_database_is_left_alone_where_there_is_no_key_either() {
    let place = Installation::new(60);
    place.write("keeper.db", "something else entirely");
    refused(&place, &["keeper.db", "no SQLite database"], "");
}

#[test]
fn a_damaged_database_is_an_error_and_nothing_is_made_of_it() {
    let place = installed();
    let mut bytes = fs::read(place.file("keeper.db")).unwrap();
    let from = bytes.len() / 4;
    bytes[100..].iter_mut().skip(from.min(2000)).for_each(|byte| *byte = 0x5a);
    fs::write(place.file("keeper.db"), &bytes).unwrap();
    let key = fs::read(place.file("keeper.key")).unwrap();
    let ran = place.run(&["status"]);
    assert_ne!(ran.code, 0, "{}", ran.all());
    assert!(ran.err.contains("error: "), "{}", ran.err);
    assert_eq!(fs::read(place.file("keeper.key")).unwrap(), key);
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once() {
    let mut place = installed();
    place.set("WEBHOOK__VERIFY_EVERY", "soon");
    place.set("LOG__FORMAT", "xml");
    refused(&place, &["2 mistakes", "webhook.verify_every", "log.format"], "");
}
