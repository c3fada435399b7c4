//! Webhook subscriptions: made, found, unique, paged, deleted.

use calendly_keeper::simulator::{NewSubscription, Options, Role, SubscriptionScope, UniqueCallback};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{HOOK, api, create, list, member, start, text, user_subscription, usual};

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
