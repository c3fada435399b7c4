//! Whatever comes from outside, one function each: it calls what reads these bytes and panics where that does not do as
//! promised. The tests below call them with what is likely, the targets under `fuzz/` with what a fuzzer finds.
#![allow(clippy::panic, reason = "a property that does not hold is a bug to be found")]

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use crate::calendly::fuzzing::{error_body, list_answer, rate_headers};
pub use crate::cli::import::fuzzing::{import_csv, import_json};
pub use crate::config::fuzzing::configuration;
use crate::domain::connect::callback::{self, Answer};
use crate::domain::connect::state_token::{BadState, StateKey};
use crate::domain::event::signature::Check;
use crate::domain::event::{Arrival, NewEvent, recognise};
use crate::domain::loose_json;
use crate::domain::outcome::{Doubt, Outcome, Reply, judge};
use crate::domain::secrets::{RefreshToken, SigningKey};
pub use crate::spool::fuzzing::{journal_file, journal_record};

/// The query of the OAuth callback, which anybody may call: what is read of it stands there once, no state is taken that
/// the keeper did not make, the same call is known again, and nothing of it is shown.
pub fn oauth_callback(query: &[u8]) {
    let query = String::from_utf8_lossy(query);
    let Ok(call) = callback::read(&query) else { return };
    let said = |name: &str| -> Vec<String> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(said("state"), [call.state.expose()]);
    let key = StateKey::new([7; 32]);
    assert_eq!(key.read(&call.state, chrono::DateTime::UNIX_EPOCH), Err(BadState::Foreign));
    match &call.answer {
        Answer::Code(code) => {
            assert_eq!(said("code"), [code.expose()]);
            let shown = format!("{call:?}");
            assert_eq!(shown, "Callback { state: StateToken(***), answer: Code(AuthorizationCode(***)) }");
        }
        Answer::Denied => assert_eq!(said("error"), ["access_denied"]),
        Answer::Refused(_) => assert_eq!(said("error").len(), 1),
    }
    let again = callback::read(&query).map(|again| again.answer.fingerprint());
    assert_eq!(again, Ok(call.answer.fingerprint()));
}

/// A delivery, whatever it holds: what is no event has an id all the same, one that is has one of its own for each
/// connection, and what is kept of it comes back byte for byte. A signature is taken only with the key that made it.
pub fn delivery(body: &[u8]) {
    let received_at = chrono::DateTime::UNIX_EPOCH;
    let text = |from: usize| String::from_utf8_lossy(&body[..from.min(body.len())]).into_owned();
    let arrival = Arrival {
        path: Some(text(40).into()),
        signature: Some(text(100).into()),
        content_type: None,
        received_at,
        body: bytes::Bytes::copy_from_slice(body),
    };
    assert_eq!(Arrival::from_record(&arrival.to_record()), Some(arrival.clone()));
    if let Some(other) = Arrival::from_record(body) {
        assert_eq!(other.to_record(), body);
    }
    let about = recognise(body);
    let of = |id: Option<&str>| {
        let id = id.map(|id| id.parse().unwrap_or_else(|_| panic!("{id}")));
        NewEvent::of(&arrival, about.as_ref(), id, true)
    };
    let (one, again, other, nobodys) = (of(Some("a")), of(Some("a")), of(Some("b")), of(None));
    assert_eq!((&one.id, &one.line), (&again.id, &again.line));
    assert!(one.id != other.id && one.id != nobodys.id && one.line != other.line);
    assert_eq!(one.body, body);
    assert_eq!(one.event.is_empty(), about.is_none());
    let keys = [SigningKey::new("the key")];
    if let Ok(mut check) = Check::begin(arrival.signature.as_deref(), &keys, received_at) {
        check.update(body);
        assert!(check.end().is_err(), "a signature was guessed");
    }
}

/// A token answer: a pair in it is kept, whatever else it holds and whatever the status. Only one that can be read ends
/// a grant or blames the configuration.
pub fn token_answer(status: u16, body: &[u8]) {
    let wait = Some(Duration::from_secs(7));
    let outcome = judge(&Reply::Whole { status, body, wait });
    // As serde_json reads it, which refuses some valid JSON.
    let strictly: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| strictly[key].as_str().filter(|text| !text.is_empty());
    if let Some(access) = text("access_token") {
        let Outcome::Success(answer) = &outcome else { panic!("a pair was dropped: {outcome:?}") };
        assert_eq!(answer.access_token.expose(), access);
        if let Some(refresh) = text("refresh_token") {
            assert_eq!(answer.refresh_token.as_ref().map(RefreshToken::expose), Some(refresh));
        }
    }
    let members = loose_json::members(body);
    assert_eq!(members.is_some(), loose_json::is_object(body));
    let token = members.as_ref().and_then(|members| members.get("access_token")?.as_str());
    let kept = matches!(outcome, Outcome::Success(_));
    assert_eq!(kept, token.is_some_and(|token| !token.is_empty()), "{outcome:?}");
    match outcome {
        Outcome::Success(answer) => {
            let shown = format!("{answer:?}");
            assert!(members.is_some_and(|members| members.contains_key("access_token")));
            assert!(
                !answer.access_token.expose().is_empty() && shown.contains("AccessToken(***)"),
                "{shown}"
            );
        }
        Outcome::InvalidGrant => {
            assert_eq!(
                members.and_then(|members| Some(members["error"].as_str()? == "invalid_grant")),
                Some(true)
            );
        }
        Outcome::ClientRefused(fault) => {
            let said = members.as_ref().and_then(|members| members.get("error")?.as_str());
            assert!(
                said == Some(fault.reason()) || (300..=399).contains(&status),
                "{fault:?} out of nothing"
            );
        }
        Outcome::Throttled { wait: asked } => assert_eq!((status, asked), (429, wait)),
        Outcome::Unknown(Doubt::Status(said)) => assert_eq!(said, status),
        Outcome::Unknown(Doubt::Unreadable) => assert!((200..=299).contains(&status)),
        Outcome::Unknown(Doubt::Lost) | Outcome::NotSent => panic!("an answer came: {outcome:?}"),
    }
}
