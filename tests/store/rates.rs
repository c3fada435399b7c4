//! How fast a store is. Not asserted but for orders of magnitude: run with
//! `cargo test --release --test store rates -- --ignored --nocapture --test-threads 1`.
#![allow(clippy::print_stdout, reason = "a measurement is for whoever runs it")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::fixture::{Backend, Fixture, run};
use crate::given::{claim, grant, pair};
use crate::support::postgres::{Durability, Postgres};

const CONNECTIONS: usize = 100_000;
const CALLERS: usize = 1024;

#[test]
#[ignore = "a measurement"]
fn sqlite() {
    run(Backend::Sqlite, measure);
}

#[test]
#[ignore = "a measurement, and needs PostgreSQL's server binaries"]
fn postgres() {
    run(Backend::Postgres, async |f: Fixture| {
        let server = Postgres::new(Durability::Durable);
        let url = server.create_database();
        let store = Fixture { url, ..f };
        let again = store.open_again().await;
        measure(Fixture { store: again, ..store }).await;
    });
}

async fn measure(f: Fixture) {
    let start = Instant::now();
    for thousand in 0..CONNECTIONS / 1000 {
        let line = |n: usize| {
            grant(&format!("user-{:07}", thousand * 1000 + n), &long(&format!("r-{thousand}-{n}")))
        };
        f.put((0..1000).map(line).collect()).await;
    }
    report("put, lines in thousands", CONNECTIONS, start.elapsed());

    let start = Instant::now();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = f.store.page(after.as_ref(), 5000).await.unwrap();
        all.extend(page.connections);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    report("page, rows read and opened", all.len(), start.elapsed());
    assert_eq!(all.len(), CONNECTIONS);

    let rotated = &all[..20 * CALLERS];
    let start = Instant::now();
    in_parallel(rotated.len(), |n| {
        let (store, connection) = (Arc::clone(&f.store), rotated[n].clone());
        async move { assert!(claim(&*store, &connection, None).await.is_some()) }
    })
    .await;
    report("claim, 1024 callers", rotated.len(), start.elapsed());

    let start = Instant::now();
    in_parallel(rotated.len(), |n| {
        let (store, connection) = (Arc::clone(&f.store), rotated[n].clone());
        async move { drop(store.commit(pair(&connection, &long(&format!("c-{n}")))).await.unwrap()) }
    })
    .await;
    report("commit, 1024 callers", rotated.len(), start.elapsed());

    let start = Instant::now();
    for connection in &all[50_000..50_200] {
        f.store.commit(pair(connection, &long(&format!("o-{}", connection.id)))).await.unwrap();
    }
    report("commit, one after another", 200, start.elapsed());
}

async fn in_parallel<F: Future<Output = ()> + Send + 'static>(count: usize, work: impl Fn(usize) -> F) {
    for some in (0..count).collect::<Vec<_>>().chunks(CALLERS) {
        for done in join_all(some.iter().map(|n| tokio::spawn(work(*n)))).await {
            done.unwrap();
        }
    }
}

/// As long as Calendly's.
fn long(token: &str) -> String {
    format!("{token:x<200}")
}

fn report(what: &str, count: usize, took: Duration) {
    println!("{what}: {count} in {took:.2?}, {:.0} a second", count as f64 / took.as_secs_f64());
}
