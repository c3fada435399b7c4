//! The API: users, webhook subscriptions, permissions, limits, pages.

use calendly_keeper::simulator::{
    MissingEventScope, NewGrant, NewSubscription, Options, Plan, Role, SeedGrant, SeedUser, Simulator,
    SubscriptionScope, UniqueCallback,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answered, api, create, me, start, text, user_subscription, usual};

const HOOK: &str = "https://app.example/hook";

async fn list(simulator: &Simulator, grant: &SeedGrant, more: &str) -> Answered {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("organization", &grant.calendly_organization)
        .append_pair("user", grant.calendly_user.as_ref())
        .append_pair("scope", "user")
        .finish();
    api(simulator, Method::GET, &format!("/webhook_subscriptions?{query}{more}"), &grant.access_token).await
}

fn member(simulator: &Simulator, name: &str, role: Role) -> SeedGrant {
    let user = SeedUser { role, organization: Some("acme".into()), ..SeedUser::named(name) };
    let uri = simulator.add_user(&user);
    simulator.add_grant(&uri, &NewGrant::default()).unwrap()
}

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
async fn a_subscription_is_created_found_and_deleted() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let created = create(&simulator, &grant.access_token, &user_subscription(&grant, HOOK)).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let resource = created.json()["resource"].clone();
    let uri = text(&resource, "uri").to_owned();
    assert_eq!(created.header("location"), uri);
    assert_eq!(resource["callback_url"], HOOK);
    assert_eq!((&resource["state"], &resource["retry_started_at"]), (&json!("active"), &Value::Null));
    assert_eq!(list(&simulator, &grant, "").await.json()["collection"], json!([resource]));
    let token = &grant.access_token;
    assert_eq!(api(&simulator, Method::GET, &uri, token).await.json()["resource"], resource);
    let deleted = api(&simulator, Method::DELETE, &uri, token).await;
    assert_eq!((deleted.status, &*deleted.text), (204, ""));
    let gone = api(&simulator, Method::GET, &uri, token).await;
    assert_eq!(gone.status, 404);
    assert_eq!(
        gone.json(),
        json!({
            "title": "Resource Not Found",
            "message": "The server could not find the requested resource.",
        })
    );
    let changes: Vec<_> = simulator.ledger().subscriptions.iter().map(|entry| json!(entry.change)).collect();
    assert_eq!(changes, ["created", "deleted"]);
}

#[tokio::test]
async fn a_url_is_unique_as_wide_as_told() {
    use UniqueCallback::{Global, Organization, Owner};
    for (unique_callback, same_user, same_organization, stranger) in
        [(Owner, 409, 201, 201), (Organization, 409, 409, 201), (Global, 409, 409, 409)]
    {
        let simulator = start(Options { unique_callback, ..Options::default() });
        let (anna, ben) = (member(&simulator, "anna", Role::Owner), member(&simulator, "ben", Role::User));
        let carla = simulator.connect("carla").unwrap();
        assert_eq!(create(&simulator, &anna.access_token, &user_subscription(&anna, HOOK)).await.status, 201);
        for (grant, expected) in [(&anna, same_user), (&ben, same_organization), (&carla, stranger)] {
            let answer = create(&simulator, &grant.access_token, &user_subscription(grant, HOOK)).await;
            assert_eq!(answer.status, expected, "{} of {unique_callback:?}", grant.id);
            if expected == 409 {
                assert_eq!(
                    answer.json(),
                    json!({"title": "Already Exists", "message": "Hook with this url already exists"})
                );
            }
        }
        let other = user_subscription(&anna, "https://app.example/hook?v=2");
        assert_eq!(create(&simulator, &anna.access_token, &other).await.status, 201, "another query");
    }
}

#[tokio::test]
async fn a_disabled_subscription_blocks_its_url_until_it_is_deleted() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let wanted = user_subscription(&grant, HOOK);
    let created = create(&simulator, &grant.access_token, &wanted).await.json();
    let uri = text(&created["resource"], "uri");
    simulator.disable_subscription(uri).unwrap();
    let shown = api(&simulator, Method::GET, uri, &grant.access_token).await.json();
    assert_eq!(shown["resource"]["state"], "disabled");
    assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 409);
    assert_eq!(api(&simulator, Method::DELETE, uri, &grant.access_token).await.status, 204);
    assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 201);
}

#[tokio::test]
async fn a_callback_url_comes_back_normalised_where_told_but_is_compared_as_it_was_given() {
    let simulator = start(Options { normalise_callback_url: true, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    let odd = user_subscription(&grant, "https://App.Example:443/hook");
    let created = create(&simulator, &grant.access_token, &odd).await.json();
    assert_eq!(created["resource"]["callback_url"], HOOK);
    assert_eq!(create(&simulator, &grant.access_token, &odd).await.status, 409);
    assert_eq!(create(&simulator, &grant.access_token, &user_subscription(&grant, HOOK)).await.status, 201);
}

#[tokio::test]
async fn pages_follow_each_other_in_both_directions_and_miss_nothing() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    for number in 0..7 {
        let wanted = user_subscription(&grant, &format!("{HOOK}/{number}"));
        assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 201);
    }
    let urls = |page: &Value| -> Vec<String> {
        page["collection"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| text(item, "callback_url").to_owned())
            .collect()
    };
    let mut page = list(&simulator, &grant, "&count=3").await.json();
    let first = page.clone();
    assert_eq!(page["pagination"]["previous_page_token"], Value::Null);
    let mut seen = urls(&page);
    while let Some(next) = page["pagination"]["next_page"].as_str() {
        page = api(&simulator, Method::GET, next, &grant.access_token).await.json();
        seen.extend(urls(&page));
    }
    assert_eq!(seen, (0..7).map(|number| format!("{HOOK}/{number}")).collect::<Vec<_>>());
    let back = text(&page["pagination"], "previous_page_token");
    let middle = list(&simulator, &grant, &format!("&count=3&page_token={back}")).await.json();
    assert_eq!(urls(&middle), [format!("{HOOK}/3"), format!("{HOOK}/4"), format!("{HOOK}/5")]);
    let back = text(&middle["pagination"], "previous_page");
    let start = api(&simulator, Method::GET, back, &grant.access_token).await.json();
    assert_eq!(urls(&start), urls(&first));
    let newest = list(&simulator, &grant, "&count=1&sort=created_at:desc").await.json();
    assert_eq!(urls(&newest), [format!("{HOOK}/6")]);
}

#[tokio::test]
async fn a_count_or_page_token_that_cannot_be_is_an_invalid_argument() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    for wrong in ["&count=0", "&count=101", "&count=x", "&page_token=x", "&sort=name:asc"] {
        let answer = list(&simulator, &grant, wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
        let body = answer.json();
        assert_eq!(body["title"], "Invalid Argument");
        assert_eq!(body["message"], "The supplied parameters are invalid.");
        assert_eq!(body["details"][0]["parameter"], wrong[1..].split('=').next().unwrap());
    }
}

#[tokio::test]
async fn a_list_wants_to_know_whose_and_in_which_scope() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let ask = |query: String| {
        let simulator = simulator.clone();
        let token = anna.access_token.clone();
        async move { api(&simulator, Method::GET, &format!("/webhook_subscriptions?{query}"), &token).await }
    };
    let missing = ask(String::new()).await;
    assert_eq!(missing.status, 400);
    let organization = &anna.calendly_organization;
    assert_eq!(ask(format!("organization={organization}&scope=user")).await.status, 400);
    let empty = ask(format!("organization={organization}&scope=organization")).await;
    assert_eq!((empty.status, empty.json()["collection"].clone()), (200, json!([])));
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
async fn a_creation_that_cannot_be_names_the_parameters() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let parameters = |body: Value| -> Vec<String> {
        let details = body["details"].as_array().unwrap();
        details.iter().map(|detail| text(detail, "parameter").to_owned()).collect()
    };
    let empty = create(&simulator, &grant.access_token, &json!({})).await;
    assert_eq!(
        (empty.status, parameters(empty.json()).join(" ")),
        (400, "url organization scope events".into())
    );
    let mut wanted = user_subscription(&grant, "not a url");
    wanted["events"] = json!(["invitee.created", "routing_form_submission.created", "invitee.vanished"]);
    let wrong = create(&simulator, &grant.access_token, &wanted).await;
    assert_eq!(parameters(wrong.json()), ["url", "events", "events"]);
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

#[tokio::test]
async fn seeded_subscriptions_show_up_with_what_is_said_of_their_deliveries() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let uri = simulator
        .add_subscription(NewSubscription {
            creator: "anna".into(),
            callback_url: "https://elsewhere.example/".into(),
            events: vec!["invitee.created".into()],
            scope: SubscriptionScope::User,
            foreign: true,
        })
        .unwrap();
    let since = "2026-11-24T10:00:00Z".parse().unwrap();
    simulator.set_retry_started_at(&uri, Some(since)).unwrap();
    let shown = list(&simulator, &grant, "").await.json();
    assert_eq!(shown["collection"][0]["uri"], json!(uri));
    assert_eq!(shown["collection"][0]["retry_started_at"], "2026-11-24T10:00:00.000000Z");
    simulator.delete_subscription(&uri).unwrap();
    assert_eq!(list(&simulator, &grant, "").await.json()["collection"], json!([]));
}
