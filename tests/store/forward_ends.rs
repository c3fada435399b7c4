//! Going forward where something ended: deletions and pauses that were taken back are done again, what is over stays
//! over, and what became of tokens that are nobody's.

use calendly_keeper::domain::facts::Refusal;
use calendly_keeper::domain::grant::{Connection, NewGrant, Put};
use calendly_keeper::domain::ids::Generation;
use calendly_keeper::domain::journal::{Record, Tokens};
use calendly_keeper::domain::rotation::Refuse;

use crate::fixture::Fixture;
use crate::forward::{forward, later, marker, next_token, taken_back, told};
use crate::given::{access_token, at, claim, generation, given, grant, id, offered, pair, read};

pub(crate) fn deleted(of: &Connection, marker: i64) -> Record {
    Record::Deleted {
        id: of.id.clone(),
        grant_id: of.grant_id,
        granted_at: of.granted_at,
        generation: of.generation,
        at: at(500),
        marker,
    }
}

fn paused(of: &str, since: Option<i64>, marker: i64) -> Record {
    Record::Paused { id: id(of), since: since.map(at), marker }
}

pub(crate) async fn the_late_pair_of_a_deleted_grant_is_to_be_revoked(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    f.store.delete(&anna.id, at(1)).await.unwrap();
    let before = marker(&*f.store).await;
    let known_there = [later(&anna, 2, Some("r2")), later(&anna, 3, None)];
    assert!(forward(&*f.store, known_there).await.is_empty(), "r2 was in the database");

    let forwarded = forward(&*f.store, [later(&anna, 3, Some("r3"))]).await;

    assert_eq!(told(&forwarded), (Tokens::Superseded, false, false, Some("r3")));
    assert!(f.store.get(&anna.id).await.unwrap().is_none());
    assert_eq!(marker(&*f.store).await, before);
}

pub(crate) async fn a_grant_given_after_a_deletion_comes_back(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    let marker = f.store.delete(&old.id, at(1)).await.unwrap().unwrap().marker;
    let (granted, new) = taken_back(grant("anna", "r2"), 2, at(60));
    let records = [deleted(&old, marker), granted, paused("anna", Some(70), marker + 2)];
    let forwarded = forward(&*f.store, records).await;
    assert_eq!(told(&forwarded), (Tokens::Grant, false, true, None));
    let now = read(&*f.store, &old.id).await;
    assert_eq!((now.grant_id, generation(&now), now.facts.paused), (new.grant_id, 2, Some(at(70))));
}

pub(crate) async fn a_deletion_that_was_taken_back_is_done_again(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let before = marker(&*f.store).await;
    let records = || [later(&anna, 2, Some("r2")), deleted(&anna, before + 40)];

    assert_eq!(told(&forward(&*f.store, records()).await), (Tokens::Current, true, false, None));

    assert!(f.store.get(&anna.id).await.unwrap().is_none());
    let changes = f.store.changes(before, 10).await.unwrap();
    assert_eq!((changes.gone, changes.present.len()), (vec![anna.id.clone()], 0));
    assert_eq!(changes.marker, before + 41, "counted on from what is known, not from what went back");
    assert_eq!(marker(&*f.store).await, before + 41);
    assert!(forward(&*f.store, records()).await.is_empty());

    let anew = given(&*f.store, grant("anna", "r8")).await;
    assert!(forward(&*f.store, records()).await.is_empty(), "given anew since");
    assert_eq!(read(&*f.store, &anna.id).await.grant_id, anew.grant_id);
}

pub(crate) async fn a_pause_that_was_taken_back_is_set_again_and_so_is_its_end(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let mut before = marker(&*f.store).await;
    for since in [Some(3), Some(9), None] {
        let known = before + 5;
        let record = || [paused("anna", since, known)];
        assert_eq!(told(&forward(&*f.store, record()).await), (Tokens::Current, false, true, None));
        let now = read(&*f.store, &anna.id).await;
        assert_eq!(now.facts.paused, since.map(at));
        let changes = f.store.changes(before, 10).await.unwrap();
        assert_eq!((changes.present.len(), changes.marker), (1, known + 1));
        assert!(forward(&*f.store, record()).await.is_empty(), "once");
        before = changes.marker;
    }
    let marker = f.store.pause(&anna.id, Some(at(20))).await.unwrap().unwrap();
    assert!(marker > before);
    assert!(claim(&*f.store, &anna, None).await.is_none());
}

pub(crate) async fn a_pause_that_the_row_has_seen_is_not_set_again(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let paused_with = f.store.pause(&anna.id, Some(at(3))).await.unwrap().unwrap();
    assert!(forward(&*f.store, [paused("anna", Some(3), paused_with)]).await.is_empty());
    f.store.pause(&anna.id, None).await.unwrap();
    assert!(forward(&*f.store, [paused("anna", Some(3), paused_with)]).await.is_empty());
    assert_eq!(read(&*f.store, &anna.id).await.facts.paused, None);

    let both = [later(&anna, 2, Some("r2")), paused("anna", Some(5), marker(&*f.store).await + 1)];
    assert_eq!(told(&forward(&*f.store, both).await), (Tokens::Pair, false, true, None));
    let now = read(&*f.store, &anna.id).await;
    assert_eq!((generation(&now), now.facts.paused), (2, Some(at(5))));
}

pub(crate) async fn a_row_given_back_is_paused_as_it_was(f: Fixture) {
    let (granted, ben) = taken_back(grant("ben", "r1"), 1, at(5));
    let forwarded = forward(&*f.store, [granted, paused("ben", Some(8), 7)]).await;
    assert_eq!(told(&forwarded), (Tokens::Grant, false, true, None));
    let now = read(&*f.store, &ben.id).await;
    assert_eq!(now.facts.paused, Some(at(8)));
    assert!(claim(&*f.store, &now, None).await.is_none());
    assert!(marker(&*f.store).await > 7);

    // A deletion ends a pause: who was given anew was not paused.
    let (first, carla) = taken_back(grant("carla", "r2"), 1, at(5));
    let (second, _) = taken_back(grant("carla", "r3"), 2, at(60));
    let records = [first, paused("carla", Some(8), 7), deleted(&carla, 9), second];
    assert_eq!(told(&forward(&*f.store, records).await), (Tokens::Grant, false, false, None));
    assert_eq!(read(&*f.store, &carla.id).await.facts.paused, None);
}

/// Between grants the later one wins: of the older, what no database ever knew lives on at Calendly.
pub(crate) async fn a_pair_of_an_older_grant_that_was_never_stored_is_to_be_revoked(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&old, "r2")).await.unwrap();
    let new = given(&*f.store, NewGrant { replace: true, ..grant("anna", "r9") }).await;
    assert!(forward(&*f.store, [later(&old, 2, Some("r2"))]).await.is_empty(), "that was in the database");

    let forwarded = forward(&*f.store, [later(&old, 4, Some("r4"))]).await;

    assert_eq!(told(&forwarded), (Tokens::Superseded, false, false, Some("r4")));
    assert!(!forwarded[0].went_back());
    let now = read(&*f.store, &old.id).await;
    assert_eq!(
        (now.grant_id, now.generation, access_token(&now)),
        (new.grant_id, new.generation, Some("access-of-r9"))
    );
    assert_eq!(next_token(&*f.store, "anna").await, "r9");
}

pub(crate) async fn a_pair_whose_refresh_token_nobody_knows_is_lost_and_changes_nothing(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let before = (format!("{:?}", read(&*f.store, &anna.id).await), marker(&*f.store).await);
    let forwarded = forward(&*f.store, [later(&anna, 3, None)]).await;
    assert_eq!(told(&forwarded), (Tokens::Lost, false, false, None));
    assert!(forwarded[0].went_back());
    let after = (format!("{:?}", read(&*f.store, &anna.id).await), marker(&*f.store).await);
    assert_eq!(before, after);

    let (_, ben) = taken_back(grant("ben", "r2"), 1, at(5));
    assert_eq!(told(&forward(&*f.store, [later(&ben, 2, None)]).await).0, Tokens::Lost);
    assert!(f.store.get(&ben.id).await.unwrap().is_none());
    assert_eq!(next_token(&*f.store, "anna").await, "r1");
}

/// A database that went back to before the connection was there has no tombstone, which every other journal runs into.
pub(crate) async fn a_deletion_of_a_row_that_is_missing_leaves_a_tombstone(f: Fixture) {
    for (name, with_its_tokens) in [("anna", false), ("ben", true)] {
        let token = format!("r-{name}");
        let (granted, gone) = taken_back(grant(name, &token), 3, at(60));
        let before = marker(&*f.store).await;
        let records = || {
            let granted = with_its_tokens.then(|| granted.clone());
            granted.into_iter().chain([deleted(&gone, before + 7)])
        };

        assert_eq!(
            told(&forward(&*f.store, records()).await),
            (Tokens::Current, true, false, None),
            "{name}"
        );

        assert!(f.store.get(&gone.id).await.unwrap().is_none());
        let changes = f.store.changes(before, 10).await.unwrap();
        assert_eq!((changes.gone, changes.marker), (vec![gone.id.clone()], before + 8));
        assert!(forward(&*f.store, records()).await.is_empty(), "once");

        assert!(
            forward(&*f.store, [granted.clone()]).await.iter().all(|one| one.tokens == Tokens::Superseded)
        );
        assert!(f.store.get(&gone.id).await.unwrap().is_none(), "the deleted grant came back");
        let elsewhere = NewGrant { replace: true, ..grant("dora", &token) };
        let offered = offered(&*f.store, vec![elsewhere], true).await;
        let known = offered == [Put::BelongsTo(gone.id.clone())];
        assert_eq!(known, with_its_tokens, "{name}: its token is remembered where it is known: {offered:?}");
        let again = given(&*f.store, grant(name, &format!("{token}-2"))).await;
        assert_eq!(generation(&again), 4, "{name}: a generation was given twice");
    }
}

/// Another keeper's journal, or a late pair, knows the deleted grant and not its deletion.
pub(crate) async fn a_deletion_done_again_on_an_older_grant_keeps_the_deleted_one_out(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    let before = marker(&*f.store).await;
    let (granted, new) = taken_back(grant("anna", "r2"), 5, at(60));
    let gone = Connection { grant_id: new.grant_id, granted_at: at(60), ..old.clone() };
    forward(&*f.store, [granted.clone(), deleted(&gone, before + 40)]).await;
    assert!(f.store.get(&old.id).await.unwrap().is_none());

    forward(&*f.store, [granted]).await;

    assert!(f.store.get(&old.id).await.unwrap().is_none(), "the deleted grant came back");
    let again = given(&*f.store, grant("anna", "r3")).await;
    assert!(again.generation.0 > 5, "a generation was given twice: {:?}", again.generation);
}

/// A connection's generation never goes back. Whoever still counts as before is understood.
pub(crate) async fn a_grant_over_an_older_one_that_went_further_goes_on_from_there(f: Fixture) {
    let old = given(&*f.store, grant("anna", "r1")).await;
    forward(&*f.store, [later(&old, 10, Some("old"))]).await;
    let (granted, new) = taken_back(grant("anna", "r5"), 8, at(60));
    let records = [granted, later(&new, 9, Some("r6"))];

    let forwarded = forward(&*f.store, records.clone()).await;

    assert_eq!(told(&forwarded), (Tokens::Grant, false, false, None));
    let now = read(&*f.store, &old.id).await;
    assert_eq!((now.grant_id, now.granted_generation, generation(&now)), (new.grant_id, Generation(10), 11));
    assert_eq!(access_token(&now), Some("access-of-r6"));
    assert!(forward(&*f.store, records).await.is_empty(), "it is there");

    let forwarded = forward(&*f.store, [later(&new, 10, Some("r7"))]).await;
    assert_eq!(told(&forwarded), (Tokens::Pair, false, false, None));
    let now = read(&*f.store, &old.id).await;
    assert_eq!((generation(&now), access_token(&now)), (12, Some("access-of-r7")));
    assert_eq!(next_token(&*f.store, "anna").await, "r7");
}

/// Whoever works on it by now takes it for gone, and learns by the marker that it lives.
pub(crate) async fn a_pair_written_over_a_refusal_is_a_change_that_others_see(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    let ben = given(&*f.store, grant("ben", "r2")).await;
    let refuse = Refuse {
        id: anna.id.clone(),
        grant_id: anna.grant_id,
        generation: anna.generation,
        reason: Refusal::RotationLost,
        at: at(1),
    };
    assert!(f.store.refuse(refuse).await.unwrap());
    let before = marker(&*f.store).await;
    forward(&*f.store, [later(&anna, 2, Some("r3")), later(&ben, 2, Some("r4"))]).await;
    let changes = f.store.changes(before, 10).await.unwrap();
    assert_eq!(changes.present.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["anna"]);
    assert!(changes.present[0].facts.may_refresh());

    f.store.touch(&ben.id).await.unwrap();
    f.store.touch(&id("nobody")).await.unwrap();
    let changes = f.store.changes(changes.marker, 10).await.unwrap();
    assert_eq!(changes.present.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["ben"]);
}
