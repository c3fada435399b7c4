//! Grants, deletions, pauses, and how others learn of them.

use std::collections::HashSet;

use calendly_keeper::domain::facts::{Facts, GrantFact, Refusal};
use calendly_keeper::domain::grant::{NewGrant, Put};
use calendly_keeper::domain::ids::Generation;
use calendly_keeper::domain::rotation::{Committed, Refuse, Release};
use calendly_keeper::domain::secrets::AccessToken;
use calendly_keeper::ports::StoreError;
use futures_util::future::join_all;

use crate::fixture::Fixture;
use crate::given::{access_token, at, claim, generation, given, grant, id, offered, pair, read};

pub(crate) async fn a_grant_is_read_back_as_it_was_given(f: Fixture) {
    let mut offer = grant("anna", "r1");
    offer.user = Some("https://api.calendly.com/users/A".into());
    offer.organization = Some("https://api.calendly.com/organizations/O".into());
    let anna = given(&*f.store, offer.clone()).await;

    assert_eq!((anna.id, anna.grant_id, anna.granted_at), (offer.id, offer.grant_id, at(0)));
    assert_eq!((anna.generation, anna.granted_generation), (Generation(1), Generation(1)));
    assert_eq!((anna.client_id, anna.scope), (offer.client_id.map(Into::into), offer.scope.map(Into::into)));
    assert_eq!((anna.user, anna.organization), (offer.user, offer.organization));
    assert_eq!((anna.expires_at, anna.lifetime), (offer.expires_at, offer.lifetime));
    assert_eq!(anna.access_token.as_ref().map(AccessToken::expose), Some("access-of-r1"));
    assert_eq!(anna.facts, Facts::new(at(0)));
    assert_eq!((anna.claim, anna.unknown_since, anna.next_attempt_at), (None, None, None));
    assert_eq!((anna.attempts, anna.foreign_owner), (0, None));
}

pub(crate) async fn an_id_that_was_never_given_is_nobody(f: Fixture) {
    assert!(f.store.get(&id("anna")).await.unwrap().is_none());
    assert!(f.store.delete(&id("anna"), at(0)).await.unwrap().is_none());
    assert_eq!(f.store.pause(&id("anna"), Some(at(0))).await.unwrap(), None);
}

pub(crate) async fn a_known_token_changes_nothing_even_after_use(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    let mut again = grant("anna", "r1");
    again.expires_at = Some(at(99_999));
    again.replace = true;

    assert_eq!(f.put(vec![again]).await, [Put::Unchanged]);

    assert_eq!(generation(&read(&*f.store, &anna.id).await), 2);
}

pub(crate) async fn a_token_of_another_connection_is_refused(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    assert_eq!(f.put(vec![grant("ben", "r1")]).await, [Put::BelongsTo(id("anna"))]);
    f.store.delete(&id("anna"), at(1)).await.unwrap();
    assert_eq!(f.put(vec![grant("ben", "r1")]).await, [Put::BelongsTo(id("anna"))]);
    assert!(f.store.get(&id("ben")).await.unwrap().is_none());
}

pub(crate) async fn of_two_lines_with_one_token_the_first_has_it(f: Fixture) {
    let lines = || vec![grant("anna", "r1"), grant("ben", "r1"), grant("carla", "r2")];
    let expected = [Put::Created(Generation(1)), Put::BelongsTo(id("anna")), Put::Created(Generation(1))];
    assert_eq!(offered(&*f.store, lines(), true).await, expected);
    assert_eq!(f.put(lines()).await, expected);
    assert!(f.store.get(&id("ben")).await.unwrap().is_none());
}

pub(crate) async fn lines_of_a_batch_see_those_before_them(f: Fixture) {
    let mut later = grant("anna", "r2");
    later.expires_at = Some(at(8000));
    let answers = f.put(vec![grant("anna", "r1"), later, grant("anna", "r3")]).await;
    assert_eq!(answers, [Put::Created(Generation(1)), Put::Replaced(Generation(2)), Put::Older]);
    let anna = read(&*f.store, &id("anna")).await;
    assert_eq!((generation(&anna), access_token(&anna)), (2, Some("access-of-r2")));
    assert_eq!(f.put(vec![grant("ben", "r1")]).await, [Put::BelongsTo(id("anna"))]);
}

pub(crate) async fn a_dry_run_answers_and_writes_nothing(f: Fixture) {
    let marker = f.store.change_marker().await.unwrap();
    let answer = offered(&*f.store, vec![grant("anna", "r1")], true).await;
    assert_eq!(answer, [Put::Created(Generation(1))]);
    assert!(f.store.get(&id("anna")).await.unwrap().is_none());
    assert_eq!(f.store.change_marker().await.unwrap(), marker);
    assert_eq!(f.put(vec![grant("ben", "r1")]).await, answer, "the token is free");
}

pub(crate) async fn a_stored_grant_gives_way_only_to_a_later_expiry(f: Fixture) {
    let first = given(&*f.store, grant("anna", "r1")).await;
    assert_eq!(f.put(vec![grant("anna", "r2")]).await, [Put::Older]);
    let mut later = grant("anna", "r2");
    later.expires_at = Some(at(7201));
    assert_eq!(f.put(vec![later]).await, [Put::Replaced(Generation(2))]);
    let anna = read(&*f.store, &id("anna")).await;
    assert_ne!(anna.grant_id, first.grant_id);
    assert_eq!((anna.generation, anna.granted_generation), (Generation(2), Generation(2)));
}

pub(crate) async fn a_new_grant_clears_what_the_old_one_left_but_not_the_pause(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let (claim_id, _) = claim(&*f.store, &anna, None).await.unwrap();
    let release = Release {
        id: anna.id.clone(),
        claim_id,
        unknown_since: Some(at(5)),
        attempts: 3,
        next_attempt_at: at(50),
    };
    assert!(f.store.release(release).await.unwrap());
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.pause(&anna.id, Some(at(7))).await.unwrap();
    let refuse = Refuse {
        id: anna.id.clone(),
        grant_id: anna.grant_id,
        generation: anna.generation,
        reason: Refusal::Revoked,
        at: at(8),
    };
    assert!(f.store.refuse(refuse).await.unwrap());

    let mut new = grant("anna", "r2");
    new.replace = true;
    new.granted_at = at(20);
    let anna = given(&*f.store, new).await;

    assert_eq!(anna.facts.grant, GrantFact::Live { since: at(20) });
    assert_eq!(anna.facts.paused, Some(at(7)));
    assert_eq!((anna.claim, anna.unknown_since), (None, None));
    assert_eq!((anna.attempts, anna.next_attempt_at), (0, None));
}

pub(crate) async fn who_is_not_said_to_be_another_stays_the_same_user(f: Fixture) {
    let mut offer = grant("anna", "r1");
    offer.user = Some("user-a".into());
    given(&*f.store, offer).await;
    let mut new = grant("anna", "r2");
    new.replace = true;
    new.organization = Some("organization-o".into());
    let anna = given(&*f.store, new).await;
    assert_eq!(
        (anna.user.as_deref(), anna.organization.as_deref()),
        (Some("user-a"), Some("organization-o"))
    );
}

pub(crate) async fn generations_go_on_over_a_deletion(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    f.store.delete(&anna.id, at(1)).await.unwrap();
    let answer = f.put(vec![grant("anna", "r9")]).await;
    assert_eq!(answer, [Put::Created(Generation(3))]);
}

pub(crate) async fn after_a_deletion_only_the_last_token_may_come_back(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    f.store.delete(&anna.id, at(1)).await.unwrap();
    assert_eq!(f.put(vec![grant("anna", "r1")]).await, [Put::UsedUp]);
    assert_eq!(f.put(vec![grant("anna", "r2")]).await, [Put::Created(Generation(3))]);
}

pub(crate) async fn a_token_that_was_being_sent_when_it_was_deleted_does_not_come_back(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.delete(&anna.id, at(1)).await.unwrap();
    assert_eq!(f.put(vec![grant("anna", "r1")]).await, [Put::UsedUp]);
    assert_eq!(f.put(vec![grant("anna", "r9")]).await, [Put::Created(Generation(2))]);
    let anew = read(&*f.store, &anna.id).await;
    assert!(claim(&*f.store, &anew, None).await.is_some(), "the old claim is gone");
}

pub(crate) async fn a_newer_grant_is_later_even_by_a_clock_that_was_set_back(f: Fixture) {
    let first = given(&*f.store, NewGrant { granted_at: at(100), ..grant("anna", "r1") }).await;
    let back = NewGrant { granted_at: at(50), replace: true, ..grant("anna", "r2") };
    f.put(vec![back.clone()]).await;
    let second = read(&*f.store, &first.id).await;
    assert!(second.granted_at > first.granted_at);

    f.store.delete(&first.id, at(1)).await.unwrap();
    f.store
        .put(vec![NewGrant { refresh_token: grant("anna", "r3").refresh_token, ..back }], false)
        .await
        .unwrap();
    assert!(read(&*f.store, &first.id).await.granted_at > second.granted_at, "over a deletion, too");
}

pub(crate) async fn a_deletion_erases_and_is_done_once(f: Fixture) {
    let mut offer = grant("anna", "r1");
    offer.user = Some("user-a".into());
    let anna = given(&*f.store, offer).await;
    f.store.pause(&anna.id, Some(at(1))).await.unwrap();
    assert_eq!(
        f.store.delete(&anna.id, at(2)).await.unwrap().map(|deleted| deleted.grant_id),
        Some(anna.grant_id)
    );
    assert!(f.store.delete(&anna.id, at(3)).await.unwrap().is_none());
    assert!(f.store.get(&anna.id).await.unwrap().is_none());
    assert!(claim(&*f.store, &anna, None).await.is_none());
    assert_eq!(f.store.pause(&anna.id, None).await.unwrap(), None);

    let anna = given(&*f.store, NewGrant { granted_at: at(9), ..grant("anna", "r9") }).await;
    assert_eq!((anna.user, anna.facts), (None, Facts::new(at(9))), "nothing of the old one is left");
}

pub(crate) async fn pages_come_in_order_and_end(f: Fixture) {
    let ids = ["B", "a", "a-1", "b", "z"];
    let grants = ["z", "a-1", "B", "b", "a"].map(|id| grant(id, &format!("r-{id}")));
    f.put(grants.to_vec()).await;
    given(&*f.store, grant("gone", "r-gone")).await;
    f.store.delete(&id("gone"), at(1)).await.unwrap();

    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = f.store.page(after.as_ref(), 2).await.unwrap();
        assert!(page.connections.len() <= 2 && page.unreadable.is_empty());
        found.extend(page.connections.into_iter().map(|connection| connection.id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ids);
}

pub(crate) async fn grants_deletions_and_pauses_move_the_marker_and_rotations_do_not(f: Fixture) {
    let mut last = f.store.change_marker().await.unwrap();
    let moved = async |what: &str, expected: bool, last: &mut i64| {
        let marker = f.store.change_marker().await.unwrap();
        assert_eq!(marker > *last, expected, "{what}");
        *last = marker;
    };
    let anna = given(&*f.store, grant("anna", "r1")).await;
    moved("a grant", true, &mut last).await;
    f.put(vec![grant("anna", "r1")]).await;
    moved("a line that changes nothing", false, &mut last).await;
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    moved("a rotation", false, &mut last).await;
    f.store.pause(&anna.id, Some(at(1))).await.unwrap();
    moved("a pause", true, &mut last).await;
    f.store.pause(&anna.id, Some(at(2))).await.unwrap();
    moved("a pause of what is paused", false, &mut last).await;
    assert_eq!(read(&*f.store, &anna.id).await.facts.paused, Some(at(1)), "since the first");
    f.store.pause(&anna.id, None).await.unwrap();
    moved("its end", true, &mut last).await;
    f.store.delete(&anna.id, at(3)).await.unwrap();
    moved("a deletion", true, &mut last).await;
    let changes = f.store.changes(0, 10).await.unwrap();
    assert_eq!((changes.gone, changes.present.len(), changes.marker), (vec![id("anna")], 0, last));
}

pub(crate) async fn changes_come_in_portions(f: Fixture) {
    let start = f.store.change_marker().await.unwrap();
    let grants = (0..5).map(|n| grant(&format!("c{n}"), &format!("r{n}"))).collect();
    f.put(grants).await;
    f.store.delete(&id("c1"), at(1)).await.unwrap();
    let (mut marker, mut found) = (start, Vec::new());
    loop {
        let changes = f.store.changes(marker, 2).await.unwrap();
        if changes.marker == marker {
            break;
        }
        marker = changes.marker;
        found.extend(changes.present.into_iter().map(|c| c.id.to_string()));
        found.extend(changes.gone.into_iter().map(|id| format!("-{id}")));
    }
    assert_eq!(found, ["c0", "c2", "c3", "c4", "-c1"]);
    assert_eq!(marker, f.store.change_marker().await.unwrap());
}

pub(crate) async fn a_poller_misses_no_change_under_load(f: Fixture) {
    let (writers, each) = (8, 12);
    let writing = join_all((0..writers).map(|writer| {
        let store = f.store.clone();
        tokio::spawn(async move {
            for n in 0..each {
                let name = format!("w{writer}-{n}");
                store.put(vec![grant(&name, &format!("r-{name}"))], false).await.unwrap();
            }
        })
    }));
    let polling = async {
        let (mut marker, mut seen) = (0, HashSet::new());
        while seen.len() < writers * each {
            let changes = f.store.changes(marker, 7).await.unwrap();
            assert!(changes.marker >= marker);
            marker = changes.marker;
            seen.extend(changes.present.into_iter().map(|connection| connection.id));
            tokio::task::yield_now().await;
        }
    };
    let deadline = std::time::Duration::from_secs(30);
    let both = tokio::time::timeout(deadline, async { tokio::join!(writing, polling) });
    both.await.expect("every change was seen");
}

pub(crate) async fn a_nul_in_a_grant_is_refused_by_name(f: Fixture) {
    let mut bad = grant("ben", "r2");
    bad.scope = Some("a\0b".into());
    let error = f.store.put(vec![grant("anna", "r1"), bad], false).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(what) if what.contains("ben") && what.contains("scope")));
    assert!(f.store.get(&id("anna")).await.unwrap().is_none());
    let commit = f.store.commit(pair(&given(&*f.store, grant("anna", "r1")).await, "r2")).await.unwrap();
    assert!(matches!(commit, Committed::Kept), "and the store goes on");
}
