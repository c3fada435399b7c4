//! The token endpoint: rotation, reuse, limits, what it refuses and how.

use calendly_keeper::simulator::{
    NewGrant, OldAccessToken, Options, RefreshTokenState, Reuse, Rotation, SeedUser,
};
use serde_json::json;

use crate::support::{me, oauth, refresh, start, text, usual};

#[tokio::test]
async fn a_refresh_answers_a_whole_new_pair_and_spends_the_old_one() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let answer = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 7200);
    assert_eq!(body["scope"], "users:read webhooks:write scheduled_events:read");
    assert_eq!(body["owner"], json!(grant.calendly_user));
    assert_eq!(body["organization"], json!(grant.calendly_organization));
    assert!(body["created_at"].is_i64());
    assert!(!answer.header("date").is_empty());
    assert_ne!(body["refresh_token"], json!(grant.refresh_token));
    assert_eq!(simulator.refresh_token_state(&grant.refresh_token), RefreshTokenState::Spent);
    assert_eq!(simulator.refresh_token_state(text(&body, "refresh_token")), RefreshTokenState::Living);
    assert_eq!(me(&simulator, text(&body, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_spent_refresh_token_is_refused_word_for_word_and_the_grant_lives_on() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let first = refresh(&simulator, &grant.refresh_token).await.json();
    let again = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!(again.status, 400);
    assert_eq!(
        again.json(),
        json!({
            "error": "invalid_grant",
            "error_description": "The provided authorization grant is invalid, expired, revoked, does not match \
                the redirection URI used in the authorization request, or was issued to another client.",
        })
    );
    assert_eq!(refresh(&simulator, text(&first, "refresh_token")).await.status, 200);
    let counters = simulator.counters();
    assert_eq!((counters.rotations, counters.tokens_reused), (2, 1));
    assert_eq!(counters.presented_after_whole_answer, 1);
}

#[tokio::test]
async fn lifetimes_differ_by_as_much_as_they_are_told_to() {
    let simulator = start(Options { expires_in: 60, expires_in_spread: 20, ..Options::default() });
    let mut lifetimes = std::collections::BTreeSet::new();
    for name in 0..20 {
        let grant = simulator.connect(&format!("user-{name}")).unwrap();
        let body = refresh(&simulator, &grant.refresh_token).await.json();
        lifetimes.insert(body["expires_in"].as_i64().unwrap());
    }
    assert!(lifetimes.len() > 10, "{lifetimes:?}");
    assert!(lifetimes.iter().all(|lifetime| (40..=60).contains(lifetime)), "{lifetimes:?}");
}

#[tokio::test]
async fn reuse_revokes_the_grant_where_it_is_told_to() {
    let simulator = start(Options { reuse: Reuse::RevokeGrant, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    let first = refresh(&simulator, &grant.refresh_token).await.json();
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 400);
    assert_eq!(refresh(&simulator, text(&first, "refresh_token")).await.status, 400);
    let refused = me(&simulator, text(&first, "access_token")).await;
    assert_eq!(
        (refused.status, &*refused.text),
        (401, r#"{"message":"The access token was revoked","title":"Unauthenticated"}"#)
    );
}

#[tokio::test]
async fn under_legacy_rotation_the_old_refresh_token_dies_when_the_new_access_token_is_used() {
    let simulator = start(Options { rotation: Rotation::Legacy, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    refresh(&simulator, &grant.refresh_token).await;
    let second = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!(second.status, 200, "not used yet, so it may come again");
    assert_eq!(me(&simulator, text(&second.json(), "access_token")).await.status, 200);
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 400);
    assert_eq!(refresh(&simulator, text(&second.json(), "refresh_token")).await.status, 200);
}

#[tokio::test]
async fn the_old_access_token_lives_or_dies_with_a_refresh_as_told() {
    for (old_access_token, status) in [(OldAccessToken::Keep, 200), (OldAccessToken::Revoke, 401)] {
        let simulator = start(Options { old_access_token, ..Options::default() });
        let grant = simulator.connect("anna").unwrap();
        refresh(&simulator, &grant.refresh_token).await;
        assert_eq!(me(&simulator, &grant.access_token).await.status, status);
    }
}

#[tokio::test]
async fn a_spent_token_gets_the_same_pair_again_within_the_window() {
    let simulator = start(Options { repeat_pair: 60, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    let first = refresh(&simulator, &grant.refresh_token).await.json();
    let again = refresh(&simulator, &grant.refresh_token).await.json();
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    assert_eq!(first["access_token"], again["access_token"]);
    assert_eq!(refresh(&simulator, text(&first, "refresh_token")).await.status, 200);
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 400, "its pair is spent itself");
    let counters = simulator.counters();
    assert_eq!((counters.rotations, counters.pairs_repeated, counters.tokens_reused), (2, 1, 1));
}

#[tokio::test]
async fn invalid_grant_comes_as_401_where_told() {
    let simulator = start(Options { invalid_grant_status: 401, ..Options::default() });
    assert_eq!(refresh(&simulator, "never issued").await.status, 401);
    assert_eq!(simulator.counters().unknown_refresh_tokens, 1);
}

#[tokio::test]
async fn the_ninth_token_within_a_minute_is_refused_and_costs_nothing() {
    let simulator = usual();
    let mut token = simulator.connect("anna").unwrap().refresh_token;
    for _ in 0..8 {
        token = text(&refresh(&simulator, &token).await.json(), "refresh_token").to_owned();
    }
    let refused = refresh(&simulator, &token).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-ratelimit-limit"), "8");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert!((1..=60).contains(&refused.header("x-ratelimit-reset").parse::<u32>().unwrap()));
    assert_eq!(simulator.refresh_token_state(&token), RefreshTokenState::Living);
    simulator.reconfigure(|options| options.tokens_per_minute = 0).unwrap();
    assert_eq!(refresh(&simulator, &token).await.status, 200);
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_wins() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let (one, other) =
        tokio::join!(refresh(&simulator, &grant.refresh_token), refresh(&simulator, &grant.refresh_token));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let (id, secret) = (simulator.client_id(), simulator.client_secret());
    let token = &*grant.refresh_token;
    type Parameters<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Parameters<'_>, u16, &str, &str); 5] = [
        (&[], 400, "invalid_request", "Missing required parameter: grant_type."),
        (
            &[("grant_type", "password")],
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        (
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("client_id", id),
                ("client_secret", "x"),
            ],
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or \
             unsupported authentication method.",
        ),
        (
            &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", id)],
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or \
             unsupported authentication method.",
        ),
        (
            &[("grant_type", "refresh_token"), ("client_id", id), ("client_secret", secret)],
            400,
            "invalid_request",
            "Missing required parameter: refresh_token.",
        ),
    ];
    for (form, status, error, description) in cases {
        let answer = oauth(&simulator, "/oauth/token", form).await;
        assert_eq!(answer.status, status, "{form:?}");
        assert_eq!(answer.json(), json!({"error": error, "error_description": description}), "{form:?}");
    }
    assert_eq!(simulator.refresh_token_state(token), RefreshTokenState::Living);
}

#[tokio::test]
async fn credentials_in_the_body_work_and_a_native_app_needs_no_secret() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let (id, secret) = (simulator.client_id(), simulator.client_secret());
    let mut form =
        vec![("grant_type", "refresh_token"), ("refresh_token", &*grant.refresh_token), ("client_id", id)];
    assert_eq!(oauth(&simulator, "/oauth/token", &form).await.status, 401);
    simulator.reconfigure(|options| options.native_app = true).unwrap();
    assert_eq!(oauth(&simulator, "/oauth/token", &form).await.status, 200);
    let other = simulator.connect("ben").unwrap();
    form[1].1 = &other.refresh_token;
    form.push(("client_secret", secret));
    assert_eq!(oauth(&simulator, "/oauth/token", &form).await.status, 200);
}

#[tokio::test]
async fn a_refresh_moves_a_grant_from_before_scopes_to_scopes() {
    let simulator = usual();
    let user = simulator.add_user(&SeedUser::named("anna"));
    let old = NewGrant { scopes: Some(vec!["default".into()]), ..NewGrant::default() };
    let grant = simulator.add_grant(&user, &old).unwrap();
    assert_eq!(grant.scope, "default");
    assert_eq!(me(&simulator, &grant.access_token).await.status, 200);
    let body = refresh(&simulator, &grant.refresh_token).await.json();
    assert_eq!(body["scope"], "users:read webhooks:write scheduled_events:read");
}
