//! What a connect flow leaves where: no secret in the clear, and after a kill or a stop nothing at all.

use std::collections::BTreeMap;

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use serde_json::json;

use crate::api::Api;
use crate::browser::{connecting, parameter, with};

#[test]
fn no_code_state_ticket_or_token_is_said_or_stored_in_the_clear() {
    let served = connecting(|place| place.variable("KEEPER_LOG", "trace"));
    served.knows("anna");
    let link = served.link("user-1");
    let back = served.agree(&link, "anna");
    let there = served.come_back(&back).is(303).sent_to();
    let ticket = parameter(&there, "ticket").unwrap();
    served.confirm("user-1", &ticket).is(200);
    let token = served.api.get("/v1/connections/user-1/access-token").is(200).body;
    let held = served.place.simulator.current_grant("anna").unwrap();
    let [code, state] = ["code", "state"].map(|name| parameter(&back, name).unwrap());
    let secrets = [
        &*code,
        &*state,
        &*ticket,
        token["access_token"].as_str().unwrap(),
        &*held.refresh_token,
        served.place.simulator.client_secret(),
    ];
    let mut errors = vec![
        served.confirm("user-1", &ticket).fails_with(409, "ticket-used"),
        served.confirm("user-2", &ticket).fails_with(409, "ticket-used"),
        served.come_back(&with(&back, "code", Some("another"))).fails_with(409, "link-used"),
        served.come_back(&with(&back, "state", Some(&state[1..]))).fails_with(400, "unknown-flow"),
    ];
    served
        .place
        .simulator
        .fault(Fault::always(
            Endpoint::Token,
            FaultKind::Status { code: 500, body: None, headers: BTreeMap::new() },
        ))
        .unwrap();
    let failing = served.agree(&served.link("user-1"), "anna");
    errors.push(served.come_back(&failing).is(303));
    let failed = errors.last().unwrap().sent_to();
    assert_eq!(parameter(&failed, "reason").as_deref(), Some("calendly_failing"));
    let failing_code = parameter(&failing, "code").unwrap();
    let shown = [
        served.api.get("/v1/connections/user-1").is(200).text,
        served.api.get("/v1/connections/user-1/timeline").is(200).text,
        errors.iter().map(|answer| answer.text.clone()).collect(),
        served.keeper.said(),
    ];
    let files = served.place.snapshot();
    for secret in secrets.into_iter().chain([&*failing_code]) {
        for text in &shown {
            assert!(!text.contains(secret), "{text}");
        }
        for (name, bytes) in &files {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{name} holds a secret");
        }
    }
    assert!(served.keeper.said().contains("connected by a link"), "the log was read");
}

#[test]
fn a_keeper_killed_before_the_confirmation_has_changed_nothing() {
    let served = connecting(|_| {});
    served.knows("anna");
    let ticket = parameter(&served.goes_through("user-1", "anna"), "ticket").unwrap();
    served.confirm("user-1", &ticket).is(200);
    let pending = served.agree(&served.link("user-1"), "anna");
    let ticket = parameter(&served.come_back(&pending).is(303).sent_to(), "ticket").unwrap();
    let unopened = served.agree(&served.link("user-1"), "anna");

    let place = served.place;
    served.keeper.kill();
    let keeper = place.started();
    let served = crate::api::Served { api: Api::of(&place, &keeper), place, keeper };
    served.confirm("user-1", &ticket).fails_with(410, "flow-expired");
    served.come_back(&pending).fails_with(400, "unknown-flow");
    served.come_back(&unopened).fails_with(400, "unknown-flow");
    let connection = served.api.get("/v1/connections/user-1").is(200).body;
    assert_eq!((&connection["generation"], &connection["status"]), (&json!(1), &json!("active")));
    served.api.post("/v1/connections/user-1/refresh").is(200);
    served.place.assert_nothing_reused();
}

#[test]
fn a_stop_gives_back_what_was_not_confirmed() {
    let served = connecting(|_| {});
    served.knows("anna");
    parameter(&served.goes_through("user-1", "anna"), "ticket").unwrap();
    assert_eq!(served.place.simulator.counters().grants_revoked, 0);
    served.keeper.terminate();
    let (code, said) = served.keeper.ended();
    assert_eq!(code, 0, "{said}");
    assert_eq!(served.place.simulator.counters().grants_revoked, 1, "{said}");
}
