//! Every row of the table of outcomes, and the odd answers of the field.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn whole(status: u16, body: &str) -> Outcome {
    judge(&Reply::Whole { status, body: body.as_bytes(), wait: Some(Duration::from_secs(7)) })
}

fn pair() -> Value {
    json!({"access_token": "a1", "refresh_token": "r1", "token_type": "Bearer", "expires_in": 7200,
           "created_at": 1_800_000_000, "scope": "users:read", "owner": "https://api.calendly.com/users/U"})
}

fn success(status: u16, body: &Value) -> TokenAnswer {
    match whole(status, &body.to_string()) {
        Outcome::Success(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plain_success_is_read_whole_and_finds_nothing_odd() {
    let answer = success(200, &pair());
    assert_eq!(answer.access_token.expose(), "a1");
    assert_eq!(answer.refresh_token.unwrap().expose(), "r1");
    assert_eq!(answer.lifetime, Lifetime::from_seconds(7200));
    assert_eq!(answer.scope.as_deref(), Some("users:read"));
    assert_eq!(answer.owner.as_deref(), Some("https://api.calendly.com/users/U"));
    assert!(answer.oddities.is_empty(), "{:?}", answer.oddities);
}

/// All of this is valid JSON that serde_json does not read: whoever dropped the answer for it dropped the pair.
#[test]
fn what_cannot_be_read_beside_a_token_does_not_cost_the_token() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for odd in
        [r#""expires_in":1e999"#, r#""scope":"\ud83d""#, &format!("\"more\":{deep}"), "\"access_token\":null"]
    {
        let body = format!("\u{feff}{{\"access_token\":\"a\",\"refresh_token\":\"r\",{odd}}}");
        let Outcome::Success(answer) = whole(200, &body) else { panic!("{body}") };
        assert_eq!((answer.access_token.expose(), answer.refresh_token.unwrap().expose()), ("a", "r"));
        let cut = &body[..body.len() - 1];
        assert!(matches!(whole(200, cut), Outcome::Unknown(Doubt::Unreadable)), "{cut}");
    }
}

#[test]
fn an_access_token_is_success_whatever_the_status() {
    for status in [200, 201, 302, 400, 401, 429, 500, 503] {
        assert_eq!(success(status, &pair()).access_token.expose(), "a1");
    }
}

#[test]
fn without_a_new_refresh_token_the_old_one_stays() {
    for absent in [Value::Null, json!("")] {
        let mut body = pair();
        body["refresh_token"] = absent;
        assert!(success(200, &body).refresh_token.is_none());
    }
}

#[test]
fn odd_parts_cost_a_note_never_the_pair() {
    for (key, value) in [
        ("expires_in", json!(null)),
        ("expires_in", json!(-5)),
        ("expires_in", json!(99_999_999_999_i64)),
        ("expires_in", json!("soon")),
        ("scope", json!(["a"])),
        ("created_at", json!("yesterday")),
        ("token_type", json!(7)),
    ] {
        let mut body = pair();
        body[key] = value;
        let answer = success(200, &body);
        assert_eq!(answer.refresh_token.unwrap().expose(), "r1");
        assert_eq!(answer.oddities.len(), 1, "{key}");
    }
    let mut body = pair();
    body["expires_in"] = json!("3600");
    assert_eq!(success(200, &body).lifetime, Lifetime::from_seconds(3600));
}

#[test]
fn invalid_grant_counts_by_the_error_field_with_any_status() {
    for status in [200, 400, 401, 403] {
        assert!(matches!(whole(status, r#"{"error":"invalid_grant"}"#), Outcome::InvalidGrant));
    }
}

#[test]
fn a_wrong_client_is_a_fault_of_the_system() {
    for (status, body, fault) in [
        (401, r#"{"error":"invalid_client"}"#, ClientFault::InvalidClient),
        (400, r#"{"error":"unauthorized_client"}"#, ClientFault::UnauthorizedClient),
        (307, "", ClientFault::Redirected),
        (301, "<html>", ClientFault::Redirected),
    ] {
        assert!(matches!(whole(status, body), Outcome::ClientRefused(found) if found == fault), "{status}");
    }
}

#[test]
fn what_was_not_consumed_is_told_apart_from_what_may_have_been() {
    assert!(matches!(whole(429, ""), Outcome::Throttled { wait: Some(wait) } if wait.as_secs() == 7));
    assert!(matches!(judge(&Reply::NotSent), Outcome::NotSent));
    assert!(matches!(judge(&Reply::Lost), Outcome::Unknown(Doubt::Lost)));
    assert!(matches!(whole(503, "<html>"), Outcome::Unknown(Doubt::Status(503))));
    assert!(matches!(whole(200, "<html>"), Outcome::Unknown(Doubt::Unreadable)));
    assert!(matches!(whole(200, r#"{"access_token":""}"#), Outcome::Unknown(Doubt::Unreadable)));
    assert!(matches!(whole(400, r#"{"error":"invalid_request"}"#), Outcome::Unknown(Doubt::Status(400))));
}

/// Neither a proxy's page nor an error inside a 200 ends a grant (jotta#99, simple-oauth2#459).
#[test]
fn only_the_error_field_of_a_token_answer_ends_a_grant() {
    for body in
        ["invalid_grant", r#"{"message":"invalid_grant"}"#, r#"{"error":{"code":"invalid_grant"}}"#, "[]"]
    {
        assert!(matches!(whole(401, body), Outcome::Unknown(Doubt::Status(401))), "{body}");
        assert!(matches!(whole(200, body), Outcome::Unknown(Doubt::Unreadable)), "{body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(status in 0_u16..=999, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = judge(&Reply::Whole { status, body: &body, wait: None });
    }

    #[test]
    fn whatever_surrounds_it_a_token_is_never_dropped(status in 100_u16..=599, expires in any::<i64>(), extra in ".*") {
        let body = json!({"access_token": "a", "refresh_token": "r", "expires_in": expires, "scope": extra, "error": extra});
        prop_assert!(success(status, &body).refresh_token.is_some());
    }
}
