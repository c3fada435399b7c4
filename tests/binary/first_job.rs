//! The failure that this product ends: an expired token, and a webhook check that fails because of it.

use crate::installation::Installation;

#[test]
fn a_token_that_expired_long_ago_is_refreshed_before_the_webhook_is_verified() {
    let place = Installation::new(60);
    place.connect_expired(&["anna"]);

    let keeper = place.start();
    keeper.wait_for(&["webhook found in Calendly", "connection=anna", "events=2", "state=active"]);

    let lines = keeper.lines();
    let at = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
    assert!(at("token refreshed") < at("webhook found"), "{}", keeper.said());
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2", "reason=expired_while_down"]);
    place.assert_nothing_reused();
    let ledger = place.simulator.ledger();
    assert!(!ledger.access.is_empty(), "the webhook was asked for");
    assert!(ledger.subscriptions.iter().all(|entry| entry.by != "api"), "it was right as it was");
    assert_eq!(place.status("anna")["webhook"]["state"], "ok");
}

#[test]
fn a_missing_a_disabled_and_a_drifted_webhook_are_repaired_after_the_refresh() {
    let place = Installation::new(60);
    let grants = ["missing", "disabled"].map(|name| place.user(name, -3600));
    place.import(&grants);
    let uri =
        |user: &str| place.simulator.subscriptions(user).unwrap()[0]["uri"].as_str().unwrap().to_owned();
    place.simulator.delete_subscription(&uri("missing")).unwrap();
    place.simulator.disable_subscription(&uri("disabled")).unwrap();

    let keeper = place.start();
    keeper.wait_for(&["webhook was missing, created", "connection=missing", "gap_from="]);
    keeper.wait_for(&["webhook was disabled, replaced", "connection=disabled", "gap_from="]);

    for user in ["missing", "disabled"] {
        let subscriptions = place.simulator.subscriptions(user).unwrap();
        let [one] = subscriptions.as_slice() else { panic!("{subscriptions:?}") };
        assert_eq!(one["state"], "active");
    }
    place.assert_nothing_reused();
}

#[test]
fn dead_grants_by_the_dozen_are_told_apart_and_do_not_stop_the_living_ones() {
    let place = Installation::new(20);
    let dead: Vec<_> = (1..=8).map(|n| format!("dead-{n}")).collect();
    let living = ["anna", "ben"];
    let grants: Vec<_> = dead.iter().map(|name| place.user(name, -3600)).collect();
    dead.iter().for_each(|name| place.simulator.revoke_grant(name).unwrap());
    place.import(&grants);
    place.import(&living.map(|name| place.user(name, 12)));

    let keeper = place.start();

    for name in living {
        keeper.wait_for(&[&format!("connection/{name} "), "token refreshed", "generation=2"]);
    }
    for name in &dead {
        keeper.wait_for(&[&format!("connection/{name} "), "status=reauthorization_required"]);
    }
    for name in living {
        keeper.wait_for(&[&format!("connection/{name} "), "token refreshed", "generation=3"]);
        assert_eq!(place.status(name)["status"], "active");
    }
    place.assert_nothing_reused();
}
