//! Every kind of answer of the API against Calendly's own description of it, and its error bodies against
//! those that were collected. Both lie beside the repository; where they do not, these tests are ignored.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind, Options, Plan, SeedUser, UniqueCallback};
use reqwest::Method;
use serde_json::Value;

use crate::support::{Answered, api, create, me, oauth, refresh, start, text, user_subscription, usual};

pub(crate) const OPENAPI: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/calendly/openapi-2026-partial.json");
const ERRORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/calendly/samples/errors.json");

pub(crate) fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of an answer, with the document's components where its references look for them.
fn schema(document: &Value, path: &str, method: &str, status: u16) -> Value {
    let response = &document["paths"][path][method]["responses"][status.to_string()];
    assert!(!response.is_null(), "{method} {path} does not answer {status}");
    let mut schema = response["content"]["application/json"]["schema"].clone();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("components".into(), document["components"].clone());
    }
    schema
}

pub(crate) fn mistakes(schema: &Value, body: &Value) -> Vec<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let mistakes = validator.iter_errors(body);
    mistakes.map(|mistake| format!("{} at {}", mistake, mistake.instance_path())).collect()
}

pub(crate) fn check(document: &Value, path: &str, method: &str, answer: &Answered) {
    let schema = schema(document, path, method, answer.status);
    if schema.is_null() {
        assert_eq!(answer.text, "", "{method} {path}: no body is described");
        return;
    }
    assert!(answer.header("content-type").starts_with("application/json"));
    let body = answer.json();
    let mistakes = mistakes(&schema, &body);
    assert!(mistakes.is_empty(), "{method} {path} {}: {mistakes:?} in {body}", answer.status);
}

#[tokio::test]
#[cfg_attr(not(has_shared), ignore = "needs ../shared/reference, which is not here")]
async fn every_answer_of_the_api_is_as_calendly_describes_it() {
    let document = read(OPENAPI);
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let ben = simulator.connect("ben").unwrap();
    let token = &*anna.access_token;
    let (hooks, one) = ("/webhook_subscriptions", "/webhook_subscriptions/{webhook_uuid}");

    check(&document, "/users/me", "get", &me(&simulator, token).await);
    check(&document, "/users/me", "get", &me(&simulator, "made up").await);

    let created = create(&simulator, token, &user_subscription(&anna, "https://app.example/1")).await;
    check(&document, hooks, "post", &created);
    let uri = text(&created.json()["resource"], "uri").to_owned();
    for number in 2..5 {
        create(&simulator, token, &user_subscription(&anna, &format!("https://app.example/{number}"))).await;
    }
    let taken = create(&simulator, token, &user_subscription(&anna, "https://app.example/1")).await;
    assert_eq!(taken.status, 409);
    check(&document, hooks, "post", &taken);
    let query =
        format!("organization={}&user={}&scope=user&count=2", anna.calendly_organization, anna.calendly_user);
    let mut page = api(&simulator, Method::GET, &format!("{hooks}?{query}"), token).await;
    check(&document, hooks, "get", &page);
    while let Some(next) = page.json()["pagination"]["next_page"].as_str().map(str::to_owned) {
        page = api(&simulator, Method::GET, &next, token).await;
        check(&document, hooks, "get", &page);
    }
    simulator.disable_subscription(&uri).unwrap();
    simulator.set_retry_started_at(&uri, Some(chrono::Utc::now())).unwrap();
    check(&document, one, "get", &api(&simulator, Method::GET, &uri, token).await);

    for (token, expected) in [("made up", 401), (&*ben.access_token, 403)] {
        let listed = api(&simulator, Method::GET, &format!("{hooks}?{query}"), token).await;
        let got = api(&simulator, Method::GET, &uri, token).await;
        let deleted = api(&simulator, Method::DELETE, &uri, token).await;
        let made = create(&simulator, token, &user_subscription(&anna, "https://app.example/9")).await;
        for (path, method, answer) in
            [(hooks, "get", &listed), (one, "get", &got), (one, "delete", &deleted), (hooks, "post", &made)]
        {
            assert_eq!(answer.status, expected, "{method} {path}");
            check(&document, path, method, answer);
        }
    }
    check(&document, hooks, "get", &api(&simulator, Method::GET, hooks, token).await);
    check(&document, hooks, "post", &create(&simulator, token, &Value::Null).await);
    check(&document, one, "delete", &api(&simulator, Method::DELETE, &uri, token).await);
    check(&document, one, "delete", &api(&simulator, Method::DELETE, &uri, token).await);
    check(&document, one, "get", &api(&simulator, Method::GET, &uri, token).await);
    simulator.remove_scope("anna", "webhooks:write").unwrap();
    let refused = create(&simulator, token, &user_subscription(&anna, "https://app.example/8")).await;
    assert_eq!(refused.status, 403);
    check(&document, hooks, "post", &refused);
}

/// The collected error bodies that this test provokes, by what they say.
pub(crate) fn collected(errors: &Value, surface: &str, status: u16, says: &str) -> Value {
    let found = errors.as_array().unwrap().iter().find(|error| {
        error["surface"] == surface && error["status"] == status && error["body"].to_string().contains(says)
    });
    found.unwrap_or_else(|| panic!("no {surface} {status} that says {says}"))["body"].clone()
}

#[tokio::test]
#[cfg_attr(not(has_shared), ignore = "needs ../shared/reference, which is not here")]
async fn error_bodies_are_those_that_calendly_sends_word_for_word() {
    let errors = read(ERRORS);
    let simulator = start(Options { unique_callback: UniqueCallback::Global, ..Options::default() });
    let anna = simulator.connect("anna").unwrap();
    let token = &*anna.access_token;
    let wanted = user_subscription(&anna, "https://app.example/1");
    let same = |answer: &Answered, surface: &str, says: &str| {
        assert_eq!(answer.json(), collected(&errors, surface, answer.status, says));
    };

    same(&me(&simulator, "made up").await, "api", "Unauthenticated");
    create(&simulator, token, &wanted).await;
    same(&create(&simulator, token, &wanted).await, "api", "Already Exists");
    let missing = format!("/webhook_subscriptions/{}", uuid::Uuid::nil());
    same(&api(&simulator, Method::GET, &missing, token).await, "api", "Resource Not Found");
    simulator.set_plan("anna", Plan::FreeWithoutWebhooks).unwrap();
    same(
        &create(&simulator, token, &user_subscription(&anna, "https://app.example/2")).await,
        "api",
        "to a paid",
    );
    simulator.remove_scope("anna", "webhooks:write").unwrap();
    same(&create(&simulator, token, &wanted).await, "api", "Insufficient scope");

    same(&refresh(&simulator, "made up").await, "oauth", "invalid_grant");
    same(&oauth(&simulator, "/oauth/token", &[]).await, "oauth", "invalid_request");
    let wrong = [("grant_type", "password")];
    same(&oauth(&simulator, "/oauth/token", &wrong).await, "oauth", "unsupported_grant_type");
    let stranger = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    same(&oauth(&simulator, "/oauth/token", &stranger).await, "oauth", "invalid_client");
    let stranger = [("client_id", "x"), ("client_secret", "y"), ("token", "z")];
    same(&oauth(&simulator, "/oauth/revoke", &stranger).await, "oauth", "unauthorized_client");
    let path = format!(
        "/oauth/authorize?client_id={}&response_type=code&redirect_uri=http://localhost/&scope=everything",
        simulator.client_id()
    );
    same(&api(&simulator, Method::GET, &path, "").await, "oauth", "invalid_scope");
}

#[tokio::test]
#[cfg_attr(not(has_shared), ignore = "needs ../shared/reference, which is not here")]
async fn a_broken_server_can_be_told_to_say_what_calendly_says() {
    let errors = read(ERRORS);
    let simulator = usual();
    let user = simulator.add_user(&SeedUser::named("anna"));
    let grant = simulator.add_grant(&user, &Default::default()).unwrap();
    let said = collected(&errors, "api", 500, "Internal Server Error");
    let kind = FaultKind::Status { code: 500, body: Some(said.clone()), headers: Default::default() };
    simulator.fault(Fault::next(Endpoint::UsersMe, kind)).unwrap();
    let answer = me(&simulator, &grant.access_token).await;
    assert_eq!(answer.json(), said);
    check(&read(OPENAPI), "/users/me", "get", &answer);
}
