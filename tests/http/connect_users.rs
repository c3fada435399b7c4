//! Who may have a connection: the same user again, another one, one user twice.

use calendly_keeper::simulator::SeedUser;
use serde_json::json;

use crate::api::Served;
use crate::browser::{RETURN_URL, connecting, parameter};
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::wait::until;

/// `anna` connected as `user-1`, and `ben` who is not.
fn connected() -> Served {
    connected_with(|_| {})
}

fn connected_with(change: impl FnOnce(&mut Installation)) -> Served {
    let served = connecting(change);
    for name in ["anna", "ben"] {
        served.knows(name);
    }
    connect(&served, "user-1", "anna");
    served
}

fn connect(served: &Served, id: &str, user: &str) {
    let ticket = parameter(&served.goes_through(id, user), "ticket").unwrap();
    served.confirm(id, &ticket).is(200);
}

fn token(served: &Served, id: &str) -> String {
    let answer = served.api.get(&format!("/v1/connections/{id}/access-token")).is(200);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_working_connection_stays_as_it_is_until_the_new_grant_is_confirmed() {
    let served = connected();
    let before = token(&served, "user-1");
    let there = served.goes_through("user-1", "anna");
    assert_eq!(token(&served, "user-1"), before);
    let confirmed = served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
    assert_eq!(confirmed.body["generation"], 2);
    assert_ne!(token(&served, "user-1"), before);
    assert_eq!(
        served.place.simulator.subscriptions("anna").unwrap().len(),
        1,
        "the subscription is the same"
    );
}

#[test]
fn a_grant_that_was_revoked_is_healed() {
    let served = connected();
    served.place.simulator.revoke_grant("anna").unwrap();
    served.api.post("/v1/connections/user-1/refresh");
    served.keeper.wait_for(&["connection/user-1", "status=reauthorization_required"]);
    served.api.get("/v1/connections/user-1/access-token").fails_with(409, "reauthorization-required");
    connect(&served, "user-1", "anna");
    assert_eq!(served.api.get("/v1/connections/user-1").is(200).body["status"], "active");
    token(&served, "user-1");
}

#[test]
fn another_user_is_refused_and_his_tokens_are_given_back() {
    let served = connected();
    let there = served.goes_through("user-1", "ben");
    assert_eq!(
        there.as_str(),
        format!("{RETURN_URL}?connection=user-1&outcome=failed&reason=different_user")
    );
    served.gives_back(1);
    assert_eq!(served.api.get("/v1/connections/user-1").is(200).body["generation"], 1);
    token(&served, "user-1");
    until("the timeline tells it", DEADLINE, || {
        let timeline = served.api.get("/v1/connections/user-1/timeline").is(200).body;
        let latest = &timeline["entries"][0];
        (latest["kind"] == "connect_failed" && latest["detail"]["reason"] == "different_user").then_some(())
    });
}

#[test]
fn another_user_takes_over_where_that_is_asked_for_and_nothing_is_left_behind() {
    let served = connected();
    let before = token(&served, "user-1");
    let wanted = json!({ "id": "user-1", "return_url": RETURN_URL, "change_user": true });
    let there = served.come_back(&served.agree(&served.link_for(&wanted), "ben")).is(303).sent_to();
    assert_eq!(served.place.simulator.subscriptions("anna").unwrap().len(), 1, "not before it is confirmed");
    let confirmed = served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
    assert_eq!(confirmed.body["webhook"]["state"], "ok");
    assert_eq!(served.place.simulator.subscriptions("anna").unwrap(), Vec::<serde_json::Value>::new());
    assert_eq!(served.place.simulator.subscriptions("ben").unwrap().len(), 1);
    assert_ne!(token(&served, "user-1"), before);
    served.gives_back(1);
}

#[test]
fn one_user_may_be_two_connections_and_neither_takes_anything_from_the_other() {
    let served = connected();
    connect(&served, "user-2", "anna");
    let tokens = [token(&served, "user-1"), token(&served, "user-2")];
    assert_ne!(tokens[0], tokens[1]);
    for id in ["user-1", "user-2"] {
        assert_eq!(
            served.api.post(&format!("/v1/connections/{id}/refresh")).is(200).body["status"],
            "active"
        );
    }
    // One of them becomes another user's: the other one keeps its subscription and its tokens.
    let wanted = json!({ "id": "user-2", "return_url": RETURN_URL, "change_user": true });
    let there = served.come_back(&served.agree(&served.link_for(&wanted), "ben")).is(303).sent_to();
    served.confirm("user-2", &parameter(&there, "ticket").unwrap()).is(200);
    let left = served.place.simulator.subscriptions("anna").unwrap();
    let urls: Vec<_> = left.iter().map(|found| found["callback_url"].as_str().unwrap()).collect();
    assert_eq!(urls, ["https://app.example/hooks/user-1"]);
    assert_eq!(served.api.post("/v1/connections/user-1/refresh").is(200).body["status"], "active");
    assert_eq!(served.place.simulator.counters().grants_revoked, 0);
    served.place.assert_nothing_reused();
}

#[test]
fn who_takes_over_within_an_organization_keeps_the_subscription_that_is_his_as_well() {
    let served = connecting(|place| {
        place.set("WEBHOOK__SCOPE", "organization");
        place.set("WEBHOOK__CALLBACK_URL", "https://app.example/hooks/{organization}");
    });
    for name in ["anna", "ben"] {
        let user = SeedUser { organization: Some("acme".into()), ..SeedUser::named(name) };
        let _ = served.place.simulator.add_user(&user);
    }
    connect(&served, "user-1", "anna");
    let uri = || served.api.get("/v1/connections/user-1").is(200).body["webhook"]["uri"].clone();
    let before = uri();
    assert!(before.is_string());
    let wanted = json!({ "id": "user-1", "return_url": RETURN_URL, "change_user": true });
    let there = served.come_back(&served.agree(&served.link_for(&wanted), "ben")).is(303).sent_to();
    served.confirm("user-1", &parameter(&there, "ticket").unwrap()).is(200);
    assert_eq!(uri(), before, "it was never away");
    served.gives_back(1);
}

#[test]
fn a_subscription_that_is_shared_goes_with_the_last_one_who_leaves_it() {
    let served = connected_with(|place| place.set("WEBHOOK__CALLBACK_URL", "https://app.example/hooks"));
    connect(&served, "user-2", "anna");
    let subscriptions = |user: &str| served.place.simulator.subscriptions(user).unwrap().len();
    assert_eq!((subscriptions("anna"), subscriptions("ben")), (1, 0));
    for (id, left) in [("user-2", 1), ("user-1", 0)] {
        let wanted = json!({ "id": id, "return_url": RETURN_URL, "change_user": true });
        let there = served.come_back(&served.agree(&served.link_for(&wanted), "ben")).is(303).sent_to();
        served.confirm(id, &parameter(&there, "ticket").unwrap()).is(200);
        assert_eq!((subscriptions("anna"), subscriptions("ben")), (left, 1), "{id}");
    }
    served.gives_back(1);
}
