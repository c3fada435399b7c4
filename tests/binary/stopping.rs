//! Ends of the process: asked for, insisted on, and sudden; each in the middle of refreshes.

use std::collections::BTreeSet;
use std::time::Duration;

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, PresentationOutcome};
use rustix::process::Signal;

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::{DEADLINE, Keeper};
use crate::support::postgres::{Postgres, psql};
use crate::support::wait::until;

/// Long enough to be looked at, short enough for the next refresh to be seen: it comes after about 4 s.
const LIFETIME: i64 = 8;

/// A keeper with a refresh of each of these users in flight, taken effect, its answer held back.
pub(crate) fn with_refreshes_in_flight(place: &Installation, users: &[&str]) -> Keeper {
    let keeper = place.started();
    // Slow start: as many at once as there were successes, and one.
    let first: Vec<_> = (1..users.len()).map(|n| format!("first-{n}")).collect();
    place.connect_expired(&first.iter().map(String::as_str).collect::<Vec<_>>());
    for id in &first {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed"]);
    }
    for user in users {
        let grant = place.user(user, -86_400);
        place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold).user(*user)).unwrap();
        place.write(&format!("{user}.jsonl"), &grant.import_line());
        place.run(&["import", &format!("{user}.jsonl")]).fine();
    }
    until("all in flight", DEADLINE, || (place.simulator.held() >= users.len()).then_some(()));
    keeper
}

fn refreshed_again(place: &Installation, keeper: &Keeper, users: &[&str], generation: i64) {
    for user in users {
        let generation = format!("generation={generation}");
        keeper.wait_for(&[&format!("connection/{user} "), "token refreshed", &generation]);
    }
    place.assert_nothing_reused();
}

#[test]
fn a_stop_waits_for_the_refreshes_in_flight_and_keeps_them_all() {
    let place = Installation::new(LIFETIME);
    let users = ["anna", "ben", "carla"];
    let mut keeper = with_refreshes_in_flight(&place, &users);

    keeper.terminate();
    keeper.wait_for(&["asked to stop", "SIGTERM"]);
    keeper.wait_for(&["stopping, no new work", "in_flight="]);
    assert!(keeper.is_running(), "it waits:\n{}", keeper.said());
    place.simulator.clear_faults();
    place.simulator.release();

    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopped unfinished=0"), "{said}");
    for user in users {
        assert_eq!(place.status(user)["generation"], 2, "{said}");
    }
    // What was kept is what lives: the next refreshes are made with it.
    let keeper = place.started();
    refreshed_again(&place, &keeper, &users, 3);
    assert!(!keeper.said().contains("unknown_outcome"), "{}", keeper.said());
}

#[test]
fn a_stop_with_a_thousand_refreshes_in_flight_loses_none() {
    const MANY: usize = 1000;
    let mut place = Installation::new(7200);
    place.set("REFRESH__MAX_CONCURRENT", &MANY.to_string());
    let named = |what: &str| (0..MANY).map(|n| format!("{what}-{n}")).collect::<Vec<_>>();
    let connect = |names: &[String]| {
        place.connect_expired(&names.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let mut keeper = place.started();
    // Slow start: so many at once as there were successes.
    connect(&named("first"));
    until("the slow start's end", DEADLINE, || {
        (place.simulator.counters().rotations >= MANY as u64).then_some(())
    });
    place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    connect(&named("second"));
    until("all in flight", DEADLINE, || (place.simulator.held() >= MANY).then_some(()));

    keeper.terminate();
    keeper.wait_for(&["stopping, no new work", "in_flight=1000"]);
    assert!(keeper.is_running(), "it waits:\n{}", keeper.said());
    place.simulator.clear_faults();
    place.simulator.release();

    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopped unfinished=0"), "{said}");
    let all = place.run(&["status", "--json"]).fine().out;
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    let all = all["connections"].as_array().unwrap();
    assert_eq!(all.len(), 2 * MANY);
    assert!(all.iter().all(|one| one["generation"] == 2 && one["status"] == "active"), "{all:?}");
    place.assert_nothing_reused();
}

#[test]
fn an_idle_keeper_stops_at_once_with_0_on_each_signal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let place = Installation::new(7200);
        place.import(&[place.user("anna", 3600)]);
        let keeper = place.start();
        keeper.wait_for(&["webhook found in Calendly"]);
        keeper.signal(signal);
        let (code, said) = keeper.ended();
        assert_eq!(code, 0, "{said}");
    }
}

/// It ended the process at once, and whatever was in flight with it.
#[test]
fn a_hangup_is_a_stop_in_order_like_the_others() {
    let place = Installation::new(LIFETIME);
    let mut keeper = with_refreshes_in_flight(&place, &["anna"]);
    keeper.signal(Signal::HUP);
    keeper.wait_for(&["asked to stop", "SIGHUP"]);
    assert!(keeper.is_running(), "it waits:\n{}", keeper.said());
    place.simulator.clear_faults();
    place.simulator.release();
    assert_eq!(keeper.ended().0, 0);
    assert_eq!(place.status("anna")["generation"], 2);
}

#[test]
fn a_hangup_that_is_ignored_since_the_start_is_ignored() {
    let mut place = Installation::new(7200);
    place.set("LOG__STATUS_EVERY", "1s");
    place.import(&[place.user("anna", 3600)]);
    let run = place.command(&["run"]);
    let mut nohup = std::process::Command::new("/bin/sh");
    nohup
        .args(["-c", "trap '' HUP; exec \"$0\" run"])
        .arg(env!("CARGO_BIN_EXE_calendly-keeper"))
        .current_dir(place.folder());
    nohup.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut keeper = Keeper::start(&mut nohup);
    keeper.wait_for(&["supervisor", "started"]);
    keeper.signal(Signal::HUP);
    let lines = |keeper: &Keeper| keeper.said().matches("supervisor       status ").count();
    let before = lines(&keeper);
    until("it goes on", DEADLINE, || (lines(&keeper) > before + 1).then_some(()));
    assert!(keeper.is_running());
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert!(code == 0 && said.contains("SIGTERM") && !said.contains("SIGHUP"), "{code}: {said}");
}

#[test]
fn a_second_signal_ends_at_once_with_1_and_says_what_is_open() {
    let place = Installation::new(LIFETIME);
    let mut keeper = with_refreshes_in_flight(&place, &["anna"]);

    keeper.terminate();
    keeper.wait_for(&["asked to stop"]);
    let asked = std::time::Instant::now();
    keeper.terminate();

    until("the end", Duration::from_secs(15), || (!keeper.is_running()).then_some(()));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let (code, said) = keeper.ended();
    assert_eq!(code, 1, "{said}");
    for part in
        ["asked to stop a second time", "in_flight=1", "unfinished=1", "connections=anna", "error: 1 task"]
    {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    assert_eq!(place.status("anna")["generation"], 1);
}

/// It waited for five seconds, and nobody heard the signal.
#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_second_signal_does_not_wait_for_the_timeline() {
    let url = Postgres::shared().create_database();
    let place = on(&url, 7200);
    place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));
    let _locked = Postgres::shared().hold(&url, "LOCK TABLE calendly_keeper.timeline");
    place.simulator.release();
    keeper.wait_for(&["connection/anna", "token refreshed"]);
    keeper.terminate();
    keeper.wait_for(&["stopping, no new work"]);
    let flushed =
        "SELECT count(*) FROM pg_locks WHERE relation = 'calendly_keeper.timeline'::regclass AND NOT granted";
    until("the timeline's last entries wait", DEADLINE, || (psql(&url, flushed) == "1").then_some(()));
    keeper.terminate();
    let (_, said) = keeper.ended();
    assert!(said.contains("asked to stop a second time"), "{said}");
}

#[test]
fn killed_in_an_exchange_that_never_consumed_the_token_the_connection_goes_on() {
    let place = Installation::new(LIFETIME);
    // The answer would come after an hour, and without effect.
    place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Delay { ms: 3_600_000 })).unwrap();
    place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::ResetBefore)).unwrap();
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    until("the exchange", DEADLINE, || (place.simulator.counters().faults_fired > 0).then_some(()));
    keeper.kill();
    place.simulator.clear_faults();

    let keeper = place.start();

    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2", "reason=unknown_outcome"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);
    assert_eq!(place.status("anna")["status"], "active");
    refreshed_again(&place, &keeper, &["anna"], 3);
}

#[test]
fn killed_in_an_exchange_that_consumed_the_token_the_rotation_is_lost_and_called_so() {
    let place = Installation::new(LIFETIME);
    let keeper = with_refreshes_in_flight(&place, &["anna"]);
    keeper.kill();
    place.simulator.clear_faults();
    place.simulator.release();

    let keeper = place.start();

    let line = keeper.wait_for(&["connection/anna", "status=reauthorization_required"]);
    assert!(line.contains("reason=rotation_lost") && line.contains("hint="), "{line}");
    assert_eq!(place.status("anna")["reason"], "rotation_lost");
    let counters = place.simulator.counters();
    assert_eq!(counters.tokens_reused, 1, "asked once more, then never again: {counters:#?}");
    assert_eq!(counters.presented_after_whole_answer, 0);
}

#[test]
fn killed_at_any_moment_while_many_refresh_no_kept_pair_is_lost() {
    let place = Installation::new(LIFETIME);
    let names: Vec<_> = (1..=40).map(|n| format!("user-{n}")).collect();
    place.connect_expired(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for refreshed in [3, 17] {
        let keeper = place.start();
        until("some refreshes", DEADLINE, || {
            (keeper.lines().iter().filter(|line| line.contains("token refreshed")).count() >= refreshed)
                .then_some(())
        });
        keeper.kill();
    }
    let keeper = place.started();
    // Each is refreshed by now or was when it was killed; at most what was in flight at the two ends is in doubt.
    let settled = |name: &str, said: &str| {
        let of_it = format!("connection/{name} ");
        said.lines().any(|line| {
            line.contains(&of_it) && (line.contains("token refreshed") || line.contains("rotation_lost"))
        })
    };
    for name in &names {
        let waited = std::time::Instant::now();
        while !settled(name, &keeper.said()) {
            assert!(waited.elapsed() < DEADLINE, "{name} did not settle:\n{}", keeper.said());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    let said = keeper.said();
    let ledger = place.simulator.ledger();
    let again: BTreeSet<_> = ledger
        .presented
        .iter()
        .filter(|entry| entry.outcome == PresentationOutcome::Reused)
        .filter_map(|entry| entry.user.clone())
        .collect();
    // Whoever presented a spent token had been killed between the spending and the commit, and says so.
    let lost = said.lines().filter(|line| line.contains("reason=rotation_lost")).count();
    assert_eq!(again.len(), lost, "{:#?}\n{said}", ledger.counters);
    assert_eq!(ledger.counters.requests_with_expired_access_token, 0);
    for reason in ["reason=revoked", "reason=dead_on_arrival", "quarantined "] {
        assert!(!said.contains(reason), "{reason}\n{said}");
    }
}
