//! Tokens sealed anew with another key, and handed over.

use calendly_keeper::ports::{Resealed, Store};
use calendly_keeper::store::KeyRing;
use secrecy::ExposeSecret as _;

use crate::fixture::Fixture;
use crate::given::{access_token, at, claim, given, grant, id, offered, pair, read};

fn new_key(id: &str) -> String {
    KeyRing::generate(id).expose_secret().to_owned()
}

/// Everything that there is.
async fn reseal(store: &dyn Store) -> Resealed {
    let (mut all, mut after) = (Resealed::default(), None);
    loop {
        let page = store.reseal(after.as_ref(), 2).await.unwrap();
        all.changed += page.changed;
        all.moved_on += page.moved_on;
        all.unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

pub(crate) async fn what_is_handed_over_are_the_living_connections_with_their_latest_tokens(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    for (name, token) in [("ben", "r3"), ("carla", "r4"), ("dan", "r5")] {
        given(&*f.store, grant(name, token)).await;
    }
    f.store.delete(&id("ben"), at(9)).await.unwrap();
    let (mut handed, mut after) = (vec![], None);
    loop {
        let page = f.store.hand_over(after.as_ref(), 2).await.unwrap();
        assert!(page.unreadable.is_empty() && page.connections.len() <= 2);
        handed.extend(page.connections);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let tokens: Vec<_> =
        handed.iter().map(|one| (one.connection.id.as_str(), one.refresh_token.expose())).collect();
    assert_eq!(tokens, [("anna", "r2"), ("carla", "r4"), ("dan", "r5")]);
    assert_eq!(access_token(&handed[0].connection), Some("access-of-r2"));
    assert!(read(&*f.store, &anna.id).await.claim.is_none(), "nothing is claimed by it");
}

pub(crate) async fn a_deletion_hands_the_erased_token_out_once(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    let deleted = f.store.delete(&anna.id, at(9)).await.unwrap().unwrap();
    assert_eq!(deleted.refresh_token.unwrap().expose(), "r2");
    assert!(f.store.delete(&anna.id, at(10)).await.unwrap().is_none());
}

pub(crate) async fn the_old_key_is_not_needed_after_everything_was_sealed_anew(f: Fixture) {
    for (name, token) in [("anna", "r1"), ("ben", "r2"), ("carla", "r3"), ("dan", "r4"), ("eva", "r5")] {
        given(&*f.store, grant(name, token)).await;
    }
    f.store.delete(&id("eva"), at(9)).await.unwrap();
    let new = new_key("k2");
    let both = f.open_with(&[&new, &f.key]).await.unwrap();
    let done = reseal(&*both).await;
    assert_eq!((done.changed, done.moved_on, done.unreadable.len()), (4, 0, 0));
    assert!(
        f.open_with(&[&new]).await.is_err(),
        "the key of the fingerprints is sealed with the old one still"
    );
    assert!(both.reseal_own().await.unwrap());
    assert!(!both.reseal_own().await.unwrap(), "once is enough");
    assert_eq!(reseal(&*both).await.changed, 0);

    let store = f.open_with(&[&new]).await.unwrap();
    let anna = read(&*store, &id("anna")).await;
    assert_eq!(access_token(&anna), Some("access-of-r1"));
    assert_eq!(claim(&*store, &anna, None).await.unwrap().1.refresh_token.expose(), "r1");
    let again = offered(&*store, vec![grant("fred", "r2")], false).await;
    assert_eq!(
        again,
        [calendly_keeper::domain::grant::Put::BelongsTo(id("ben"))],
        "fingerprints are the same"
    );
}

pub(crate) async fn what_no_key_opens_is_named_and_hides_no_other(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    let (middle, new) = (new_key("k2"), new_key("k3"));
    let with_middle = f.open_with(&[&middle, &f.key]).await.unwrap();
    given(&*with_middle, grant("ben", "r2")).await;
    let without = f.open_with(&[&new, &f.key]).await.unwrap();
    let done = reseal(&*without).await;
    assert_eq!((done.changed, done.unreadable), (1, vec![id("ben")]));
}

pub(crate) async fn rotations_go_on_while_everything_is_sealed_anew(f: Fixture) {
    const CONNECTIONS: usize = 40;
    const ROTATIONS: usize = 25;
    for n in 0..CONNECTIONS {
        given(&*f.store, grant(&format!("user-{n}"), &format!("r{n}-0"))).await;
    }
    let new = new_key("k2");
    let both = f.open_with(&[&new, &f.key]).await.unwrap();
    // As a keeper that goes on sealing with the old key.
    let knows_both = f.open_with(&[&f.key, &new]).await.unwrap();
    let rotating = tokio::spawn(async move {
        for round in 1..=ROTATIONS {
            let committed = (0..CONNECTIONS).map(|n| {
                let store = knows_both.clone();
                async move {
                    let row = read(&*store, &id(&format!("user-{n}"))).await;
                    let (_, claimed) = claim(&*store, &row, None).await.unwrap();
                    assert_eq!(
                        claimed.refresh_token.expose(),
                        format!("r{n}-{}", round - 1),
                        "no token was lost"
                    );
                    store.commit(pair(&row, &format!("r{n}-{round}"))).await.unwrap();
                }
            });
            futures_util::future::join_all(committed).await;
        }
    });
    while !rotating.is_finished() {
        reseal(&*both).await;
    }
    rotating.await.unwrap();
    while reseal(&*both).await.changed > 0 {}
    assert!(both.reseal_own().await.unwrap());

    let store = f.open_with(&[&new]).await.unwrap();
    for n in 0..CONNECTIONS {
        let row = read(&*store, &id(&format!("user-{n}"))).await;
        assert_eq!(row.generation.0, 1 + ROTATIONS as i64);
        let (_, claimed) = claim(&*store, &row, None).await.unwrap();
        assert_eq!(claimed.refresh_token.expose(), format!("r{n}-{ROTATIONS}"));
    }
}

pub(crate) async fn the_keeper_at_work_says_which_keys_it_has(f: Fixture) {
    assert!(f.store.keys_at_work().await.unwrap().is_empty(), "none has worked yet");
    let new = new_key("k2");
    let keeper = f.open_with(&[&f.key, &new]).await.unwrap();
    keeper.keep_lock().await.unwrap();
    assert_eq!(f.store.keys_at_work().await.unwrap(), ["k1", "k2"]);
    keeper.unlock(true).await.unwrap();
}
