//! Webhook subscriptions and the user.

use std::collections::BTreeSet;
use std::time::Duration;

use calendly_keeper::domain::subscription::{Found, Owner, State};
use calendly_keeper::ports::{ApiError, ApiErrorClass, Caller, NewSubscription, Subscriptions};

use crate::canned::{ACCESS, Server, Step, answer, as_anna, client, soon};

const SUBSCRIPTION: &str = r#"{"uri":"https://api.calendly.com/webhook_subscriptions/AAAA-1","callback_url":
    "https://blah.foo/bar","created_at":"2019-08-24T14:15:22.123456Z","retry_started_at":null,"state":"active",
    "events":["invitee.created","brand.new"],"scope":"user","creator":null,"group":null}"#;

fn organization() -> Owner {
    Owner { organization: "https://x.test/organizations/O".into(), user: None }
}

fn anna() -> Owner {
    Owner { user: Some("https://x.test/users/A".into()), ..organization() }
}

fn page(collection: &str, next: &str) -> Step {
    let pagination = format!(r#"{{"count":1,"next_page_token":{next},"previous_page":null}}"#);
    Step::Answer(answer(
        "200 OK",
        "",
        &format!(r#"{{"collection":[{collection}],"pagination":{pagination}}}"#),
    ))
}

async fn list(server: &Server, owner: &Owner) -> Result<Vec<Found>, ApiError> {
    let (calendly, _) = server.client();
    as_anna(async |anna| soon(calendly.api.list(anna, owner)).await).await
}

#[tokio::test]
async fn the_user_behind_a_token_is_read_from_a_real_answer() {
    let body = r#"{"resource":{"avatar_url":null,"uri":"https://x.test/users/abc","name":"N",
        "current_organization":"https://x.test/organizations/xyz","locale":"en"}}"#;
    let server = Server::start(|_, _| Step::Answer(answer("200 OK", "", body))).await;
    let (calendly, _) = server.client();
    let me = as_anna(async |anna| soon(calendly.api.me(anna)).await).await.unwrap();
    assert_eq!(
        (&*me.user, &*me.organization),
        ("https://x.test/users/abc", "https://x.test/organizations/xyz")
    );
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "GET /users/me HTTP/1.1");
    assert_eq!(request.header("authorization"), Some(format!("Bearer {ACCESS}").as_str()));
}

#[tokio::test]
async fn a_list_follows_every_page_and_names_its_owner() {
    let server = Server::start(|number, _| page(SUBSCRIPTION, ["\"a b&\"", "\"c\"", "null"][number])).await;
    let found = list(&server, &anna()).await.unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].state, State::Active);
    assert!(found[0].events.contains("brand.new"));
    assert_eq!(found[0].created_at.unwrap().timestamp_subsec_micros(), 123_456);
    let first = "GET /webhook_subscriptions?organization=https%3A%2F%2Fx.test%2Forganizations%2FO&scope=user\
        &user=https%3A%2F%2Fx.test%2Fusers%2FA&count=100";
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            format!("{first} HTTP/1.1"),
            format!("{first}&page_token=a+b%26 HTTP/1.1"),
            format!("{first}&page_token=c HTTP/1.1")
        ]
    );
}

#[tokio::test]
async fn a_list_of_an_organization_names_no_user() {
    let server = Server::start(|_, _| Step::Answer(answer("200 OK", "", r#"{"collection":[]}"#))).await;
    assert_eq!(list(&server, &organization()).await.unwrap(), []);
    let line = &server.requests()[0].line;
    assert!(line.contains("scope=organization") && !line.contains("user="), "{line}");
}

#[tokio::test]
async fn a_list_that_fails_on_its_second_page_is_an_error() {
    for step in [
        || Step::Answer(answer("400 Bad Request", "", r#"{"title":"Invalid Argument"}"#)),
        || Step::Answer(answer("500 Internal Server Error", "", "")),
        || Step::Answer(answer("200 OK", "", r#"{"collection":[{"uri":"x"}]}"#)),
        || Step::Answer(answer("200 OK", "", "<html>")),
        || Step::Close("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"collection\":[]".into()),
    ] {
        let server =
            Server::start(move |number, _| if number == 0 { page(SUBSCRIPTION, "\"next\"") } else { step() })
                .await;
        list(&server, &anna()).await.unwrap_err();
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_are_an_error() {
    let server = Server::start(|number, _| page("", ["\"a\"", "\"b\""][number % 2])).await;
    assert_eq!(list(&server, &anna()).await.unwrap_err().class, ApiErrorClass::Unreadable);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_next_page_given_only_as_a_url_is_asked_for_here_and_not_there() {
    let elsewhere = Server::start(|_, _| page("", "null")).await;
    let url = format!("{}webhook_subscriptions?count=1&page_token=tt", elsewhere.url());
    let server = Server::start(move |number, _| match number {
        0 => {
            let body = format!(r#"{{"collection":[],"pagination":{{"next_page":"{url}"}}}}"#);
            Step::Answer(answer("200 OK", "", &body))
        }
        _ => page(SUBSCRIPTION, "null"),
    })
    .await;
    assert_eq!(list(&server, &anna()).await.unwrap().len(), 1);
    assert!(server.requests()[1].line.contains("page_token=tt"));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_subscription_is_created_with_its_owner_and_without_a_key() {
    let created = format!(r#"{{"resource":{SUBSCRIPTION}}}"#);
    let server = Server::start(move |_, _| Step::Answer(answer("201 Created", "", &created))).await;
    let (calendly, _) = server.client();
    let events = BTreeSet::from(["invitee.created".to_owned()]);
    as_anna(async |caller| {
        for owner in [anna(), organization()] {
            let new =
                NewSubscription { owner: &owner, callback_url: "https://blah.foo/bar", events: &events };
            let found = soon(calendly.api.create(caller, &new)).await.unwrap();
            assert_eq!(found.uri, "https://api.calendly.com/webhook_subscriptions/AAAA-1");
        }
    })
    .await;
    let bodies: Vec<serde_json::Value> =
        server.requests().iter().map(|r| serde_json::from_str(&r.body).unwrap()).collect();
    assert_eq!(
        bodies[0],
        serde_json::json!({"url": "https://blah.foo/bar", "events": ["invitee.created"], "scope": "user",
            "organization": "https://x.test/organizations/O", "user": "https://x.test/users/A"})
    );
    assert_eq!(bodies[1]["scope"], "organization");
    assert!(bodies[1].get("user").is_none());
    assert_eq!(server.requests()[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn one_is_asked_for_and_deleted_at_the_configured_host_only() {
    let elsewhere = Server::start(|_, _| Step::Close(String::new())).await;
    let body = format!(r#"{{"resource":{SUBSCRIPTION}}}"#);
    let server = Server::start(move |number, _| match number {
        0 => Step::Answer(answer("200 OK", "", &body)),
        1 => Step::Answer("HTTP/1.1 204 No Content\r\n\r\n".into()),
        _ => Step::Answer(answer("404 Not Found", "", r#"{"title":"Resource Not Found"}"#)),
    })
    .await;
    let (calendly, _) = server.client();
    let uri = format!("{}webhook_subscriptions/AAAA-1", elsewhere.url());
    as_anna(async |caller| {
        soon(calendly.api.get(caller, &uri)).await.unwrap();
        soon(calendly.api.delete(caller, &uri)).await.unwrap();
        soon(calendly.api.delete(caller, &uri)).await.expect("gone already is fine");
        let gone = soon(calendly.api.get(caller, &uri)).await.unwrap_err();
        assert_eq!(gone.class, ApiErrorClass::NotFound);
    })
    .await;
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines[0], "GET /webhook_subscriptions/AAAA-1 HTTP/1.1");
    assert_eq!(lines[1], "DELETE /webhook_subscriptions/AAAA-1 HTTP/1.1");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_stored_uri_that_is_no_subscriptions_is_not_asked_for() {
    let server = Server::start(|_, _| Step::Answer("HTTP/1.1 204 No Content\r\n\r\n".into())).await;
    let (calendly, _) = server.client();
    as_anna(async |caller| {
        for id in ["", "..", ".", "a?b", "a#b", "a%2Fb", "a b", "ü", &"x".repeat(129)] {
            let uri = format!("https://api.calendly.com/webhook_subscriptions/{id}");
            let error = soon(calendly.api.delete(caller, &uri)).await.unwrap_err();
            assert_eq!(error.class, ApiErrorClass::InvalidRequest, "{uri}");
        }
        for uri in ["", "AAAA", "https://api.calendly.com/users/AAAA"] {
            soon(calendly.api.get(caller, uri)).await.unwrap_err();
        }
    })
    .await;
    assert_eq!(server.connections(), 0);
}

async fn refused_with(status: &'static str, body: &'static str) -> ApiError {
    let server = Server::start(move |_, _| Step::Answer(answer(status, "Location: /\r\n", body))).await;
    let (calendly, _) = server.client();
    let error = as_anna(async |anna| soon(calendly.api.me(anna)).await).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
    error
}

#[tokio::test]
async fn refusals_are_classed_by_status_and_title() {
    for (status, body, class) in [
        ("200 OK", "", ApiErrorClass::Unreadable),
        ("204 No Content", "", ApiErrorClass::Unreadable),
        ("307 Temporary", "", ApiErrorClass::Unreadable),
        ("401 Unauthorized", "", ApiErrorClass::Unauthenticated),
        ("403 Forbidden", r#"{"title":"Permission Denied"}"#, ApiErrorClass::PermissionDenied),
        ("403 Forbidden", "<html>a firewall: Insufficient scope", ApiErrorClass::Unavailable),
        ("404 Not Found", "", ApiErrorClass::NotFound),
        ("409 Conflict", r#"{"title":"Already Exists"}"#, ApiErrorClass::AlreadyExists),
        ("422 Unprocessable", r#"{"title":"Invalid Argument"}"#, ApiErrorClass::InvalidRequest),
        ("400 Bad Request", "", ApiErrorClass::Unavailable),
        ("500 Internal Server Error", "", ApiErrorClass::Unavailable),
    ] {
        assert_eq!(refused_with(status, body).await.class, class, "{status}");
    }
    let scopes =
        r#"{"title":"Insufficient scope","message":"…","required_scopes":["webhooks:write","users:read"]}"#;
    assert_eq!(
        refused_with("403 Forbidden", scopes).await.class,
        ApiErrorClass::InsufficientScope(vec!["webhooks:write".into(), "users:read".into()])
    );
    let details = r#"{"title":"Invalid Argument","message":"The supplied parameters are invalid.",
        "details":[{"parameter":"url","message":"must be https"},{"parameter":"events","message":"is empty"}]}"#;
    assert_eq!(
        refused_with("400 Bad Request", details).await.to_string(),
        "ask who the user is: 400 Invalid Argument: The supplied parameters are invalid.; url: must be https; \
         events: is empty"
    );
}

async fn me(calendly: &calendly_keeper::calendly::Calendly, caller: Caller<'_>) -> Option<ApiErrorClass> {
    soon(calendly.api.me(caller)).await.err().map(|error| error.class)
}

#[tokio::test]
async fn an_exhausted_window_is_not_asked_again() {
    // given a window with nothing left for 30 s
    let headers = "X-RateLimit-Limit: 50\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 30\r\n";
    let body = r#"{"resource":{"uri":"u","current_organization":"o"}}"#;
    let server = Server::start(move |_, _| Step::Answer(answer("200 OK", headers, body))).await;
    let (calendly, clock) = server.client();
    as_anna(async |anna| {
        assert_eq!(me(&calendly, anna).await, None);
        // when it is asked for again, then nothing is sent
        clock.turn(Duration::from_secs(10));
        let wait = Some(Duration::from_secs(20));
        assert_eq!(me(&calendly, anna).await, Some(ApiErrorClass::Throttled(wait)));
        assert_eq!(server.requests().len(), 1);
        // and another user is not held up
        assert_eq!(me(&calendly, Caller { rate_key: "ben", ..anna }).await, None);
        // until the window is over
        clock.turn(Duration::from_secs(20));
        assert_eq!(me(&calendly, anna).await, None);
        assert_eq!(server.requests().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_429_holds_the_user_up_for_as_long_as_it_says() {
    let server = Server::start(|_, _| Step::Answer(answer("429 Too Many", "Retry-After: 5\r\n", ""))).await;
    let (calendly, clock) = server.client();
    as_anna(async |anna| {
        let wait = |seconds| Some(ApiErrorClass::Throttled(Some(Duration::from_secs(seconds))));
        assert_eq!(me(&calendly, anna).await, wait(5));
        clock.turn(Duration::from_secs(4));
        assert_eq!(me(&calendly, anna).await, wait(1));
        assert_eq!(server.requests().len(), 1);
        clock.turn(Duration::from_secs(1));
        assert_eq!(me(&calendly, anna).await, wait(5));
        assert_eq!(server.requests().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn no_connection_and_no_answer_in_time_are_unavailable() {
    let server = Server::start(|_, _| Step::Hang(String::new())).await;
    let (hanging, _) = client(server.url(), |s| s.request_timeout = Duration::from_millis(100));
    let (absent, _) = client("http://calendly.invalid".parse().unwrap(), |_| {});
    as_anna(async |anna| {
        assert_eq!(me(&hanging, anna).await, Some(ApiErrorClass::Unavailable));
        assert_eq!(me(&absent, anna).await, Some(ApiErrorClass::Unavailable));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_not_sent() {
    let server = Server::start(|_, _| Step::Close(String::new())).await;
    let (calendly, _) = server.client();
    let token = calendly_keeper::domain::secrets::AccessToken::new("line\r\nX-Evil: 1");
    let class = me(&calendly, Caller { rate_key: "anna", token: &token }).await;
    assert_eq!(class, Some(ApiErrorClass::Unauthenticated));
    assert_eq!(server.connections(), 0);
}
