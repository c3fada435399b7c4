//! The limit of the inbox: bare durable commits of the same bodies, what is ready at once sharing a transaction.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::database::Database;

/// As the keeper's intake.
const MAX_BATCH: usize = 256;

diesel::table! {
    bare_inbox (id) {
        id -> Text,
        body -> Binary,
    }
}

type Job = (String, Vec<u8>, oneshot::Sender<()>);

/// How long it takes to make all durable, so many waiting at once.
pub(crate) fn keep_all(database: &Database, bodies: &[Vec<u8>], at_once: usize, folder: &Path) -> Duration {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let (jobs, queue) = mpsc::channel(at_once);
    match database {
        Database::Sqlite => sqlite(&folder.join("bare-inbox.db"), queue),
        Database::Postgres(server) => runtime.block_on(postgres(&server.create_database(), queue)),
    }
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(body) = bodies.get(n) else { return };
                    let (done, kept) = oneshot::channel();
                    jobs.blocking_send((format!("evt_{n:032}"), body.clone(), done)).unwrap();
                    kept.blocking_recv().unwrap();
                }
            });
        }
    });
    began.elapsed()
}

fn sqlite(path: &Path, mut queue: mpsc::Receiver<Job>) {
    let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    db.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE bare_inbox (id TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL)",
    )
    .unwrap();
    std::thread::spawn(move || {
        let mut batch = vec![];
        while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            db.immediate_transaction(|db| {
                batch.iter().try_for_each(|(id, body, _): &Job| {
                    let row = (bare_inbox::id.eq(id), bare_inbox::body.eq(body));
                    diesel::insert_into(bare_inbox::table).values(row).execute(db).map(drop)
                })
            })
            .unwrap();
            for (.., done) in batch.drain(..) {
                let _ = done.send(());
            }
        }
    });
}

async fn postgres(url: &str, mut queue: mpsc::Receiver<Job>) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE bare_inbox (id text PRIMARY KEY, body bytea NOT NULL)").await.unwrap();
    let insert = "INSERT INTO bare_inbox SELECT * FROM unnest($1::text[], $2::bytea[])";
    let insert = client.prepare(insert).await.unwrap();
    tokio::spawn(async move {
        let mut batch: Vec<Job> = vec![];
        while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let (ids, bodies): (Vec<_>, Vec<_>) = batch.iter().map(|(id, body, _)| (id, body)).unzip();
            client.execute(&insert, &[&ids, &bodies]).await.unwrap();
            for (.., done) in batch.drain(..) {
                let _ = done.send(());
            }
        }
    });
}
