//! The end of a token, and how much one is worth.

use calendly_keeper::simulator::{AfterRevoke, Options, RefreshTokenState};
use serde_json::json;

use crate::support::{create, me, oauth, start, text, user_subscription, usual};

#[tokio::test]
async fn revoking_the_newest_pair_ends_the_grant_and_its_subscriptions_as_told() {
    for (after_revoke, left) in [
        (AfterRevoke::Keep, Some("active")),
        (AfterRevoke::Disable, Some("disabled")),
        (AfterRevoke::Delete, None),
    ] {
        let simulator = start(Options { after_revoke, ..Options::default() });
        let grant = simulator.connect("anna").unwrap();
        let wanted = user_subscription(&grant, "https://app.example/hook");
        assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 201);
        let form = |token| {
            [
                ("client_id", simulator.client_id()),
                ("client_secret", simulator.client_secret()),
                ("token", token),
            ]
        };
        assert_eq!(oauth(&simulator, "/oauth/revoke", &form("never issued")).await.status, 200);
        assert_eq!(oauth(&simulator, "/oauth/revoke", &form(&grant.access_token)).await.status, 200);
        assert_eq!(simulator.refresh_token_state(&grant.refresh_token), RefreshTokenState::Revoked);
        assert_eq!(me(&simulator, &grant.access_token).await.status, 401);
        let subscriptions = simulator.subscriptions("anna").unwrap();
        assert_eq!(subscriptions.first().map(|subscription| text(subscription, "state")), left);
    }
}

#[tokio::test]
async fn revoking_wants_the_right_client_and_a_token() {
    let simulator = usual();
    let wrong = [("client_id", "x"), ("client_secret", "y"), ("token", "z")];
    let refused = oauth(&simulator, "/oauth/revoke", &wrong).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json(),
        json!({"error": "unauthorized_client", "error_description": "You are not authorized to revoke this token"})
    );
    let missing = oauth(&simulator, "/oauth/revoke", &wrong[..2]).await;
    assert_eq!((missing.status, text(&missing.json(), "error")), (400, "invalid_request"));
}

#[tokio::test]
async fn introspection_tells_a_living_token_from_a_dead_one() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let form = |token| {
        [("client_id", simulator.client_id()), ("client_secret", simulator.client_secret()), ("token", token)]
    };
    let body = oauth(&simulator, "/oauth/introspect", &form(&grant.access_token)).await.json();
    assert_eq!(body["active"], true);
    assert_eq!(body["owner"], json!(grant.calendly_user));
    assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 7200);
    assert_eq!(
        oauth(&simulator, "/oauth/introspect", &form(&grant.refresh_token)).await.json()["active"],
        true
    );
    assert_eq!(
        oauth(&simulator, "/oauth/introspect", &form("made up")).await.json(),
        json!({"active": false})
    );
    simulator.expire_access_token("anna").unwrap();
    assert_eq!(
        oauth(&simulator, "/oauth/introspect", &form(&grant.access_token)).await.json(),
        json!({"active": false})
    );
}
