//! How connections stand.

use crate::api::Served;
use crate::process::DEADLINE;
use crate::wait::until;

#[test]
fn the_list_goes_page_by_page_in_order_and_by_status() {
    let names = ["anna", "ben", "carla", "dora", "emil"];
    let served = Served::with(&names);
    served.api.post("/v1/connections/ben/pause").is(200);
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page = served.api.get(&format!("/v1/connections?limit=2{cursor}")).is(200).body;
        let connections = page["connections"].as_array().unwrap();
        assert!(connections.len() <= 2);
        seen.extend(connections.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, names);
    let paused = served.api.get("/v1/connections?status=paused").is(200).body;
    assert_eq!(paused["connections"].as_array().unwrap().len(), 1);
    assert_eq!(paused["connections"][0]["id"], "ben");
    assert!(served.api.get("/v1/connections?status=quarantined").is(200).body["next_cursor"].is_null());
    for wrong in ["limit=0", "limit=1001", "limit=x", "cursor=!", "cursor=8J8", "status=well", "page=2"] {
        served.api.get(&format!("/v1/connections?{wrong}")).fails_with(400, "invalid-request");
    }
}

#[test]
fn one_is_shown_as_the_command_shows_it_and_what_the_keeper_knows_beside() {
    let served = Served::with(&["anna"]);
    served.keeper.wait_for(&["webhook found", "anna"]);
    let mut shown = served.api.get("/v1/connections/anna").is(200).body;
    let mut stored = served.place.status("anna");
    assert_eq!(shown["webhook"]["callback_url"], "https://app.example/hooks/anna");
    for view in [&mut shown, &mut stored] {
        view["webhook"].as_object_mut().unwrap().remove("callback_url");
        view["webhook"].as_object_mut().unwrap().remove("verified_at");
    }
    assert_eq!(shown, stored);
}

#[test]
fn the_timeline_tells_what_happened_and_who_asked() {
    let served = Served::with(&["anna"]);
    served.api.post("/v1/connections/anna/pause").is(200);
    served.api.post("/v1/connections/anna/resume").is(200);
    let told = until("the timeline is written behind the work", DEADLINE, || {
        let told = served.api.get("/v1/connections/anna/timeline").is(200).body;
        let is_told = told["entries"].as_array().unwrap().iter().any(|entry| entry["kind"] == "resumed");
        is_told.then_some(told)
    });
    let paused = told["entries"].as_array().unwrap().iter().find(|entry| entry["kind"] == "paused").unwrap();
    assert_eq!(paused["detail"]["by"], "commands");
    let first = served.api.get("/v1/connections/anna/timeline?limit=1").is(200).body;
    let next = first["next_cursor"].as_str().unwrap();
    let second = served.api.get(&format!("/v1/connections/anna/timeline?limit=1&cursor={next}")).is(200).body;
    assert_eq!(second["entries"][0], told["entries"][1]);
    served.api.get("/v1/connections/anna/timeline?cursor=x").fails_with(400, "invalid-request");
    served.api.get("/v1/connections/nobody/timeline").fails_with(404, "unknown-connection");
}
