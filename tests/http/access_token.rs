//! Tokens for the application.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};

use crate::api::Served;
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::wait::until;

#[test]
fn an_application_gets_a_living_token_with_its_end_and_scopes() {
    let served = Served::with(&["anna"]);
    let answer = served.api.get("/v1/connections/anna/access-token").is(200);
    let current = served.place.simulator.current_grant("anna").unwrap();
    assert_eq!(answer.body["access_token"], current.access_token.as_str());
    assert_eq!((&answer.body["token_type"], &answer.body["generation"]), (&"Bearer".into(), &1.into()));
    assert!(answer.body["scopes"].as_array().unwrap().contains(&"webhooks:write".into()));
    assert_eq!(answer.body["missing_scopes"], serde_json::json!([]));
    assert!(answer.body["expires_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(served.place.simulator.counters().rotations, 0, "it lives: nothing is refreshed");
}

#[test]
fn a_token_that_ends_too_soon_is_refreshed_first_and_one_longer_than_any_is_asked_for_once() {
    let served = Served::with(&["anna"]);
    let first = served.api.get("/v1/connections/anna/access-token?min_ttl=90m").is(200);
    assert_eq!(first.body["generation"], 2, "it had an hour left");
    let again = served.api.get("/v1/connections/anna/access-token?min_ttl=90m").is(200);
    assert_eq!(again.body["generation"], 2);
    for _ in 0..3 {
        let more_than_any = served.api.get("/v1/connections/anna/access-token?min_ttl=30d").is(200);
        assert_eq!(more_than_any.body["generation"], 2, "it is fresh");
    }
    assert_eq!(served.place.simulator.counters().rotations, 1);
}

#[test]
fn a_thousand_callers_for_one_token_that_ended_share_one_refresh() {
    let place = Installation::new(7200);
    let grant = place.user("anna", 3600);
    place.import(&[grant]);
    let served = Served::start(place);
    let late = Fault::always(Endpoint::Token, FaultKind::DelayAnswer { ms: 300 });
    served.place.simulator.fault(late).unwrap();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let api = served.api.clone();
            let call = move || {
                api.get("/v1/connections/anna/access-token?rejected=1").is(200).body["generation"].clone()
            };
            std::thread::Builder::new().stack_size(256 * 1024).spawn(call).unwrap()
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), 2);
    }
    assert_eq!(served.place.simulator.counters().rotations, 1);
    served.place.assert_nothing_reused();
}

#[test]
fn what_calendly_refused_is_not_given_again() {
    let served = Served::with(&["anna"]);
    let first = served.api.get("/v1/connections/anna/access-token").is(200);
    let second = served.api.get("/v1/connections/anna/access-token?rejected=1").is(200);
    assert_ne!(first.body["access_token"], second.body["access_token"]);
    let third = served.api.get("/v1/connections/anna/access-token?rejected=1").is(200);
    assert_eq!(third.body, second.body, "that one is gone already");
    assert_eq!(served.place.simulator.counters().rotations, 1);
}

#[test]
fn a_caller_may_wait_for_the_next_generation() {
    let served = Served::with(&["anna"]);
    let none = served.api.get("/v1/connections/anna/access-token?wait=100ms&after=1").is(204);
    assert!(none.text.is_empty());
    let waiting = std::thread::spawn({
        let api = served.api.clone();
        move || api.get("/v1/connections/anna/access-token?wait=30s&after=1")
    });
    served.api.post("/v1/connections/anna/refresh").is(200);
    let came = waiting.join().unwrap().is(200);
    assert_eq!(came.body["generation"], 2);
    served.api.get("/v1/connections/anna/access-token?wait=30s&after=1").is(200);
    for wrong in [
        "wait=30s",
        "after=1",
        "wait=61s&after=1",
        "wait=x&after=1",
        "wait=1s&after=1&rejected=1",
        "mint_ttl=5m",
    ] {
        served
            .api
            .get(&format!("/v1/connections/anna/access-token?{wrong}"))
            .fails_with(400, "invalid-request");
    }
}

#[test]
fn while_calendly_is_down_the_living_token_is_served_at_once_and_an_ended_one_is_announced() {
    let place = Installation::new(7200);
    place.import(&[place.user("anna", 3600), place.user("ben", 5)]);
    place
        .simulator
        .fault(Fault::always(
            Endpoint::Token,
            FaultKind::Status { code: 503, body: None, headers: BTreeMap::new() },
        ))
        .unwrap();
    let served = Served::start(place);
    let started = Instant::now();
    let anna = served.api.get("/v1/connections/anna/access-token").is(200);
    assert_eq!(anna.body["generation"], 1);
    assert!(started.elapsed() < Duration::from_secs(2), "nothing of hers is under way");
    let gone = until("ben's token has ended", DEADLINE, || {
        let answer = served.api.get("/v1/connections/ben/access-token");
        (answer.status != 200).then_some(answer)
    });
    let gone = gone.fails_with(503, "token-unavailable");
    assert!(gone.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn who_revoked_has_to_connect_again_and_what_is_paused_ends() {
    let served = Served::with(&["anna", "ben", "carla"]);
    served.place.simulator.revoke_grant("anna").unwrap();
    served.api.post("/v1/connections/anna/refresh");
    served.keeper.wait_for(&["connection/anna", "reauthorization_required"]);
    let answer =
        served.api.get("/v1/connections/anna/access-token").fails_with(409, "reauthorization-required");
    assert!(answer.body["detail"].as_str().unwrap().contains("POST /v1/connect"));
    served.api.post("/v1/connections/ben/pause").is(200);
    let living = served.api.get("/v1/connections/ben/access-token").is(200).body["generation"].clone();
    served.api.get(&format!("/v1/connections/ben/access-token?wait=100ms&after={living}")).is(204);
    served.api.get(&format!("/v1/connections/ben/access-token?rejected={living}")).fails_with(409, "paused");
    served.api.get("/v1/connections/nobody/access-token").fails_with(404, "unknown-connection");
}
