//! Whatever a record says is read as it was written, and whatever is read is a record or an error.

use proptest::option::of;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// All of it, tokens included.
fn exposed(record: &Record) -> (String, [Option<String>; 2]) {
    let access = |token: &AccessToken| token.expose().to_owned();
    let refresh = |token: &RefreshToken| token.expose().to_owned();
    let tokens = match record {
        Record::Pair { commit, .. } => {
            [Some(access(&commit.access_token)), commit.refresh_token.as_ref().map(refresh)]
        }
        Record::Granted { grant, .. } => {
            [grant.access_token.as_ref().map(access), Some(refresh(&grant.refresh_token))]
        }
        Record::Deleted { .. } | Record::Paused { .. } => [None, None],
    };
    (format!("{record:?}"), tokens)
}

fn id() -> impl Strategy<Value = ConnectionId> {
    "[A-Za-z0-9._:@-]{1,128}".prop_filter_map("no id", |text| text.parse().ok())
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = DateTime::<Utc>::MIN_UTC.timestamp()..DateTime::<Utc>::MAX_UTC.timestamp();
    (prop_oneof![0_i64..4_000_000_000, seconds], 0..1_000_000_000_u32)
        .prop_filter_map("no time", |(seconds, nanos)| DateTime::from_timestamp(seconds, nanos))
}

fn text() -> impl Strategy<Value = Option<Box<str>>> {
    of(any::<String>().prop_map(Into::into))
}

fn head() -> impl Strategy<Value = GrantHead> {
    (any::<u128>(), any::<i64>(), time(), text()).prop_map(|(grant, generation, granted_at, client_id)| {
        GrantHead {
            grant_id: GrantId::new(Uuid::from_u128(grant)),
            granted_generation: Generation(generation),
            granted_at,
            client_id,
        }
    })
}

/// Of tokens, what a pair and a grant both have.
fn tokens() -> impl Strategy<Value = Commit> {
    let secrets = (any::<String>(), of(any::<String>()), time(), 1_i64..10_000_000);
    let texts = (text(), text(), text(), text(), of(time()));
    (id(), any::<i64>(), secrets, texts).prop_map(|(id, generation, secrets, texts)| Commit {
        id,
        grant_id: GrantId::new(Uuid::nil()),
        generation: Generation(generation),
        access_token: AccessToken::new(secrets.0),
        refresh_token: secrets.1.map(RefreshToken::new),
        expires_at: secrets.2,
        lifetime: lifetime(secrets.3),
        scope: texts.0,
        user: texts.1,
        organization: texts.2,
        foreign_owner: texts.3,
        not_before: texts.4,
    })
}

fn pair() -> impl Strategy<Value = Record> {
    (tokens(), head()).prop_map(|(commit, grant)| Record::Pair {
        commit: Box::new(Commit { grant_id: grant.grant_id, ..commit }),
        grant,
    })
}

fn granted() -> impl Strategy<Value = Record> {
    let from = |(tokens, head, refresh, [access, expires]): (Commit, GrantHead, String, [bool; 2])| {
        let grant = NewGrant {
            id: tokens.id,
            grant_id: head.grant_id,
            granted_at: head.granted_at,
            client_id: head.client_id.clone(),
            access_token: access.then_some(tokens.access_token),
            refresh_token: RefreshToken::new(refresh),
            expires_at: expires.then_some(tokens.expires_at),
            lifetime: tokens.lifetime,
            scope: tokens.scope,
            user: tokens.user,
            organization: tokens.organization,
            replace: true,
        };
        Record::Granted { grant: Box::new(grant), head }
    };
    (tokens(), head(), any::<String>(), any::<[bool; 2]>()).prop_map(from)
}

fn deleted() -> impl Strategy<Value = Record> {
    (id(), head(), time(), any::<i64>()).prop_map(|(id, head, at, marker)| Record::Deleted {
        id,
        grant_id: head.grant_id,
        granted_at: head.granted_at,
        generation: head.granted_generation,
        at,
        marker,
    })
}

fn paused() -> impl Strategy<Value = Record> {
    (id(), of(time()), any::<i64>()).prop_map(|(id, since, marker)| Record::Paused { id, since, marker })
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(record in prop_oneof![pair(), granted(), deleted(), paused()]) {
        let text = encode(&record).unwrap();
        prop_assert_eq!(exposed(&decode(&text).unwrap()), exposed(&record));
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_changed_text_is_a_record_or_an_error(
        record in prop_oneof![pair(), granted(), deleted(), paused()],
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = encode(&record).unwrap().to_vec();
        prop_assert!(decode(&text[..cut.index(text.len())]).is_err(), "only a whole text is a record");
        let at = at.index(text.len());
        text[at] = byte;
        let _ = decode(&text);
    }
}

/// Written by this version for ever: what an earlier one journalled is read by a later one.
#[test]
fn the_names_stay() {
    let text = r#"{"pair":{"tokens":{"id":"anna","access":"a2","refresh":"r2","expires_at":"2027-01-15T10:00:00Z",
        "lifetime":7200,"scope":"s","user":"u","organization":"o"},"head":{"grant_id":
        "00000000-0000-0000-0000-000000000001","since":1,"granted_at":"2027-01-15T08:00:00Z","client_id":"c"},
        "generation":2,"foreign_owner":"f","not_before":"2027-01-15T08:01:00Z","of_a_later_version":true}}"#;
    let Record::Pair { commit, grant } = decode(text.as_bytes()).unwrap() else { panic!("a pair") };
    let texts = [&commit.scope, &commit.user, &commit.organization, &commit.foreign_owner, &grant.client_id];
    assert_eq!(texts.map(|text| text.as_deref().unwrap()), ["s", "u", "o", "f", "c"]);
    assert_eq!((commit.generation, grant.granted_generation), (Generation(2), Generation(1)));
    assert_eq!(commit.access_token.expose(), "a2");
    assert_eq!(commit.refresh_token.as_ref().unwrap().expose(), "r2");
    assert_eq!(commit.lifetime.seconds(), 7200);
    let least = r#"{"paused":{"id":"anna","since":null,"marker":7}}"#;
    assert!(matches!(decode(least.as_bytes()).unwrap(), Record::Paused { since: None, marker: 7, .. }));
}
