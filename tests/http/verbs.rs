//! What can be done with a connection.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};

use serde_json::{Value, json};

use crate::api::Served;
use crate::process::DEADLINE;
use crate::wait::until;

#[test]
fn a_refresh_is_done_at_once_or_queued() {
    let served = Served::with(&["anna"]);
    let done = served.api.post("/v1/connections/anna/refresh").is(200);
    assert_eq!(done.body["generation"], 2);
    served.keeper.wait_for(&["connection/anna", "token refreshed", "reason=asked_for"]);
    let held = served.place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    let queued = served.api.post("/v1/connections/anna/refresh").is(202);
    assert_eq!(queued.body["generation"], 2);
    assert!(served.place.simulator.clear_fault(held));
    served.place.simulator.release();
    served.keeper.wait_for(&["connection/anna", "token refreshed", "generation=3"]);
}

#[test]
fn who_asked_stands_in_the_timeline() {
    let served = Served::with(&["anna"]);
    served.keeper.wait_for(&["webhook found", "anna"]);
    served.api.post("/v1/connections/anna/refresh").is(200);
    served.api.post("/v1/connections/anna/verify").is(200);
    for what in ["refresh", "verification"] {
        until("the timeline tells it", DEADLINE, || {
            let told = served.api.get("/v1/connections/anna/timeline").is(200).body;
            let entries = told["entries"].as_array().unwrap();
            let is_it = |entry: &Value| {
                entry["kind"] == "asked" && entry["detail"] == json!({ "what": what, "by": "commands" })
            };
            entries.iter().any(is_it).then_some(())
        });
    }
}

#[test]
fn a_verification_repairs_what_is_missing() {
    let served = Served::with(&["anna"]);
    served.keeper.wait_for(&["webhook found", "anna"]);
    for subscription in served.place.simulator.subscriptions("anna").unwrap() {
        served.place.simulator.delete_subscription(subscription["uri"].as_str().unwrap()).unwrap();
    }
    let verified = served.api.post("/v1/connections/anna/verify").is(200);
    assert_eq!(verified.body["webhook"]["state"], "ok");
    assert_eq!(served.place.simulator.subscriptions("anna").unwrap().len(), 1);
}

#[test]
fn what_is_paused_is_neither_refreshed_nor_verified_until_it_is_resumed() {
    let served = Served::with(&["anna"]);
    assert_eq!(served.api.post("/v1/connections/anna/pause").is(200).body["status"], "paused");
    served.api.post("/v1/connections/anna/refresh").fails_with(409, "paused");
    served.api.post("/v1/connections/anna/verify").fails_with(409, "paused");
    assert_eq!(served.api.post("/v1/connections/anna/resume").is(200).body["status"], "active");
    served.api.post("/v1/connections/anna/refresh").is(200);
    served.api.post("/v1/connections/nobody/pause").fails_with(404, "unknown-connection");
}
