//! A user is connected by a link.

use serde_json::json;
use ureq::http::Method;

use crate::api::{Api, Served};
use crate::browser::{RETURN_URL, connecting, parameter, visit};
use crate::installation::Installation;

fn with_anna() -> Served {
    let served = connecting(|_| {});
    served.knows("anna");
    served
}

#[test]
fn a_link_leads_over_consent_and_confirmation_to_an_active_connection() {
    let served = with_anna();
    let link = served.link("user-1");
    let asked: url::Url = link.url.parse().unwrap();
    assert!(link.url.starts_with(&format!("{}/oauth/authorize?", served.place.simulator.url())));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", served.place.simulator.client_id()),
        ("scope", "users:read webhooks:write scheduled_events:read"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&asked, name).as_deref(), Some(value));
    }
    let redirect_uri: url::Url = parameter(&asked, "redirect_uri").unwrap().parse().unwrap();
    assert_eq!((redirect_uri.host_str(), redirect_uri.path()), (Some("localhost"), "/oauth/callback"));

    let back = served.agree(&link, "anna");
    let sent = served.come_back(&back).is(303);
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    assert_eq!(sent.header("referrer-policy"), Some("no-referrer"), "the code goes no further");
    let there = sent.sent_to();
    assert!(there.as_str().starts_with(&format!("{RETURN_URL}?connection=user-1&outcome=connected&ticket=")));
    served.api.get("/v1/connections/user-1").fails_with(404, "unknown-connection");

    let ticket = parameter(&there, "ticket").unwrap();
    let connection = served.confirm("user-1", &ticket).is(200).body;
    assert_eq!((&connection["id"], &connection["status"]), (&json!("user-1"), &json!("active")));
    assert_eq!(connection["webhook"]["state"], "ok");
    assert!(connection["calendly_user"].as_str().unwrap().contains("/users/"));
    assert_eq!(served.place.simulator.subscriptions("anna").unwrap().len(), 1);
    served.api.get("/v1/connections/user-1/access-token").is(200);
    served.confirm("user-1", &ticket).fails_with(409, "ticket-used");
    assert_eq!(served.codes(), (1, 0));
    served.place.assert_nothing_reused();
}

#[test]
fn without_confirmation_the_callback_alone_connects() {
    let served = connecting(|place| place.set("CONNECT__CONFIRM", "false"));
    served.knows("anna");
    let there = served.goes_through("user-1", "anna");
    assert_eq!(there.as_str(), format!("{RETURN_URL}?connection=user-1&outcome=connected"));
    assert_eq!(served.api.get("/v1/connections/user-1").is(200).body["status"], "active");
}

#[test]
fn who_says_no_is_sent_back_and_nothing_is_stored() {
    let served = with_anna();
    served.place.simulator.consent_as(None, true, None).unwrap();
    let back = served.visit_consent(&served.link("user-1"));
    let there = served.come_back(&back).is(303).sent_to();
    assert_eq!(there.as_str(), format!("{RETURN_URL}?connection=user-1&outcome=denied"));
    served.api.get("/v1/connections/user-1").fails_with(404, "unknown-connection");
    assert_eq!(served.codes(), (0, 0));
}

#[test]
fn who_grants_less_than_asked_is_connected_and_what_is_missing_is_named() {
    let served = with_anna();
    served.place.simulator.consent_as(Some("anna"), false, Some("users:read".into())).unwrap();
    let back = served.visit_consent(&served.link("user-1"));
    let ticket = parameter(&served.come_back(&back).is(303).sent_to(), "ticket").unwrap();
    let connection = served.confirm("user-1", &ticket).is(200).body;
    assert_eq!(connection["status"], "webhook_unavailable");
    assert_eq!(connection["scopes"], json!(["users:read"]));
    assert_eq!(connection["missing_scopes"], json!(["scheduled_events:read", "webhooks:write"]));
}

#[test]
fn where_no_page_waits_the_user_is_told_and_whoever_asked_looks() {
    let served = with_anna();
    let link = served.link_for(&json!({ "id": "user-1" }));
    let path = format!("/v1/connect/{}", link.flow);
    assert_eq!(served.api.get(&path).is(200).body["outcome"], "pending");
    let waiting = std::thread::spawn({
        let (api, path) = (served.api.clone(), path.clone());
        move || api.get(&format!("{path}?wait=30s")).is(200).body
    });
    let page = served.come_back(&served.agree(&link, "anna")).is(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("<h1>Almost connected</h1>"), "{}", page.text);
    let stands = waiting.join().unwrap();
    assert_eq!(stands["outcome"], "connected");
    assert!(stands["calendly_user"].is_string());
    served.confirm("user-1", stands["ticket"].as_str().unwrap()).is(200);

    let other = served.link("user-1");
    served.come_back(&served.agree(&other, "anna")).is(303);
    let looked = served.api.get(&format!("/v1/connect/{}", other.flow)).is(200).body;
    assert_eq!(
        (&looked["outcome"], &looked["ticket"]),
        (&json!("connected"), &json!(null)),
        "his browser has it"
    );
}

#[test]
fn bad_requests_are_named_and_begin_nothing() {
    let served = connecting(|place| {
        place.set("SERVER__API_TOKENS", "all:admin:all-of-it-secret,eye:read+tokens:only-looks-secret");
    });
    let api = served.api.as_(Some("all-of-it-secret"));
    for (body, status, name) in [
        (json!({}), 400, "invalid-request"),
        (json!({ "id": "a b" }), 400, "invalid-request"),
        (json!({ "id": "a", "colour": "red" }), 400, "invalid-request"),
        (json!({ "id": "a", "change_user": "yes" }), 400, "invalid-request"),
        (json!({ "id": "a", "return_url": "done" }), 400, "invalid-request"),
        (json!({ "id": "a", "return_url": format!("{RETURN_URL}?ticket=x") }), 400, "invalid-request"),
        (json!({ "id": "a", "return_url": "https://evil.example/calendly" }), 400, "return-url-not-allowed"),
        (json!({ "id": "a", "return_url": "https://app.example/calendlyx" }), 400, "return-url-not-allowed"),
        (
            json!({ "id": "a", "return_url": "https://app.example/calendly/../admin" }),
            400,
            "return-url-not-allowed",
        ),
        (
            json!({ "id": "a", "return_url": "https://app.example@evil.example/calendly" }),
            400,
            "return-url-not-allowed",
        ),
        (json!({ "id": "a", "return_url": "javascript:alert(1)" }), 400, "return-url-not-allowed"),
    ] {
        api.send("/v1/connect", &body).fails_with(status, name);
    }
    let wanted = json!({ "id": "a", "return_url": RETURN_URL });
    let eye = served.api.as_(Some("only-looks-secret"));
    eye.send("/v1/connect", &wanted).fails_with(403, "forbidden");
    eye.send("/v1/connect/confirm", &json!({ "id": "a", "ticket": "t" })).fails_with(403, "forbidden");
    eye.get("/v1/connect/7c9f6d1e-3f2b-4a58-9d7e-000000000000").fails_with(403, "forbidden");
    api.get("/v1/connect/7c9f6d1e-3f2b-4a58-9d7e-000000000000").fails_with(410, "flow-expired");
    api.get("/v1/connect/nothing").fails_with(400, "invalid-request");
    for ticket in ["", "t", "dGlja2V0"] {
        api.send("/v1/connect/confirm", &json!({ "id": "a", "ticket": ticket }))
            .fails_with(410, "flow-expired");
    }
}

#[test]
fn browsers_come_back_to_the_public_address_where_there_is_one() {
    let served = connecting(|place| {
        place.set("SERVER__PUBLIC_LISTEN", "127.0.0.1:0");
        place.set("SERVER__PUBLIC_URL", "https://keeper.example.com/calendly");
    });
    let link: url::Url = served.link("user-1").url.parse().unwrap();
    let redirect_uri = parameter(&link, "redirect_uri");
    assert_eq!(redirect_uri.as_deref(), Some("https://keeper.example.com/calendly/oauth/callback"));
    served.api.get("/oauth/callback?state=x&code=y").fails_with(404, "not-found");
    let line = served.keeper.wait_for(&["listening", "serves=public"]);
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap();
    let answer = visit(Method::GET, &format!("http://{address}/oauth/callback?state=x&code=y"), &[]);
    answer.fails_with(400, "unknown-flow");
    visit(Method::GET, &format!("http://{address}/v1/connections"), &[]).fails_with(404, "not-found");
}

#[test]
fn where_no_browser_could_come_back_the_remedy_is_named() {
    let mut place = Installation::new(7200);
    place.set("SERVER__LISTEN", "0.0.0.0:0");
    let keeper = place.started();
    let refused = Api::of(&place, &keeper).send("/v1/connect", &json!({ "id": "a" }));
    let refused = refused.fails_with(409, "public-url-missing");
    assert!(refused.body["detail"].as_str().unwrap().contains("server.public_url"));
}
