//! Who works.

use std::time::Duration;

use calendly_keeper::ports::Lock;
use calendly_keeper::store::{Options, open};

use crate::fixture::Fixture;
use crate::given::{claim, given, grant, pair, read};

pub(crate) const NOW: Lock = Lock::Ours { exchange_in: Duration::ZERO };

pub(crate) async fn nothing_is_claimed_without_the_keeper_lock(f: Fixture) {
    let store = open(Options { require_lock: true, ..f.options() }).await.unwrap();
    let anna = given(&*store, grant("anna", "r1")).await;
    assert!(claim(&*store, &anna, None).await.is_none());

    assert_eq!(store.keep_lock().await.unwrap(), NOW, "the first one ever need not wait");
    assert_eq!(store.keep_lock().await.unwrap(), NOW);
    assert!(claim(&*store, &anna, None).await.is_some());

    store.unlock(true).await.unwrap();
    store.commit(pair(&anna, "r2")).await.unwrap();
    let anna = read(&*store, &anna.id).await;
    assert!(claim(&*store, &anna, None).await.is_none(), "given up");
}
