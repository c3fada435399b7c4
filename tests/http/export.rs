//! The way back: import lines with the living tokens.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, RefreshTokenState};
use serde_json::Value;

use crate::api::Served;
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::wait::until;

fn exported(place: &Installation) -> Vec<Value> {
    let text = fs::read_to_string(place.file("out.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn are_living(place: &Installation, lines: &[Value]) {
    for line in lines {
        let token = line["refresh_token"].as_str().unwrap();
        assert_eq!(place.simulator.refresh_token_state(token), RefreshTokenState::Living, "{}", line["id"]);
    }
}

#[test]
fn what_was_exported_goes_into_an_empty_keeper_and_works_there() {
    let served = Served::with(&["anna", "ben"]).found();
    served.run(&["refresh", "anna"]).fine();
    served.run(&["export", "out.jsonl"]).fails_with(1, &["a keeper works on this database", "--pause"]);
    assert!(!served.place.file("out.jsonl").exists());
    served.keeper.terminate();
    let Served { mut place, keeper, .. } = served;
    assert_eq!(keeper.ended().0, 0);

    let ran = place.run(&["export", "out.jsonl"]).fine();
    assert_eq!(fs::metadata(place.file("out.jsonl")).unwrap().mode() & 0o777, 0o600);
    let lines = exported(&place);
    assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ["anna", "ben"]);
    are_living(&place, &lines);
    for line in &lines {
        assert!(!ran.all().contains(line["refresh_token"].as_str().unwrap()), "no token is printed");
    }
    place.run(&["export", "out.jsonl"]).fails_with(2, &["only go into a new file"]);
    place.run(&["export", "-"]).fails_with(2, &["name one instead of -"]);
    assert!(place.run(&["why", "anna"]).fine().out.contains("its tokens were exported"));

    place.set("DATA_DIR", "elsewhere");
    let ran = place.run(&["import", "out.jsonl"]).fine();
    assert!(ran.out.contains("created           2"), "{}", ran.out);
    let keeper = place.started();
    place.run(&["refresh", "anna"]).fine();
    place.run(&["token", "ben"]).fine();
    place.assert_nothing_reused();
    drop(keeper);
}

#[test]
fn a_running_keeper_pauses_all_and_what_is_under_way_is_waited_for() {
    let served = Served::with(&["anna", "ben", "carla"]).found();
    served.place.simulator.revoke_grant("carla").unwrap();
    served.place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold).user("anna")).unwrap();
    served.api.post("/v1/connections/anna/refresh").is(202);
    let mut export = served.place.command(&["export", "out.jsonl", "--pause"]);
    let child =
        export.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("all paused", DEADLINE, || {
        let list = served.api.get("/v1/connections?status=paused").is(200);
        (list.body["connections"].as_array().unwrap().len() == 3).then_some(())
    });
    assert!(!served.place.file("out.jsonl").exists(), "a refresh is under way");
    served.place.simulator.release();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let lines = exported(&served.place);
    are_living(&served.place, &lines[..2]);
    assert_eq!(served.api.get("/v1/connections/anna").is(200).body["generation"], 2);
    served.api.post("/v1/connections/ben/refresh").fails_with(409, "paused");
    served.place.assert_nothing_reused();
}
