//! The control API: seeding, breaking, faults and the ledger over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{control, me, refresh, text, usual};

#[tokio::test]
async fn users_and_grants_are_made_over_http() {
    let simulator = usual();
    let many = control(&simulator, Method::POST, "users", &json!({"name": "user", "count": 3})).await;
    assert_eq!(many.status, 201, "{}", many.text);
    let grants = many.json()["grants"].as_array().unwrap().clone();
    let ids: Vec<&str> = grants.iter().map(|grant| text(grant, "id")).collect();
    assert_eq!(ids, ["user-1", "user-2", "user-3"]);
    assert_eq!(refresh(&simulator, text(&grants[2], "refresh_token")).await.status, 200);
    let expired = control(&simulator, Method::POST, "grants", &json!({"user": "user-1", "expires_in": -5}))
        .await
        .json();
    assert_eq!(me(&simulator, text(&expired, "access_token")).await.status, 401);
}

#[tokio::test]
async fn a_user_is_shown_with_its_living_refresh_token_as_a_fingerprint() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let newer = refresh(&simulator, &grant.refresh_token).await.json();
    let shown = control(&simulator, Method::GET, "users/anna", &json!({})).await.json();
    let living = shown["grants"][0]["living_refresh_tokens"].as_array().unwrap();
    assert_eq!((living.len(), &living[0]["generation"]), (1, &json!(2)));
    assert_eq!(text(&living[0], "fingerprint").len(), 16);
    assert!(!shown.to_string().contains(text(&newer, "refresh_token")));
}

#[tokio::test]
async fn a_token_is_judged_without_being_used() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let newer = refresh(&simulator, &grant.refresh_token).await.json();
    for (token, state) in
        [(&*grant.refresh_token, "spent"), (text(&newer, "refresh_token"), "living"), ("made up", "unknown")]
    {
        let judged =
            control(&simulator, Method::POST, "check", &json!({"refresh_token": token})).await.json();
        assert_eq!(judged["refresh_token"], state);
    }
    let facts = simulator.refresh_token_facts(&grant.refresh_token).unwrap();
    assert_eq!((facts.presented, facts.successor, facts.successor_whole), (1, Some(2), true));
    assert_eq!(simulator.counters().tokens_reused, 0);
    assert_eq!(simulator.current_grant("anna").unwrap().refresh_token, text(&newer, "refresh_token"));
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let fault =
        json!({"endpoint": "users_me", "user": "anna", "times": 5, "fault": {"kind": "status", "code": 500}});
    let set = control(&simulator, Method::POST, "faults", &fault).await;
    assert_eq!((set.status, set.json()), (201, json!({"id": 1})));
    assert_eq!(me(&simulator, &grant.access_token).await.status, 500);
    let listed = control(&simulator, Method::GET, "faults", &json!({})).await.json();
    assert_eq!((&listed["faults"][0]["left"], &listed["faults"][0]["fired"]), (&json!(4), &json!(1)));
    let cleared = control(&simulator, Method::DELETE, "faults", &json!({})).await.json();
    assert_eq!(cleared, json!({"cleared": 1}));
    assert_eq!(me(&simulator, &grant.access_token).await.status, 200);
}

#[tokio::test]
async fn every_kind_of_fault_has_its_json() {
    let simulator = usual();
    for kind in [
        json!({"kind": "status", "code": 503, "body": "down", "headers": {"x-y": "z"}}),
        json!({"kind": "gateway_after_effect", "code": 502}),
        json!({"kind": "delay", "ms": 1}),
        json!({"kind": "delay_answer", "ms": 1}),
        json!({"kind": "hold"}),
        json!({"kind": "reset_before"}),
        json!({"kind": "reset_after"}),
        json!({"kind": "truncate"}),
        json!({"kind": "not_json"}),
        json!({"kind": "html_before"}),
        json!({"kind": "odd_token", "set": {"expires_in": -1}, "remove": ["scope"], "status": 201, "spend": true}),
        json!({"kind": "rate_limited", "retry_after": 3, "reset": 4}),
        json!({"kind": "redirect", "code": 302, "location": "/elsewhere"}),
        json!({"kind": "invalid_grant_once"}),
        json!({"kind": "invalid_client"}),
    ] {
        let fault = json!({"endpoint": "token", "probability": 0.0, "fault": kind});
        let set = control(&simulator, Method::POST, "faults", &fault).await;
        assert_eq!(set.status, 201, "{kind}: {}", set.text);
    }
}

#[tokio::test]
async fn mistakes_name_the_field_and_change_nothing() {
    let simulator = usual();
    let cases: [(&str, Value, &str); 6] = [
        (
            "faults",
            json!({"endpoint": "tokn", "fault": {"kind": "hold"}}),
            "endpoint: `tokn`, use one of token, revoke, introspect, users_me, webhooks_list, webhooks_get, \
             webhooks_create, webhooks_delete, scheduled_events_list, scheduled_events_get, invitees_list, invitees_get, \
             delivery, any",
        ),
        (
            "faults",
            json!({"endpoint": "token", "fault": {"kind": "hlod"}}),
            "body: unknown variant `hlod`, expected one of `status`, `gateway_after_effect`, `delay`, `delay_answer`, \
             `hold`, `reset_before`, `reset_after`, `truncate`, `not_json`, `html_before`, `odd_token`, `rate_limited`, \
             `redirect`, `invalid_grant_once`, `invalid_client`, `duplicate`",
        ),
        (
            "faults",
            json!({"endpoint": "token", "probability": 2.0, "fault": {"kind": "hold"}}),
            "probability: 2, use a number from 0 to 1",
        ),
        (
            "faults",
            json!({"endpoint": "token", "prob": 0.1, "fault": {"kind": "hold"}}),
            "body: unknown field `prob`, expected one of `endpoint`, `user`, `probability`, `times`, `fault`",
        ),
        (
            "users",
            json!({"nmae": "anna"}),
            "body: unknown field `nmae`, expected one of `name`, `scopes`, `plan`, `role`, `organization`",
        ),
        (
            "grants",
            json!({"user": "nobody"}),
            "user: `nobody` is not known here; add it first or check its spelling",
        ),
    ];
    for (path, body, message) in cases {
        let refused = control(&simulator, Method::POST, path, &body).await;
        assert_eq!(refused.status, 400, "{body}");
        let error = refused.json();
        let (said, _place) =
            text(&error, "error").split_once(" at line ").unwrap_or((text(&error, "error"), ""));
        assert_eq!(said, message);
    }
    assert!(simulator.faults().is_empty());
    let nothing = control(&simulator, Method::POST, "nothing", &json!({})).await;
    assert_eq!(nothing.status, 404);
}

#[tokio::test]
async fn a_user_is_expired_revoked_and_loses_plan_and_scope_over_http() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let post = |path: &'static str, body: Value| {
        let simulator = simulator.clone();
        async move { control(&simulator, Method::POST, path, &body).await }
    };
    assert_eq!(post("users/anna/plan", json!({"plan": "free"})).await.json()["plan"], "free");
    let scope = post("users/anna/remove-scope", json!({"scope": "users:read"})).await.json();
    assert_eq!(scope["scope"], "webhooks:write scheduled_events:read");
    assert_eq!(me(&simulator, &grant.access_token).await.status, 403);
    assert_eq!(post("users/anna/expire", json!({})).await.status, 200);
    assert_eq!(me(&simulator, &grant.access_token).await.status, 401);
    assert_eq!(post("users/anna/revoke", json!({})).await.json()["grants"][0]["revoked"], true);
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 400);
}

#[tokio::test]
async fn subscriptions_are_made_disabled_and_deleted_over_http() {
    let simulator = usual();
    simulator.connect("anna").unwrap();
    let wanted = json!({
        "creator": "anna",
        "callback_url": "https://app.example/hook",
        "events": ["invitee.created"],
        "scope": "organization",
    });
    let made = control(&simulator, Method::POST, "subscriptions", &wanted).await.json();
    let uuid = text(&made, "uri").rsplit('/').next().unwrap().to_owned();
    let path = format!("subscriptions/{uuid}");
    let since = json!({"since": "2026-11-24T10:00:00Z"});
    assert_eq!(control(&simulator, Method::POST, &format!("{path}/retrying"), &since).await.status, 200);
    assert_eq!(control(&simulator, Method::POST, &format!("{path}/disable"), &json!({})).await.status, 200);
    let shown = &simulator.subscriptions("anna").unwrap()[0];
    assert_eq!(
        (text(shown, "state"), text(shown, "retry_started_at")),
        ("disabled", "2026-11-24T10:00:00.000000Z")
    );
    assert_eq!(control(&simulator, Method::DELETE, &path, &json!({})).await.status, 200);
    assert!(simulator.subscriptions("anna").unwrap().is_empty());
}

#[tokio::test]
async fn the_ledger_and_the_switches_are_read_over_http() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    refresh(&simulator, &grant.refresh_token).await;
    let ledger = control(&simulator, Method::GET, "ledger?user=anna", &json!({})).await.json();
    assert_eq!(ledger["counters"]["rotations"], 1);
    assert_eq!(ledger["presented"][0]["outcome"], "rotated");
    assert_eq!(ledger["issued"][0]["generation"], 2);
    let token = &ledger["endpoints"][0];
    assert_eq!(
        (&token["endpoint"], &token["requests"], &token["peak_per_second"]),
        (&json!("token"), &json!(1), &json!(1))
    );
    assert_eq!(ledger["users"][0]["requests"], 1);
    assert_eq!(control(&simulator, Method::GET, "counters", &json!({})).await.json()["requests"], 1);

    let changed =
        control(&simulator, Method::PATCH, "options", &json!({"reuse": "revoke-grant"})).await.json();
    assert_eq!((&changed["reuse"], changed.get("client_secret")), (&json!("revoke-grant"), None));
    let refused = control(&simulator, Method::PATCH, "options", &json!({"seed": 3})).await;
    assert_eq!(refused.status, 400);
    let health = control(&simulator, Method::GET, "health", &json!({})).await.json();
    assert_eq!((&health["users"], &health["seed"]), (&json!(1), &json!(simulator.seed())));
}
