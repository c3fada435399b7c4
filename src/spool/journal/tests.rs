//! The journal on a disk: what is appended is known after a restart, and what is not ours is refused.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::*;
use crate::domain::ids::{ConnectionId, Generation, GrantId};
use crate::domain::journal::GrantHead;
use crate::domain::rotation::Commit;
use crate::domain::secrets::{AccessToken, RefreshToken};
use crate::domain::token::DEFAULT_LIFETIME;
use crate::store::KeyRing;

mod damage;
mod full_disk;
mod keeping;
mod machine;

use machine::Machine;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn key(id: &str) -> String {
    KeyRing::generate(id).expose_secret().to_owned()
}

fn pair(id: &str, generation: i64) -> Record {
    let grant_id = GrantId::new(Uuid::from_u128(1));
    let commit = Commit {
        id: id.parse().unwrap(),
        grant_id,
        generation: Generation(generation),
        access_token: AccessToken::new(format!("access-of-{id}-{generation}")),
        refresh_token: Some(RefreshToken::new(format!("refresh-of-{id}-{generation}"))),
        expires_at: at(7200),
        lifetime: DEFAULT_LIFETIME,
        scope: Some("scopes".into()),
        user: None,
        organization: None,
        foreign_owner: None,
        not_before: None,
    };
    let grant = GrantHead { grant_id, granted_generation: Generation(1), granted_at: at(0), client_id: None };
    Record::Pair { commit: Box::new(commit), grant }
}

fn ids(known: &[(&str, i64)]) -> Vec<(String, i64)> {
    known.iter().map(|(id, generation)| ((*id).to_owned(), *generation)).collect()
}

#[test]
fn the_keys_that_records_were_sealed_with_are_told() {
    let mut machine = Machine::new();
    machine.start().keep(pair("anna", 2));
    let first = machine.keys[0].clone();
    machine.keys = vec![key("k2"), first];
    let running = machine.start();
    assert_eq!(running.keys(), ["k1"]);
    running.keep(pair("anna", 3));
    assert_eq!(running.keys(), ["k1", "k2"]);
}

#[test]
fn what_was_appended_is_known_after_a_restart_the_newest_of_each_connection() {
    let machine = Machine::new();
    assert!(machine.start().known().is_empty());
    let process = machine.start();
    process.keep(pair("anna", 2));
    process.keep(pair("ben", 7));
    process.keep(pair("anna", 4));
    process.keep(pair("anna", 3));
    let id: ConnectionId = "ben".parse().unwrap();
    process.keep(Record::Paused { id: id.clone(), since: Some(at(3)), marker: 6 });
    assert_eq!(process.generations(), ids(&[("anna", 4), ("ben", 7)]), "at once");
    drop(process);

    let known = machine.start().known();

    let anna = known[&"anna".parse().unwrap()].grant.as_ref().unwrap();
    assert_eq!(anna.access_token.as_ref().map(AccessToken::expose), Some("access-of-anna-4"));
    assert_eq!(anna.refresh_token.as_ref().map(RefreshToken::expose), Some("refresh-of-anna-4"));
    assert_eq!((anna.expires_at, anna.head.granted_at), (Some(at(7200)), at(0)));
    assert_eq!(known[&id].paused, Some((Some(at(3)), 6)));
    assert_eq!(known.len(), 2);
    // Once more, with a file before its own.
    machine.start().keep(pair("anna", 5));
    assert_eq!(machine.after_a_restart(), ids(&[("anna", 5), ("ben", 7)]));
}

#[test]
fn many_at_once_are_made_durable_at_once() {
    let machine = Machine::new();
    let process = machine.start();
    process.keep(pair("first", 2));
    let alone = machine.bytes().into_values().next().unwrap().len();
    // While the task reads, appends gather.
    let (go_on, reading) = std::sync::mpsc::sync_channel::<()>(0);
    let visit: Visit = Box::new(move |_| reading.recv().map_err(|error| error.to_string()));
    let receipts = process.runtime.block_on(tokio::task::coop::unconstrained(async {
        let mut reading = std::pin::pin!(process.journal.spool.read(visit));
        assert!(futures_util::poll!(&mut reading).is_pending());
        let appends = (0..300).map(|n| process.journal.append(pair(&format!("c{n}"), 2)));
        let mut appends = std::pin::pin!(futures_util::future::join_all(appends));
        assert!(futures_util::poll!(&mut appends).is_pending());
        go_on.send(()).unwrap();
        reading.await.unwrap();
        appends.await
    }));

    let receipts: Vec<_> = receipts.into_iter().map(Result::unwrap).collect();
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    let bytes = machine.bytes().into_values().next().unwrap();
    let marks = bytes[alone..].windows(4).filter(|window| window == b"grp1").count();
    assert_eq!(marks, 1, "one group, one write to the disk");
    drop(process);
    assert_eq!(machine.after_a_restart().len(), 301);
}

#[test]
fn two_processes_write_into_one_directory() {
    let machine = Machine::new();
    let (one, two) = (machine.start(), machine.start());
    one.keep(pair("anna", 2));
    two.keep(pair("ben", 2));
    one.keep(pair("anna", 3));
    two.keep(pair("ben", 3));
    let both = ids(&[("anna", 3), ("ben", 3)]);
    assert_eq!((one.generations(), two.generations()), (both.clone(), both.clone()));
    assert_eq!(machine.names().len(), 2);
    drop((one, two));
    assert_eq!(machine.after_a_restart(), both);
}

#[test]
fn no_token_stands_on_the_disk_in_plain_text() {
    let machine = Machine::new();
    let process = machine.start();
    process.keep(pair("anna", 2));
    process.keep(pair("ben", 3));
    for (name, bytes) in machine.bytes() {
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("d1"), "{name}: in its first line");
        for secret in ["access-of", "refresh-of", "anna", "ben", "scopes"] {
            assert!(!holds(secret), "{name} holds {secret}");
        }
        assert!(!name.contains("anna"));
    }
}

/// Records are read in the order of the files' names.
#[test]
fn a_clock_that_was_set_back_changes_no_order() {
    let machine = Machine::new();
    let process = machine.start();
    let mut begun = Vec::new();
    for n in 2..5 {
        process.keep(pair("anna", n));
        begun.extend(machine.names().into_iter().filter(|name| !begun.contains(name)).collect::<Vec<_>>());
        machine.clock.pass(Duration::from_secs(60));
        machine.clock.set_back(TimeDelta::hours(1));
    }
    drop(process);
    machine.start().keep(pair("anna", 5));
    begun.extend(machine.names().into_iter().filter(|name| !begun.contains(name)).collect::<Vec<_>>());
    assert_eq!((begun.len(), &begun), (4, &machine.names()));
}
