//! The end of a connection, here and at Calendly.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, NewGrant, RefreshTokenState, SeedGrant};

use serde_json::json;

use crate::api::Served;
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::wait::until;

fn is_revoked(served: &Served, grant: &SeedGrant) -> bool {
    served.place.simulator.refresh_token_state(&grant.refresh_token) != RefreshTokenState::Living
}

fn subscriptions(served: &Served, name: &str) -> usize {
    served.place.simulator.subscriptions(name).unwrap().len()
}

/// One grant a connection, all of them of their own users.
fn connected(names: &[&str]) -> (Served, Vec<SeedGrant>) {
    let place = Installation::new(7200);
    let grants: Vec<_> = names.iter().map(|name| place.user(name, 3600)).collect();
    place.import(&grants);
    let served = Served::start(place).found();
    served.keeper.wait_for(&["webhook found"]);
    (served, grants)
}

/// Two connections of one user, each with a grant of its own.
fn two_of_one_user(callback: Option<&str>) -> (Served, [SeedGrant; 2]) {
    let mut place = Installation::new(7200);
    if let Some(callback) = callback {
        place.set("WEBHOOK__CALLBACK_URL", callback);
    }
    let anna = place.user("anna", 3600);
    let hour = NewGrant { expires_in: Some(3600), scopes: None };
    let again = place.simulator.add_grant(&anna.calendly_user, &hour).unwrap();
    let other = SeedGrant { id: "anna-again".into(), ..again };
    place.import(&[anna.clone(), other.clone()]);
    let served = Served::start(place).found();
    for id in ["anna", "anna-again"] {
        until("the subscription of both", DEADLINE, || {
            let seen = served.api.get(&format!("/v1/connections/{id}")).is(200);
            (seen.body["webhook"]["state"] == "ok").then_some(())
        });
    }
    (served, [anna, other])
}

#[test]
fn nothing_is_left_of_a_connection_here_or_at_calendly() {
    let (served, grants) = connected(&["anna", "ben"]);
    served.run(&["disconnect", "anna"]).fails_with(2, &["cannot be undone", "--yes"]);
    let done = served.run(&["disconnect", "anna", "--yes"]).fine();
    assert_eq!(done.out, "anna is disconnected; its subscription and its grant are gone at Calendly, too\n");
    assert!(is_revoked(&served, &grants[0]) && !is_revoked(&served, &grants[1]));
    assert_eq!((subscriptions(&served, "anna"), subscriptions(&served, "ben")), (0, 1));
    served.api.get("/v1/connections/anna").fails_with(404, "unknown-connection");
    served.run(&["token", "anna"]).fails_with(1, &["there is no connection anna"]);
    served.run(&["disconnect", "anna", "--yes"]).fails_with(1, &["there is no connection anna"]);
    served.run(&["token", "ben"]).fine();
    let told = served.run(&["why", "anna"]).fine().out;
    assert!(told.starts_with("anna is not connected any more."), "{told}");
}

#[test]
fn at_a_terminal_it_is_asked_whether_it_is_meant_and_only_a_yes_is_one() {
    let (served, grants) = connected(&["anna"]);
    // The last one ends the input instead of answering, as Ctrl-D does.
    for no in ["n\n", "\n", "yess\n", "anna\n", "\u{4}"] {
        let asked = served.place.run_at_a_terminal(&["disconnect", "anna"], no);
        assert_eq!((asked.code, asked.out.as_str()), (1, "nothing was done\n"), "{no:?}: {}", asked.err);
        assert!(
            asked.err.contains("Disconnect anna? Its tokens are erased for good. [y/N]"),
            "{}",
            asked.err
        );
    }
    served.api.get("/v1/connections/anna/access-token").is(200);
    assert!(!is_revoked(&served, &grants[0]));
    let done = served.place.run_at_a_terminal(&["disconnect", "anna"], "Yes\n").fine();
    assert!(done.out.starts_with("anna is disconnected;"), "{}", done.out);
    served.api.get("/v1/connections/anna").fails_with(404, "unknown-connection");
    assert!(is_revoked(&served, &grants[0]));
}

#[test]
fn what_is_to_stay_at_calendly_stays() {
    let (served, grants) = connected(&["anna"]);
    let done = served.api.delete("/v1/connections/anna?keep_remote=true").is(204);
    assert_eq!((done.header("keeper-remote"), done.text.as_str()), (Some("kept"), ""));
    assert!(!is_revoked(&served, &grants[0]));
    assert_eq!(subscriptions(&served, "anna"), 1);
    served.api.delete("/v1/connections/anna?keep=true").fails_with(400, "invalid-request");
}

#[test]
fn a_grant_is_revoked_with_its_users_last_connection() {
    let (served, [anna, other]) = two_of_one_user(None);
    assert_eq!(subscriptions(&served, "anna"), 2, "each has a callback URL of its own");
    let done = served.api.delete("/v1/connections/anna").is(204);
    assert_eq!(done.header("keeper-remote"), Some("shared"));
    assert!(!is_revoked(&served, &anna) && !is_revoked(&served, &other));
    assert_eq!(subscriptions(&served, "anna"), 1, "nobody else used that one");
    let done = served.api.delete("/v1/connections/anna-again").is(204);
    assert_eq!(done.header("keeper-remote"), Some("gone"));
    assert!(is_revoked(&served, &other));
    assert_eq!(subscriptions(&served, "anna"), 0);
}

#[test]
fn a_shared_subscription_is_deleted_by_the_last_that_leaves_it() {
    let (served, _) = two_of_one_user(Some("https://app.example/hooks"));
    let ours = |served: &Served| {
        let all = served.place.simulator.subscriptions("anna").unwrap();
        all.iter().filter(|one| one["callback_url"].as_str().unwrap().ends_with("/hooks")).count()
    };
    assert_eq!(ours(&served), 1);
    served.api.delete("/v1/connections/anna").is(204);
    assert_eq!(ours(&served), 1);
    served.api.delete("/v1/connections/anna-again").is(204);
    assert_eq!(ours(&served), 0);
}

#[test]
fn what_calendly_refuses_to_take_back_is_said_and_the_deletion_stands() {
    let (served, grants) = connected(&["anna"]);
    let body =
        json!({ "error": "unauthorized_client", "error_description": "You may not revoke this token" });
    let refused = FaultKind::Status { code: 403, body: Some(body), headers: Default::default() };
    served.place.simulator.fault(Fault::always(Endpoint::Revoke, refused)).unwrap();
    let left = served.run(&["disconnect", "anna", "--yes"]);
    assert_eq!(left.code, 1, "{}", left.all());
    assert!(left.out.contains("left at Calendly"), "{}", left.out);
    let told = until("the timeline's last entry", DEADLINE, || {
        let told = served.run(&["why", "anna"]).fine().out;
        told.contains("the grant could not be taken back at Calendly: revoke the token").then_some(told)
    });
    assert!(told.contains("the subscription is deleted at Calendly"), "{told}");
    served.keeper.wait_for(&["WARN", "connection/anna", "the grant could not be taken back at Calendly"]);
    assert!(!is_revoked(&served, &grants[0]));
    assert_eq!(subscriptions(&served, "anna"), 0);
    served.api.get("/v1/connections/anna").fails_with(404, "unknown-connection");
}

#[test]
fn what_calendly_could_not_do_for_a_moment_is_done_a_little_later() {
    let (served, grants) = connected(&["anna"]);
    let away = FaultKind::Status { code: 503, body: None, headers: Default::default() };
    served.place.simulator.fault(Fault::next(Endpoint::Revoke, away.clone())).unwrap();
    served.place.simulator.fault(Fault::next(Endpoint::WebhooksDelete, away)).unwrap();
    let done = served.api.delete("/v1/connections/anna").is(204);
    assert_eq!(done.header("keeper-remote"), Some("gone"));
    assert!(is_revoked(&served, &grants[0]));
    assert_eq!(subscriptions(&served, "anna"), 0);
}

#[test]
fn a_rotation_in_flight_gives_its_pair_back() {
    let (served, _) = connected(&["anna"]);
    served.place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    served.api.post("/v1/connections/anna/refresh").is(202);
    served.api.delete("/v1/connections/anna").is(204);
    served.place.simulator.clear_faults();
    served.place.simulator.release();
    served.keeper.wait_for(&[
        "connection/anna",
        "late answer of a replaced or deleted grant, its tokens were revoked",
    ]);
    let latest = served.place.simulator.current_grant("anna");
    assert!(latest.is_err() || is_revoked(&served, &latest.unwrap()), "no living grant is left");
}
