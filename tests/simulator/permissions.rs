//! Who may what: tokens, scopes, roles, plans, limits.

use calendly_keeper::simulator::{MissingEventScope, Options, Plan, Role, SeedGrant};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{HOOK, api, create, list, me, member, start, text, user_subscription, usual};

fn organization_subscription(grant: &SeedGrant, url: &str) -> Value {
    json!({
        "url": url,
        "events": ["invitee.created"],
        "organization": grant.calendly_organization,
        "scope": "organization",
    })
}

#[tokio::test]
async fn a_user_is_told_who_it_is() {
    let simulator = usual();
    let grant = simulator.connect("Anna Smith").unwrap();
    let answer = me(&simulator, &grant.access_token).await;
    let resource = &answer.json()["resource"];
    assert_eq!(resource["uri"], json!(grant.calendly_user));
    assert_eq!(resource["current_organization"], json!(grant.calendly_organization));
    assert_eq!(resource["slug"], "anna-smith");
    assert_eq!(answer.header("x-ratelimit-limit"), "500");
    assert_eq!(answer.header("x-ratelimit-remaining"), "499");
    assert_eq!(answer.header("x-ratelimit-reset"), "60");
}

#[tokio::test]
async fn a_bad_access_token_is_told_apart_by_its_text() {
    let simulator = usual();
    let unauthenticated = |message: &str| json!({"title": "Unauthenticated", "message": message});
    let grant = simulator.connect("anna").unwrap();
    let unknown = me(&simulator, "made up").await;
    assert_eq!((unknown.status, unknown.json()), (401, unauthenticated("The access token is invalid")));
    simulator.expire_access_token("anna").unwrap();
    let expired = me(&simulator, &grant.access_token).await;
    assert_eq!((expired.status, expired.json()), (401, unauthenticated("The access token expired")));
    simulator.revoke_grant("anna").unwrap();
    let revoked = me(&simulator, &grant.access_token).await;
    assert_eq!((revoked.status, revoked.json()), (401, unauthenticated("The access token was revoked")));
    let counters = simulator.counters();
    assert_eq!(counters.requests_with_expired_access_token, 1);
    assert_eq!(counters.requests_with_revoked_access_token, 1);
    assert_eq!(counters.requests_with_unknown_access_token, 1);
    assert!(simulator.ledger().access.iter().all(|entry| entry.endpoint.name() == "users_me"));
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let simulator = usual();
    let anna = member(&simulator, "anna", Role::Owner);
    let ben = member(&simulator, "ben", Role::User);
    let carla = simulator.connect("carla").unwrap();
    let denied = |message: &str| json!({"title": "Permission Denied", "message": message});
    let resource = "You do not have permission to access this resource.";

    let by_member = create(&simulator, &ben.access_token, &organization_subscription(&ben, HOOK)).await;
    assert_eq!((by_member.status, by_member.json()), (403, denied(resource)));
    let foreign = create(&simulator, &carla.access_token, &organization_subscription(&anna, HOOK)).await;
    assert_eq!((foreign.status, foreign.json()), (403, denied(resource)));
    let for_other = create(&simulator, &ben.access_token, &user_subscription(&anna, HOOK)).await;
    assert_eq!((for_other.status, for_other.json()), (403, denied("You do not have permission")));

    let as_ben = |grant: &SeedGrant| SeedGrant { access_token: ben.access_token.clone(), ..grant.clone() };
    let other_user = list(&simulator, &as_ben(&anna), "").await;
    assert_eq!((other_user.status, other_user.json()), (403, denied("Unauthorized")));
    let other_organization = list(&simulator, &as_ben(&carla), "").await;
    assert_eq!(
        (other_organization.status, other_organization.json()),
        (403, denied("You do not have permission"))
    );

    let made = create(&simulator, &anna.access_token, &organization_subscription(&anna, HOOK)).await;
    let uri = text(&made.json()["resource"], "uri").to_owned();
    let taken = api(&simulator, Method::DELETE, &uri, &ben.access_token).await;
    assert_eq!((taken.status, taken.json()), (403, denied(resource)));
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let insufficient = |scope: &str| {
        json!({
            "title": "Insufficient scope",
            "message": "This operation requires the scopes listed in the 'required_scopes' array.",
            "required_scopes": [scope],
        })
    };
    simulator.remove_scope("anna", "scheduled_events:read").unwrap();
    let wanted = user_subscription(&grant, HOOK);
    let refused = create(&simulator, &grant.access_token, &wanted).await;
    assert_eq!((refused.status, refused.json()), (403, insufficient("scheduled_events:read")));

    simulator.reconfigure(|options| options.missing_event_scope = MissingEventScope::BadRequest).unwrap();
    let refused = create(&simulator, &grant.access_token, &wanted).await;
    assert_eq!(refused.status, 400);
    let bare = json!({"title": "Invalid Argument", "message": "The supplied parameters are invalid."});
    assert_eq!(refused.json(), bare);

    simulator.remove_scope("anna", "webhooks:write").unwrap();
    let refused = create(&simulator, &grant.access_token, &wanted).await;
    assert_eq!((refused.status, refused.json()), (403, insufficient("webhooks:write")));
    let refused = list(&simulator, &grant, "").await;
    assert_eq!((refused.status, refused.json()), (403, insufficient("webhooks:read")));
}

#[tokio::test]
async fn a_plan_that_has_no_webhooks_is_told_to_upgrade() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    simulator.set_plan("anna", Plan::FreeWithoutWebhooks).unwrap();
    let refused = create(&simulator, &grant.access_token, &user_subscription(&grant, HOOK)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json(),
        json!({"title": "Permission Denied", "message": "Please upgrade to a paid Calendly account."})
    );
    simulator.set_plan("anna", Plan::Free).unwrap();
    let made = create(&simulator, &grant.access_token, &user_subscription(&grant, HOOK)).await;
    assert_eq!((made.status, made.header("x-ratelimit-limit")), (201, "50"));
}

#[tokio::test]
async fn requests_above_the_limit_of_a_minute_are_refused() {
    let simulator = start(Options { free_requests_per_minute: 3, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    simulator.set_plan("anna", Plan::Free).unwrap();
    for _ in 0..3 {
        assert_eq!(me(&simulator, &grant.access_token).await.status, 200);
    }
    let refused = me(&simulator, &grant.access_token).await;
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (429, "0"));
    assert_eq!(simulator.counters().requests_throttled, 1);
    let other = simulator.connect("ben").unwrap();
    assert_eq!(me(&simulator, &other.access_token).await.status, 200, "a limit is one user's");
    simulator.reconfigure(|options| options.free_requests_per_minute = 0).unwrap();
    assert_eq!(me(&simulator, &grant.access_token).await.status, 200);
}
