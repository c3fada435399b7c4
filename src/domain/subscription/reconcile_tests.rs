//! Every verdict, and what must hold for any list whatever.

use chrono::DateTime;
use proptest::prelude::*;

use super::super::Owner;
use super::super::callback::CallbackTemplate;
use super::*;

const URL: &str = "https://app.example/hook";

fn events(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn wanted() -> Wanted {
    let owner = Owner { organization: "https://api.calendly.com/organizations/O".into(), user: None };
    Wanted {
        callback: CallbackTemplate::parse(URL).unwrap().fill(&"a".parse().unwrap(), &owner),
        events: events(&["invitee.created", "invitee.canceled"]),
        scope: Scope::User,
    }
}

fn found(uri: &str, callback_url: &str, age: i64) -> Found {
    Found {
        uri: uri.into(),
        callback_url: callback_url.into(),
        state: State::Active,
        events: events(&["invitee.created", "invitee.canceled"]),
        scope: "user".into(),
        created_at: DateTime::from_timestamp(1_800_000_000 - age, 0),
        retry_started_at: None,
    }
}

#[test]
fn keep_where_exactly_one_right_one_is_there() {
    let list = [found("other", "https://else.example/", 9), found("s1", "https://APP.example:443/hook", 1)];
    assert_eq!(reconcile(&wanted(), &list), Verdict::Keep { uri: "s1".into() });
}

#[test]
fn create_where_none_is_ours() {
    let list = [found("s1", "https://app.example/hook/x", 1)];
    assert_eq!(reconcile(&wanted(), &list), Verdict::Create { version: 0 });
}

/// A disabled one counted as present (Calendly community 548); deleted before its successor was refused (PostHog#77463).
#[test]
fn replace_a_disabled_one_under_the_next_version() {
    let mut disabled = found("s1", "https://app.example/hook?v=4", 1);
    disabled.state = State::Disabled;
    let verdict = Verdict::Replace { version: 5, old: vec!["s1".into()], reason: Wrong::Disabled };
    assert_eq!(reconcile(&wanted(), &[disabled]), verdict);
}

#[test]
fn replace_a_drifted_one_and_say_how_it_drifted() {
    let mut drifted = found("s1", URL, 1);
    drifted.events = events(&["invitee.created", "contact.created"]);
    let reason =
        Wrong::Events { missing: vec!["invitee.canceled".into()], extra: vec!["contact.created".into()] };
    assert_eq!(
        reconcile(&wanted(), &[drifted]),
        Verdict::Replace { version: 1, old: vec!["s1".into()], reason }
    );
}

/// Duplicates handle each event twice (activepieces#14764).
#[test]
fn of_duplicates_the_oldest_right_one_stays() {
    let mut disabled = found("s0", URL, 30);
    disabled.state = State::Disabled;
    let list = [
        found("s2", "https://app.example/hook?v=2", 10),
        found("s1", "https://app.example/hook?v=1", 20),
        disabled,
    ];
    let verdict = Verdict::DeleteDuplicates { keep: "s1".into(), delete: vec!["s0".into(), "s2".into()] };
    assert_eq!(reconcile(&wanted(), &list), verdict);
}

#[test]
fn a_state_that_is_not_known_here_concludes_nothing() {
    let mut strange = found("s1", URL, 1);
    strange.state = State::Other("sleeping".into());
    assert_eq!(
        reconcile(&wanted(), &[strange]),
        Verdict::Unknown { reason: "unknown_state=sleeping".into() }
    );
}

#[test]
fn one_that_should_be_there_is_asked_for_first() {
    let recorded = Recorded { uri: "s1".into(), verified_at: None, retry_started_at: None };
    assert_eq!(to_ask_for(&[], Some(&recorded)), Some("s1"));
    assert_eq!(to_ask_for(&[found("s1", URL, 1)], Some(&recorded)), None);
    assert_eq!(to_ask_for(&[], None), None);
}

#[test]
fn retired_urls_are_found_by_their_parsed_form() {
    let list = [found("old", "https://App.example/old", 1), found("s1", URL, 1)];
    assert_eq!(to_retire(&list, &["https://app.example/old/".into()]), ["old"]);
}

fn any_found() -> impl Strategy<Value = Found> {
    let url = prop::sample::select(vec![
        URL,
        "https://app.example/hook?v=1",
        "https://app.example/hook?v=2",
        "https://app.example/hooks",
        "https://else.example/hook",
    ]);
    let state = prop::sample::select(vec![State::Active, State::Disabled]);
    let names = prop::sample::subsequence(vec!["invitee.created", "invitee.canceled", "new.event"], 0..=3);
    (url, state, names, 0_i64..50).prop_map(|(url, state, names, age)| Found {
        state,
        events: events(&names),
        ..found("", url, age)
    })
}

proptest! {
    #[test]
    fn foreign_subscriptions_are_never_touched_and_one_right_one_results(
        mut list in prop::collection::vec(any_found(), 0..8)
    ) {
        for (n, found) in list.iter_mut().enumerate() {
            found.uri = format!("s{n}");
        }
        let wanted = wanted();
        let ours = |uri: &String| {
            let found = list.iter().find(|f| f.uri == *uri).unwrap();
            wanted.callback.version_of(&found.callback_url).is_some()
        };
        let mut after = list.clone();
        match reconcile(&wanted, &list) {
            Verdict::Keep { .. } => {}
            Verdict::Create { version } => after.push(found("new", &wanted.callback.version(version), 0)),
            Verdict::Replace { version, old, .. } => {
                prop_assert!(old.iter().all(ours));
                let url = wanted.callback.version(version);
                prop_assert!(list.iter().all(|f| f.callback_url != url), "a replacement needs a free URL");
                after.retain(|f| !old.contains(&f.uri));
                after.push(found("new", &url, 0));
            }
            Verdict::DeleteDuplicates { delete, .. } => {
                prop_assert!(delete.iter().all(ours));
                after.retain(|f| !delete.contains(&f.uri));
            }
            Verdict::Unknown { .. } => prop_assert!(false),
        }
        prop_assert!(matches!(reconcile(&wanted, &after), Verdict::Keep { .. }), "one step is enough");
    }
}
