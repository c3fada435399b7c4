//! Every kind of fault, as a client sees it and as the ledger tells it.

use std::time::Instant;

use calendly_keeper::simulator::{
    Endpoint, Fault, FaultKind, Options, PresentationOutcome, RefreshTokenState, SeedGrant, Simulator,
};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{create, me, refresh, refresh_raw, start, text, until, user_subscription, usual};

fn with_fault(kind: FaultKind) -> (Simulator, SeedGrant) {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    simulator.fault(Fault::next(Endpoint::Token, kind)).unwrap();
    (simulator, grant)
}

/// The bytes that come back for a refresh, and how the connection ended.
async fn raw_refresh(simulator: &Simulator, refresh_token: &str) -> (String, std::io::Result<()>) {
    let body = format!(
        "grant_type=refresh_token&refresh_token={refresh_token}&client_id={}&client_secret={}",
        simulator.client_id(),
        simulator.client_secret()
    );
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    (String::from_utf8(bytes).unwrap(), end)
}

fn unspent(simulator: &Simulator, grant: &SeedGrant) {
    assert_eq!(simulator.refresh_token_state(&grant.refresh_token), RefreshTokenState::Living);
    let last = simulator.ledger().presented.pop().unwrap();
    assert_eq!(last.outcome, PresentationOutcome::FaultBeforeEffect);
}

/// The token is spent, the answer did not leave whole, and whoever comes again is not to blame.
async fn spent_without_an_answer(simulator: &Simulator, grant: &SeedGrant) {
    assert_eq!(simulator.refresh_token_state(&grant.refresh_token), RefreshTokenState::Spent);
    assert_eq!(simulator.counters().rotations, 1);
    assert!(!simulator.ledger().issued[0].whole);
    refresh(simulator, &grant.refresh_token).await;
    let counters = simulator.counters();
    assert_eq!((counters.tokens_reused, counters.presented_after_whole_answer), (1, 0));
}

#[tokio::test]
async fn a_status_comes_before_any_effect() {
    let body = Some(json!({"title": "Internal Server Error"}));
    let headers = [("x-extra".to_owned(), "1".to_owned())].into();
    let (simulator, grant) = with_fault(FaultKind::Status { code: 503, body, headers });
    let answer = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!((answer.status, answer.header("x-extra")), (503, "1"));
    assert_eq!(answer.json(), json!({"title": "Internal Server Error"}));
    unspent(&simulator, &grant);
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 200, "once means once");
}

#[tokio::test]
async fn a_gateway_answers_after_the_effect() {
    let (simulator, grant) = with_fault(FaultKind::GatewayAfterEffect { code: 504 });
    let answer = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!((answer.status, answer.header("content-type")), (504, "text/html; charset=utf-8"));
    assert!(answer.text.contains("504 Gateway Timeout"));
    spent_without_an_answer(&simulator, &grant).await;
}

#[tokio::test]
async fn an_answer_that_is_not_json_comes_after_or_before_the_effect() {
    let (simulator, grant) = with_fault(FaultKind::NotJson);
    let answer = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!((answer.status, answer.text.starts_with("<html>")), (200, true));
    spent_without_an_answer(&simulator, &grant).await;

    let (simulator, grant) = with_fault(FaultKind::HtmlBefore);
    let answer = refresh(&simulator, &grant.refresh_token).await;
    assert_eq!((answer.status, answer.text.starts_with("<html>")), (200, true));
    unspent(&simulator, &grant);
}

#[tokio::test]
async fn a_reset_ends_the_connection_without_a_byte_before_or_after_the_effect() {
    let (simulator, grant) = with_fault(FaultKind::ResetBefore);
    let (bytes, end) = raw_refresh(&simulator, &grant.refresh_token).await;
    assert_eq!(bytes, "");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    unspent(&simulator, &grant);

    let (simulator, grant) = with_fault(FaultKind::ResetAfter);
    let (bytes, end) = raw_refresh(&simulator, &grant.refresh_token).await;
    assert_eq!(bytes, "");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    spent_without_an_answer(&simulator, &grant).await;
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_brings() {
    let (simulator, grant) = with_fault(FaultKind::Truncate);
    let (bytes, end) = raw_refresh(&simulator, &grant.refresh_token).await;
    end.unwrap();
    let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with(r#"{"token_type":"Bearer","access_token":""#));
    spent_without_an_answer(&simulator, &grant).await;
}

#[tokio::test]
async fn a_held_answer_waits_for_its_release_with_the_effect_done() {
    let (simulator, grant) = with_fault(FaultKind::Hold);
    let pending = tokio::spawn({
        let (simulator, token) = (simulator.clone(), grant.refresh_token.clone());
        async move { refresh(&simulator, &token).await }
    });
    until("the answer is held", || simulator.held() == 1).await;
    assert_eq!(simulator.refresh_token_state(&grant.refresh_token), RefreshTokenState::Spent);
    assert!(!pending.is_finished());
    assert_eq!(simulator.release(), 1);
    assert_eq!(pending.await.unwrap().status, 200);
    assert_eq!(simulator.held(), 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_on_a_held_answer_leaves_it_unsent() {
    let (simulator, grant) = with_fault(FaultKind::Hold);
    let pending = tokio::spawn({
        let (simulator, token) = (simulator.clone(), grant.refresh_token.clone());
        async move { raw_refresh(&simulator, &token).await }
    });
    until("the answer is held", || simulator.held() == 1).await;
    pending.abort();
    until("the client is gone", || simulator.held() == 0).await;
    spent_without_an_answer(&simulator, &grant).await;
}

#[tokio::test]
async fn delays_add_up_around_the_effect() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    simulator.fault(Fault::next(Endpoint::Any, FaultKind::Delay { ms: 30 })).unwrap();
    simulator.fault(Fault::next(Endpoint::Token, FaultKind::DelayAnswer { ms: 40 })).unwrap();
    let began = Instant::now();
    assert_eq!(refresh(&simulator, &grant.refresh_token).await.status, 200);
    assert!(began.elapsed().as_millis() >= 70);
}

#[tokio::test]
async fn a_delayed_request_takes_effect_though_the_client_hung_up() {
    let (simulator, grant) = with_fault(FaultKind::Delay { ms: 50 });
    let pending = tokio::spawn({
        let (simulator, token) = (simulator.clone(), grant.refresh_token.clone());
        async move { raw_refresh(&simulator, &token).await }
    });
    until("the delay has begun", || simulator.counters().faults_fired == 1).await;
    pending.abort();
    until("the effect came", || simulator.counters().rotations == 1).await;
    spent_without_an_answer(&simulator, &grant).await;
}

#[tokio::test]
async fn an_odd_token_answer_is_odd_as_told() {
    let set = json!({"expires_in": "soon", "owner": "https://api.calendly.com/users/OTHER", "extra": [1]});
    let kind = FaultKind::OddToken {
        set: set.as_object().unwrap().clone(),
        remove: vec!["scope".into()],
        status: Some(400),
        spend: false,
    };
    let (simulator, grant) = with_fault(kind);
    let answer = refresh(&simulator, &grant.refresh_token).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["expires_in"], body.get("scope")), (400, &json!("soon"), None));
    assert_eq!(body["extra"], json!([1]));
    assert_eq!(simulator.refresh_token_state(text(&body, "refresh_token")), RefreshTokenState::Living);
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_leaves_the_old_one_alive_unless_told_otherwise() {
    for (spend, after) in [(false, RefreshTokenState::Living), (true, RefreshTokenState::Spent)] {
        let remove = vec!["refresh_token".into()];
        let (simulator, grant) =
            with_fault(FaultKind::OddToken { set: Map::new(), remove, status: None, spend });
        let body = refresh(&simulator, &grant.refresh_token).await.json();
        assert_eq!(body.get("refresh_token"), None);
        assert_eq!(me(&simulator, text(&body, "access_token")).await.status, 200);
        assert_eq!(simulator.refresh_token_state(&grant.refresh_token), after);
    }
}

#[tokio::test]
async fn throttling_redirects_and_oauth_errors_cost_no_token() {
    let location = "https://elsewhere.example/".to_owned();
    let cases = [
        (FaultKind::RateLimited { retry_after: Some(7), reset: Some(9) }, 429, "retry-after", "7"),
        (FaultKind::RateLimited { retry_after: None, reset: None }, 429, "x-ratelimit-reset", "60"),
        (FaultKind::Redirect { code: 308, location }, 308, "location", "https://elsewhere.example/"),
        (FaultKind::InvalidGrantOnce, 400, "retry-after", ""),
        (FaultKind::InvalidClient, 401, "retry-after", ""),
    ];
    for (kind, status, header, value) in cases {
        let (simulator, grant) = with_fault(kind.clone());
        let answer = refresh(&simulator, &grant.refresh_token).await;
        assert_eq!((answer.status, answer.header(header)), (status, value), "{kind:?}");
        unspent(&simulator, &grant);
    }
}

#[tokio::test]
async fn a_fault_can_be_one_users_and_a_number_of_times() {
    let simulator = usual();
    let (anna, ben) = (simulator.connect("anna").unwrap(), simulator.connect("ben").unwrap());
    let down = FaultKind::Status { code: 500, body: None, headers: Default::default() };
    simulator.fault(Fault::next(Endpoint::UsersMe, down).user("anna").times(2)).unwrap();
    let mut statuses = Vec::new();
    for token in [&ben, &anna, &anna, &anna].map(|grant| &grant.access_token) {
        statuses.push(me(&simulator, token).await.status);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    assert_eq!(simulator.faults()[0].fired, 2);
}

#[tokio::test]
async fn random_faults_repeat_with_their_seed() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let simulator = start(Options { seed: Some(seed), ..Options::default() });
        let grant = simulator.connect("anna").unwrap();
        let down = FaultKind::Status { code: 500, body: None, headers: Default::default() };
        simulator.fault(Fault::always(Endpoint::Any, down).probability(0.5)).unwrap();
        let mut run = Vec::new();
        for _ in 0..32 {
            run.push(me(&simulator, &grant.access_token).await.status);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
}

#[tokio::test]
async fn a_lost_creation_is_found_by_its_409() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    simulator
        .fault(Fault::next(Endpoint::WebhooksCreate, FaultKind::GatewayAfterEffect { code: 502 }))
        .unwrap();
    let wanted = user_subscription(&grant, "https://app.example/hook");
    assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 502);
    assert_eq!(create(&simulator, &grant.access_token, &wanted).await.status, 409);
}

#[tokio::test]
async fn a_fault_that_cannot_be_is_refused_with_field_value_and_remedy() {
    let simulator = usual();
    let status = |code| FaultKind::Status { code, body: None, headers: Default::default() };
    let redirect = |code, location: &str| FaultKind::Redirect { code, location: location.into() };
    let odd = |status| FaultKind::OddToken { set: Map::new(), remove: vec![], status, spend: false };
    let cases = [
        (Fault::next(Endpoint::Token, status(99)), "code: 99, use a status from 200 to 599"),
        (
            Fault::next(Endpoint::Token, status(500)).probability(1.5),
            "probability: 1.5, use a number from 0 to 1",
        ),
        (Fault::next(Endpoint::Token, status(500)).times(0), "times: 0, use 1 or more, or leave it out"),
        (
            Fault::next(Endpoint::UsersMe, FaultKind::InvalidGrantOnce),
            "endpoint: `users_me`, this kind of fault needs `token`",
        ),
        (
            Fault::next(Endpoint::Token, status(500)).user("nobody"),
            "user: `nobody` is not known here; add it first or check its spelling",
        ),
        (
            Fault::next(Endpoint::Token, FaultKind::GatewayAfterEffect { code: 404 }),
            "code: 404, use a status from 500 to 599",
        ),
        (Fault::next(Endpoint::Token, redirect(200, "/")), "code: 200, use a status from 300 to 399"),
        (Fault::next(Endpoint::Token, redirect(302, "\0")), "location: `\0`, use a valid header value"),
        (
            Fault::next(
                Endpoint::Token,
                FaultKind::Status { code: 500, body: None, headers: [("a b".into(), "c".into())].into() },
            ),
            "headers: `a b: c`, use a valid header",
        ),
        (Fault::next(Endpoint::Revoke, odd(None)), "endpoint: `revoke`, this kind of fault needs `token`"),
        (Fault::next(Endpoint::Token, odd(Some(600))), "status: 600, use a status from 200 to 599"),
        (
            Fault::next(Endpoint::WebhooksList, FaultKind::InvalidClient),
            "endpoint: `webhooks_list`, this kind of fault needs `token`, `revoke` or `introspect`",
        ),
    ];
    for (fault, message) in cases {
        assert_eq!(simulator.fault(fault).unwrap_err().to_string(), message);
    }
    assert!(simulator.faults().is_empty());
}

#[tokio::test]
async fn a_simulator_that_went_down_comes_back_with_everything_it_knew() {
    let simulator = usual();
    let grant = simulator.connect("anna").unwrap();
    let first = refresh(&simulator, &grant.refresh_token).await.json();
    simulator.stop();
    let refused = refresh_raw(&simulator, text(&first, "refresh_token")).await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    simulator.come_back().unwrap();
    assert_eq!(refresh(&simulator, text(&first, "refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_wrong_clock_shows_in_date_and_created_at() {
    let simulator = start(Options { date_skew_seconds: -3600, ..Options::default() });
    let grant = simulator.connect("anna").unwrap();
    let answer = refresh(&simulator, &grant.refresh_token).await;
    let date = chrono::DateTime::parse_from_rfc2822(answer.header("date")).unwrap().timestamp();
    let behind = chrono::Utc::now().timestamp() - date;
    assert!((3600..3610).contains(&behind), "{behind}");
    let body: Value = answer.json();
    assert!((date - body["created_at"].as_i64().unwrap()).abs() <= 1);
    assert_eq!(body["expires_in"], 7200);
}
