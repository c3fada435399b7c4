//! What only a database can show: restarts, keys, versions, other doors to the same data.

use calendly_keeper::domain::grant::Put;
use calendly_keeper::ports::StoreError;
use calendly_keeper::store::{KeyRing, OpenError, Options, open};
use futures_util::future::join_all;
use secrecy::ExposeSecret as _;

use crate::fixture::Fixture;
use crate::given::{access_token, at, claim, generation, given, grant, id, offered, pair, read};
use crate::locks::NOW;

fn new_key(id: &str) -> String {
    KeyRing::generate(id).expose_secret().to_owned()
}

fn error(opened: Result<std::sync::Arc<dyn calendly_keeper::ports::Store>, OpenError>) -> OpenError {
    match opened {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

pub(crate) async fn everything_is_there_after_a_restart(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    f.store.commit(pair(&anna, "r2")).await.unwrap();
    let anna = read(&*f.store, &anna.id).await;
    claim(&*f.store, &anna, None).await.unwrap();
    f.store.pause(&anna.id, Some(at(4))).await.unwrap();
    given(&*f.store, grant("ben", "r8")).await;
    f.store.delete(&id("ben"), at(5)).await.unwrap();
    let before = (read(&*f.store, &anna.id).await, f.store.change_marker().await.unwrap());

    let store = f.open_again().await;

    let after = (read(&*store, &anna.id).await, store.change_marker().await.unwrap());
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert_eq!(access_token(&after.0), Some("access-of-r2"));
    assert!(store.get(&id("ben")).await.unwrap().is_none());
    assert_eq!(offered(&*store, vec![grant("carla", "r1")], false).await, [Put::BelongsTo(anna.id)]);
}

pub(crate) async fn another_key_is_refused_and_changes_nothing(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    let (other, same_name) = (new_key("k2"), new_key("k1"));
    let refused = error(f.open_with(&[&other]).await);
    assert!(matches!(refused, OpenError::Unreadable(_)) && refused.is_configuration());
    assert!(refused.to_string().contains("\"k1\"") && refused.to_string().contains("\"k2\""), "{refused}");
    let refused = error(f.open_with(&[&same_name]).await);
    assert!(refused.to_string().contains("another one"), "{refused}");
    assert_eq!(access_token(&read(&*f.open_again().await, &id("anna")).await), Some("access-of-r1"));
}

pub(crate) async fn a_second_key_opens_what_the_first_sealed(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    let new = new_key("k2");
    let store = f.open_with(&[&new, &f.key]).await.unwrap();
    let anna = read(&*store, &id("anna")).await;
    assert_eq!(claim(&*store, &anna, None).await.unwrap().1.refresh_token.expose(), "r1");
    assert_eq!(offered(&*store, vec![grant("ben", "r1")], false).await, [Put::BelongsTo(id("anna"))]);
    store.commit(pair(&anna, "r2")).await.unwrap();

    // A reader with the old key alone sees that row as unreadable, and nothing else breaks.
    assert_eq!(f.store.page(None, 10).await.unwrap().unreadable, [id("anna")]);
}

pub(crate) async fn a_token_moved_to_another_row_does_not_open(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    given(&*f.store, grant("ben", "r2")).await;
    f.sql(
        "UPDATE connections SET refresh_token = (SELECT o.refresh_token FROM connections o WHERE o.id = 'ben')
         WHERE id = 'anna'",
    );
    let request = calendly_keeper::domain::rotation::ClaimRequest {
        id: &anna.id,
        grant_id: anna.grant_id,
        generation: anna.generation,
        claim_id: calendly_keeper::domain::ids::ClaimId::new(uuid::Uuid::new_v4()),
        at: at(1),
        seize: None,
    };
    assert!(matches!(f.store.claim(request).await, Err(StoreError::Unreadable(_))));
}

pub(crate) async fn one_unreadable_row_hides_no_other(f: Fixture) {
    let grants = ["a", "b", "c"].map(|name| grant(name, &format!("r-{name}")));
    f.put(grants.to_vec()).await;
    f.sql("UPDATE connections SET access_token = refresh_token WHERE id = 'b'");
    let page = f.store.page(None, 2).await.unwrap();
    assert_eq!(
        (page.connections.len(), page.unreadable, page.next.clone()),
        (1, vec![id("b")], Some(id("b")))
    );
    let page = f.store.page(page.next.as_ref(), 2).await.unwrap();
    assert_eq!((page.connections.len(), page.next), (1, None));
    let changes = f.store.changes(0, 10).await.unwrap();
    assert_eq!((changes.present.len(), changes.unreadable), (2, vec![id("b")]));
    assert!(matches!(f.store.get(&id("b")).await, Err(StoreError::Unreadable(what)) if what.contains("b ")));
}

pub(crate) async fn a_database_of_a_newer_version_is_refused(f: Fixture) {
    f.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    let refused = error(open(f.options()).await);
    assert!(refused.is_configuration() && refused.to_string().contains("newer version"), "{refused}");
}

/// Old code beside new in a rolling deploy (calcom/companion#174): an older keeper neither goes on nor takes over.
pub(crate) async fn a_keeper_whose_database_a_newer_one_migrated_works_no_more(f: Fixture) {
    let store = open(Options { require_lock: true, ..f.options() }).await.unwrap();
    assert_eq!(store.keep_lock().await.unwrap(), NOW);
    let anna = given(&*store, grant("anna", "r1")).await;
    claim(&*store, &anna, None).await.unwrap();
    f.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
    for when in ["at work", "taking over"] {
        let refused = store.keep_lock().await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Refused(what) if what.contains("20990101000000")),
            "{when}: {refused}"
        );
    }
    // What was under way is kept all the same.
    store.commit(pair(&anna, "r2")).await.unwrap();
    f.sql("DELETE FROM __diesel_schema_migrations WHERE version = '20990101000000'");
    assert_eq!(store.keep_lock().await.unwrap(), NOW);
    assert_eq!(generation(&read(&*store, &anna.id).await), 2);
}

pub(crate) async fn ten_that_open_at_once_share_one_database(f: Fixture) {
    let fresh = Fixture { url: other_database(&f), ..f };
    let opened = join_all((0..10).map(|_| open(fresh.options()))).await;
    let stores: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    // Had two of them made a fingerprint key, one would not know the other's tokens.
    given(&*stores[0], grant("anna", "r1")).await;
    for store in stores {
        assert_eq!(offered(&*store, vec![grant("ben", "r1")], false).await, [Put::BelongsTo(id("anna"))]);
        assert_eq!(generation(&read(&*store, &id("anna")).await), 1);
    }
}

pub(crate) async fn people_can_read_the_times(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    f.sql("CREATE TABLE seen AS SELECT * FROM connections_readable WHERE CAST(expires_at AS TEXT) LIKE '2027-01-15 %'");
    f.sql("CREATE UNIQUE INDEX one ON seen (id)");
    // Fails where the row was not selected: a NULL does not fit.
    f.sql("CREATE TABLE checked (id TEXT NOT NULL)");
    f.sql("INSERT INTO checked SELECT (SELECT id FROM seen)");
}

pub(crate) async fn a_gap_told_twice_is_one_row(f: Fixture) {
    for _ in 0..2 {
        f.store.open_gap(crate::facts::gap()).await.unwrap();
    }
    f.sql("CREATE UNIQUE INDEX one_each ON gaps (connection_id)");
}

fn other_database(f: &Fixture) -> String {
    if f.is_postgres() {
        crate::support::postgres::Postgres::shared().create_database()
    } else {
        "sqlite://other.db".into()
    }
}
