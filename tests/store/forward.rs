//! Going forward: a row that went back gets what a journal knows, and nothing else is touched.

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::domain::grant::{Connection, NewGrant, Put};
use calendly_keeper::domain::ids::{ConnectionId, Generation};
use calendly_keeper::domain::journal::{GrantHead, Journalled, Known, Record, Tokens};
use calendly_keeper::domain::rotation::{Commit, Refuse};
use calendly_keeper::domain::secrets::RefreshToken;
use calendly_keeper::ports::{Forwarded, Store, StoreError};
use chrono::{DateTime, Utc};

use crate::fixture::Fixture;
use crate::forward_ends::deleted;
use crate::given::{access_token, at, claim, generation, given, grant, id, offered, pair, read};

pub(crate) fn known(records: impl IntoIterator<Item = Record>) -> Vec<(ConnectionId, Known)> {
    let mut journalled = Journalled::default();
    records.into_iter().for_each(|record| journalled.add(record));
    journalled.into_known().collect()
}

pub(crate) async fn forward(store: &dyn Store, records: impl IntoIterator<Item = Record>) -> Vec<Forwarded> {
    store.write_forward(known(records)).await.unwrap()
}

/// What was told about one: tokens, deleted, paused, the token to be revoked.
pub(crate) fn told(forwarded: &[Forwarded]) -> (Tokens, bool, bool, Option<&str>) {
    let [one] = forwarded else { panic!("{forwarded:?}") };
    (one.tokens, one.deleted, one.paused, one.revoke.as_ref().map(RefreshToken::expose))
}

/// The pair of a later generation, with its own refresh token or without one.
pub(crate) fn later(of: &Connection, generation: i64, refresh_token: Option<&str>) -> Record {
    let commit = Commit {
        generation: Generation(generation),
        refresh_token: refresh_token.map(RefreshToken::new),
        ..pair(of, refresh_token.unwrap_or("none"))
    };
    let grant = GrantHead {
        grant_id: of.grant_id,
        granted_generation: of.granted_generation,
        granted_at: of.granted_at,
        client_id: of.client_id.as_deref().map(Into::into),
    };
    Record::Pair { commit: Box::new(commit), grant }
}

/// A grant that the database may lack, and the connection that it made there once.
pub(crate) fn taken_back(mut grant: NewGrant, began: i64, granted_at: DateTime<Utc>) -> (Record, Connection) {
    grant.granted_at = granted_at;
    let head = GrantHead {
        grant_id: grant.grant_id,
        granted_generation: Generation(began),
        granted_at,
        client_id: grant.client_id.clone(),
    };
    let connection = Connection {
        id: grant.id.clone(),
        grant_id: grant.grant_id,
        generation: Generation(began),
        granted_generation: Generation(began),
        granted_at,
        client_id: grant.client_id.as_deref().map(Into::into),
        access_token: grant.access_token.clone(),
        expires_at: grant.expires_at,
        lifetime: grant.lifetime,
        scope: grant.scope.as_deref().map(Into::into),
        user: grant.user.clone(),
        organization: grant.organization.clone(),
        foreign_owner: None,
        facts: calendly_keeper::domain::facts::Facts::new(granted_at),
        claim: None,
        unknown_since: None,
        attempts: 0,
        next_attempt_at: None,
    };
    (Record::Granted { grant: Box::new(grant), head }, connection)
}

/// What a later claim would send.
pub(crate) async fn next_token(store: &dyn Store, name: &str) -> String {
    let now = read(store, &id(name)).await;
    let (_, claimed) = claim(store, &now, None).await.expect("may be claimed");
    claimed.refresh_token.expose().into()
}

pub(crate) async fn marker(store: &dyn Store) -> i64 {
    store.change_marker().await.unwrap()
}

pub(crate) async fn a_row_that_is_behind_gets_the_latest_pair(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &anna, None).await.unwrap();
    let before = marker(&*f.store).await;
    let records = || [later(&anna, 2, Some("r2")), later(&anna, 3, Some("r3"))];

    let forwarded = forward(&*f.store, records()).await;

    assert_eq!(told(&forwarded), (Tokens::Pair, false, false, None));
    assert!(forwarded[0].id == anna.id && forwarded[0].went_back());
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((now.grant_id, now.granted_generation, generation(&now)), (anna.grant_id, Generation(1), 3));
    let pair = pair(&anna, "r3");
    assert_eq!(access_token(&now), Some("access-of-r3"));
    assert_eq!((now.expires_at, now.lifetime), (Some(pair.expires_at), pair.lifetime));
    assert_eq!((now.claim, now.scope.as_deref()), (None, Some("a b")), "what the answers did not say stays");
    assert_eq!(marker(&*f.store).await, before, "rotations do not move it");

    assert!(forward(&*f.store, records()).await.is_empty(), "nothing is lacking any more");
    assert_eq!(next_token(&*f.store, "anna").await, "r3");
}

pub(crate) async fn a_refusal_of_a_row_that_went_back_ends_with_the_pair(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let refuse = Refuse {
        id: anna.id.clone(),
        grant_id: anna.grant_id,
        generation: anna.generation,
        reason: Refusal::Revoked,
        at: at(300),
    };
    assert!(f.store.refuse(refuse).await.unwrap());
    assert_eq!(told(&forward(&*f.store, [later(&anna, 2, Some("r2"))]).await).0, Tokens::Pair);
    assert_eq!(read(&*f.store, &anna.id).await.facts.grant, GrantFact::Live { since: at(0) });
}

pub(crate) async fn a_pair_without_a_refresh_token_goes_on_with_the_rows(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let forwarded = forward(&*f.store, [later(&anna, 2, None), later(&anna, 3, None)]).await;
    assert_eq!(told(&forwarded), (Tokens::Pair, false, false, None));
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((generation(&now), access_token(&now)), (3, Some("access-of-none")));
    assert_eq!(next_token(&*f.store, "anna").await, "r1");
}

pub(crate) async fn a_row_of_an_older_grant_gets_the_whole_newer_one(f: Fixture) {
    let old = given(&*f.store, NewGrant { user: Some("user-a".into()), ..grant("anna", "r1") }).await;
    claim(&*f.store, &old, None).await.unwrap();
    let new = NewGrant { client_id: Some("client-2".into()), scope: Some("c".into()), ..grant("anna", "r5") };
    let (granted, new) = taken_back(new, 4, at(60));
    let before = marker(&*f.store).await;

    let forwarded = forward(&*f.store, [granted, later(&new, 5, Some("r6"))]).await;

    assert_eq!(told(&forwarded), (Tokens::Grant, false, false, None));
    let now = read(&*f.store, &old.id).await;
    assert_eq!((now.grant_id, now.granted_at), (new.grant_id, at(60)));
    assert_eq!((now.granted_generation, generation(&now)), (Generation(4), 5));
    assert_eq!((now.client_id.as_deref(), now.scope.as_deref()), (Some("client-2"), Some("c")));
    assert_eq!((access_token(&now), now.expires_at), (Some("access-of-r6"), Some(at(9000))));
    assert_eq!((now.user.as_deref(), now.claim), (Some("user-a"), None), "the same person");
    assert_eq!(now.facts.grant, GrantFact::Live { since: at(60) });
    let changes = f.store.changes(before, 10).await.unwrap();
    assert_eq!(changes.present.iter().map(|c| c.grant_id).collect::<Vec<_>>(), [new.grant_id]);
    assert_eq!(next_token(&*f.store, "anna").await, "r6");
}

pub(crate) async fn a_row_that_is_missing_gets_the_whole_grant(f: Fixture) {
    let (granted, _) = taken_back(NewGrant { user: Some("user-b".into()), ..grant("ben", "r1") }, 1, at(5));
    let (_, carla) = taken_back(grant("carla", "r2"), 3, at(6));
    let Record::Pair { mut commit, grant } = later(&carla, 7, Some("r7")) else { unreachable!() };
    (commit.foreign_owner, commit.not_before) = (Some("user-x".into()), Some(at(60)));
    let before = marker(&*f.store).await;

    let forwarded = forward(&*f.store, [Record::Pair { commit, grant }, granted]).await;

    let tokens: Vec<_> = forwarded.iter().map(|one| (one.id.as_str(), one.tokens)).collect();
    assert_eq!(tokens, [("ben", Tokens::Grant), ("carla", Tokens::Grant)]);
    let ben = read(&*f.store, &id("ben")).await;
    assert_eq!((ben.granted_generation, generation(&ben)), (Generation(1), 1));
    assert_eq!((ben.granted_at, ben.user.as_deref()), (at(5), Some("user-b")));
    assert_eq!((access_token(&ben), ben.expires_at), (Some("access-of-r1"), Some(at(7200))));
    let now = read(&*f.store, &id("carla")).await;
    assert_eq!((now.grant_id, now.granted_generation, generation(&now)), (carla.grant_id, Generation(3), 7));
    assert_eq!((now.foreign_owner.as_deref(), now.next_attempt_at), (Some("user-x"), Some(at(60))));
    let changes = f.store.changes(before, 10).await.unwrap();
    assert_eq!(changes.present.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["ben", "carla"]);
    assert_eq!(changes.marker, marker(&*f.store).await);
    assert_eq!(next_token(&*f.store, "ben").await, "r1");
    assert_eq!(next_token(&*f.store, "carla").await, "r7");
}

pub(crate) async fn a_row_as_new_or_newer_is_left_alone(f: Fixture) {
    let first = given(&*f.store, grant("anna", "r1")).await;
    let second = Connection { generation: Generation(2), ..first.clone() };
    f.store.commit(pair(&first, "r2")).await.unwrap();
    f.store.commit(pair(&second, "r3")).await.unwrap();
    let now = read(&*f.store, &first.id).await;
    claim(&*f.store, &now, None).await.unwrap();
    let before = (format!("{:?}", read(&*f.store, &first.id).await), marker(&*f.store).await);

    for record in [later(&first, 2, Some("r2")), later(&first, 3, Some("r3")), later(&first, 3, Some("x"))] {
        assert!(forward(&*f.store, [record]).await.is_empty());
    }

    let after = (format!("{:?}", read(&*f.store, &first.id).await), marker(&*f.store).await);
    assert_eq!(before, after);
}

pub(crate) async fn a_token_written_forward_is_refused_under_another_id(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (granted, ben) = taken_back(grant("ben", "r5"), 1, at(5));
    let (carlas, carla) = taken_back(grant("carla", "r7"), 1, at(5));
    let records = [later(&anna, 2, Some("r2")), granted, later(&ben, 2, Some("r6")), carlas];
    assert_eq!(forward(&*f.store, records).await.len(), 3);
    for (token, owner) in [("r1", &anna.id), ("r2", &anna.id), ("r6", &ben.id), ("r7", &carla.id)] {
        let answer = f.put(vec![NewGrant { replace: true, ..grant("dora", token) }]).await;
        assert_eq!(answer, [Put::BelongsTo(owner.clone())], "{token}");
    }
    let again = NewGrant { replace: true, ..grant("ben", "r6") };
    assert_eq!(f.put(vec![again]).await, [Put::Unchanged]);
}

pub(crate) async fn a_pair_with_a_token_known_elsewhere_is_written_all_the_same(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    given(&*f.store, grant("ben", "r2")).await;
    let (_, carla) = taken_back(grant("carla", "r0"), 1, at(5));
    let records = [later(&anna, 2, Some("r2")), later(&carla, 2, Some("r2"))];
    assert_eq!(forward(&*f.store, records).await.len(), 2);
    for name in ["anna", "carla"] {
        assert_eq!(next_token(&*f.store, name).await, "r2", "{name}");
    }
}

pub(crate) async fn with_one_bad_row_nothing_is_written_and_alone_the_others_are(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let bad = given(&*f.store, grant("bad", "r2")).await;
    let carla = given(&*f.store, grant("carla", "r3")).await;
    let (granted, _) = taken_back(grant("dora", "r4"), 1, at(5));
    f.refuse_commits_of("bad");
    let before = marker(&*f.store).await;
    let all = known([
        later(&anna, 2, Some("n1")),
        later(&bad, 2, Some("n2")),
        deleted(&carla, before + 9),
        granted,
    ]);

    let refused = f.store.write_forward(all.clone()).await;

    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    for (name, token) in [("anna", "access-of-r1"), ("bad", "access-of-r2"), ("carla", "access-of-r3")] {
        let now = read(&*f.store, &id(name)).await;
        assert_eq!((generation(&now), access_token(&now)), (1, Some(token)), "{name}");
    }
    assert!(f.store.get(&id("dora")).await.unwrap().is_none());
    assert_eq!(marker(&*f.store).await, before);
    let offered = offered(&*f.store, vec![grant("emil", "n1")], true).await;
    assert_eq!(offered, [Put::Created(Generation(1))], "its fingerprint was not kept either");

    for one in all {
        let is_bad = one.0 == bad.id;
        match f.store.write_forward(vec![one]).await {
            Ok(forwarded) => assert!(!is_bad && forwarded.len() == 1, "{forwarded:?}"),
            Err(StoreError::Refused(_)) => assert!(is_bad),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(generation(&read(&*f.store, &anna.id).await), 2);
    assert_eq!(generation(&read(&*f.store, &bad.id).await), 1);
    assert!(f.store.get(&carla.id).await.unwrap().is_none());
    assert_eq!(next_token(&*f.store, "dora").await, "r4");
}

/// The answer's texts came from outside, and the journal has them as they came.
pub(crate) async fn a_nul_in_a_journalled_answer_costs_no_pair(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (_, ben) = taken_back(grant("ben", "r5"), 1, at(5));
    for (connection, tokens) in [(&anna, Tokens::Pair), (&ben, Tokens::Grant)] {
        let Record::Pair { mut commit, grant } = later(connection, 2, Some(&format!("n-{}", connection.id)))
        else {
            unreachable!()
        };
        (commit.scope, commit.user) = (Some("a\0b".into()), Some("user\0".into()));
        (commit.organization, commit.foreign_owner) = (Some("\0".into()), Some("x\0".into()));
        let forwarded = forward(&*f.store, [Record::Pair { commit, grant }]).await;
        assert_eq!(told(&forwarded).0, tokens);
        let now = read(&*f.store, &connection.id).await;
        assert_eq!((generation(&now), now.scope.as_deref()), (2, Some("a\u{fffd}b")));
        assert_eq!(
            (now.user.as_deref(), now.foreign_owner.as_deref()),
            (Some("user\u{fffd}"), Some("x\u{fffd}"))
        );
    }
}

pub(crate) async fn more_than_one_statement_takes_are_written(f: Fixture) {
    let names: Vec<_> = (0..1003).map(|n| format!("c{n:04}")).collect();
    let behind = names.iter().step_by(2).map(|name| grant(name, &format!("r-{name}")));
    f.put(behind.collect()).await;
    let mut records = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let connection = if n % 2 == 0 {
            read(&*f.store, &id(name)).await
        } else {
            taken_back(grant(name, "unused"), 1, at(5)).1
        };
        records.push(later(&connection, 2, Some(&format!("n-{name}"))));
    }
    let forwarded = forward(&*f.store, records).await;
    assert_eq!(forwarded.iter().map(|one| one.id.to_string()).collect::<Vec<_>>(), names);
    let page = f.store.page(None, 2000).await.unwrap().connections;
    assert_eq!(page.len(), names.len());
    assert!(page.iter().all(|now| generation(now) == 2));
    for name in [&names[1], &names[1002]] {
        assert_eq!(next_token(&*f.store, name).await, format!("n-{name}"));
    }
}
