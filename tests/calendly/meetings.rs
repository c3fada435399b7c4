//! Scheduled events and invitees: what is asked for, odd answers, refusals by class, half of the rate.

use std::time::Duration;

use calendly_keeper::domain::subscription::Owner;
use calendly_keeper::ports::{ApiError, ApiErrorClass, ListPage, Meetings as _, MeetingsQuery};
use chrono::{DateTime, Utc};

use crate::canned::{Server, Step, answer, as_anna, soon};

const EVENT: &str = "https://api.calendly.com/scheduled_events/E-1";

fn anna() -> Owner {
    Owner {
        organization: "https://x.test/organizations/O".into(),
        user: Some("https://x.test/users/A".into()),
    }
}

fn from() -> DateTime<Utc> {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

async fn list(server: &Server, owner: &Owner, page: Option<&str>) -> Result<ListPage, ApiError> {
    let (calendly, _) = server.client();
    let query = MeetingsQuery { owner, min_start_time: from(), max_start_time: None, status: None };
    as_anna(async |anna| soon(calendly.api.scheduled_events(anna, query, page)).await).await
}

async fn invitees(server: &Server, of: &str) -> Result<ListPage, ApiError> {
    let (calendly, _) = server.client();
    as_anna(async |anna| soon(calendly.api.invitees(anna, of, None)).await).await
}

async fn saying(status: &'static str, body: &'static str) -> Server {
    Server::start(move |_, _| Step::Answer(answer(status, "", body))).await
}

#[tokio::test]
async fn a_users_list_is_asked_for_by_start_time_with_no_end_and_an_organizations_for_all() {
    let server =
        saying("200 OK", r#"{"collection":[{"uri":"e"}],"pagination":{"next_page_token":"t 1"}}"#).await;
    let page = list(&server, &anna(), None).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (1, Some("t 1")));
    list(&server, &Owner { user: None, ..anna() }, Some("t 1")).await.unwrap();
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    let rest = "&min_start_time=2026-11-24T10%3A00%3A00.000000Z&sort=start_time%3Aasc&count=100";
    assert_eq!(
        lines,
        [
            format!("GET /scheduled_events?user=https%3A%2F%2Fx.test%2Fusers%2FA{rest} HTTP/1.1"),
            format!(
                "GET /scheduled_events?organization=https%3A%2F%2Fx.test%2Forganizations%2FO{rest}&page_token=t+1 HTTP/1.1"
            ),
        ]
    );
}

#[tokio::test]
async fn invitees_are_asked_for_below_their_meeting_here_and_nowhere_else() {
    let server = saying("200 OK", r#"{"collection":[]}"#).await;
    let elsewhere = "https://evil.test/scheduled_events/E-1";
    for uri in [EVENT, elsewhere] {
        assert!(invitees(&server, uri).await.unwrap().next.is_none());
    }
    for request in server.requests() {
        assert_eq!(request.line, "GET /scheduled_events/E-1/invitees?count=100 HTTP/1.1");
    }
    for odd in
        ["", "x", "https://api.calendly.com/users/U", "https://api.calendly.com/scheduled_events/../users"]
    {
        assert_eq!(invitees(&server, odd).await.unwrap_err().class, ApiErrorClass::InvalidRequest, "{odd}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_of_a_meeting_costs_only_itself() {
    let body = r#"{"collection":[{"uri":"a","name":"\ud800"},5,{"uri":"b","n":1e999}],"pagination":null,"more":1e999}"#;
    let page = list(&saying("200 OK", body).await, &anna(), None).await.unwrap();
    let uris: Vec<_> = page.items.iter().map(|item| item["uri"].as_str()).collect();
    assert_eq!(uris, [Some("a"), None, Some("b")]);
    assert!(page.next.is_none());
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_none_and_refusals_have_their_class() {
    for body in [
        "<html>",
        "{}",
        r#"{"collection":{}}"#,
        r#"{"collection":[]"#,
        r#"{"collection":[],"pagination":[1]}"#,
    ] {
        let error = list(&saying("200 OK", body).await, &anna(), None).await.unwrap_err();
        assert_eq!(error.class, ApiErrorClass::Unreadable, "{body}");
    }
    for (status, body, class) in [
        ("400 Bad Request", r#"{"title":"Invalid Argument"}"#, ApiErrorClass::InvalidRequest),
        ("401 Unauthorized", r#"{"title":"Unauthenticated"}"#, ApiErrorClass::Unauthenticated),
        (
            "403 Forbidden",
            r#"{"title":"Insufficient scope","required_scopes":["scheduled_events:read"]}"#,
            ApiErrorClass::InsufficientScope(vec!["scheduled_events:read".into()]),
        ),
        ("403 Forbidden", r#"{"title":"Permission Denied"}"#, ApiErrorClass::PermissionDenied),
        ("500 Internal Server Error", "", ApiErrorClass::Unavailable),
    ] {
        assert_eq!(
            list(&saying(status, body).await, &anna(), None).await.unwrap_err().class,
            class,
            "{status}"
        );
    }
}

#[tokio::test]
async fn half_of_the_users_rate_is_left_to_others() {
    let headers = "X-RateLimit-Limit: 20\r\nX-RateLimit-Remaining: 19\r\nX-RateLimit-Reset: 60\r\n";
    let server =
        Server::start(move |_, _| Step::Answer(answer("200 OK", headers, r#"{"collection":[]}"#))).await;
    let (calendly, clock) = server.client();
    let owner = anna();
    let query = MeetingsQuery { owner: &owner, min_start_time: from(), max_start_time: None, status: None };
    let mut waited = Duration::ZERO;
    while waited < Duration::from_secs(60) {
        let asked = as_anna(async |anna| soon(calendly.api.scheduled_events(anna, query, None)).await).await;
        match asked {
            Ok(_) => {}
            Err(ApiError { class: ApiErrorClass::Throttled(Some(wait)), .. }) => {
                clock.turn(wait);
                waited += wait;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let asked = server.requests().len();
    assert!((6..=11).contains(&asked), "{asked}");
}
