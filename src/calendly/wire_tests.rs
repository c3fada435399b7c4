//! Tests of `wire`.

use proptest::prelude::*;

use super::*;

fn next(pagination: &str) -> Next {
    let body = format!(r#"{{"collection":[]{pagination}}}"#);
    read::<Page<Value>>(body.as_bytes()).unwrap().next()
}

#[test]
fn a_list_ends_only_where_nothing_names_a_next_page() {
    for end in [
        "",
        r#","pagination":null"#,
        r#","pagination":{}"#,
        r#","pagination":{"next_page":null,"next_page_token":""}"#,
    ] {
        assert_eq!(next(end), Next::End, "{end}");
    }
    assert_eq!(next(r#","pagination":{"next_page_token":"t"}"#), Next::Token("t".into()));
    assert_eq!(
        next(r#","pagination":{"next_page":"https://x.test/?page_token=a%20b"}"#),
        Next::Token("a b".into())
    );
    for unclear in ["https://x.test/?page=2", "nonsense"] {
        assert_eq!(next(&format!(r#","pagination":{{"next_page":"{unclear}"}}"#)), Next::Unclear);
    }
}

#[test]
fn a_subscription_needs_what_decisions_rest_on_and_nothing_else() {
    let full = serde_json::json!({"uri": "u", "callback_url": "c", "state": "paused", "events": ["e", "e"],
        "scope": "group", "created_at": "nonsense", "retry_started_at": 7, "more": {}});
    let found: Found = read::<Subscription>(full.to_string().as_bytes()).unwrap().into();
    assert_eq!(found.state, State::Other("paused".into()));
    assert_eq!((found.events.len(), found.created_at, found.retry_started_at), (1, None, None));
    for key in ["uri", "callback_url", "state", "events", "scope"] {
        let mut less = full.clone();
        less.as_object_mut().unwrap().remove(key);
        assert!(read::<Subscription>(less.to_string().as_bytes()).is_err(), "{key}");
    }
}

#[test]
fn an_unreadable_answer_is_not_quoted() {
    let body = r#"{"resource":"secret"}"#;
    let error = read::<Resource<User>>(body.as_bytes()).err().unwrap();
    assert_eq!(error, "a field is missing or of another kind (line 1, column 20)");
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read::<Page<Subscription>>(&body);
        let _ = read::<Resource<User>>(&body);
        ErrorBody::read(&body);
        token_in(&String::from_utf8_lossy(&body));
    }

    #[test]
    fn any_text_may_stand_for_a_time(text in ".{0,40}") {
        let json = serde_json::json!({"uri": "", "callback_url": "", "state": "", "events": [], "scope": "",
            "created_at": text});
        prop_assert!(read::<Subscription>(json.to_string().as_bytes()).is_ok());
    }
}
