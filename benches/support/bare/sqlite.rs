//! The bare loop's writer on SQLite: one thread, one transaction for what is ready.

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use tokio::sync::mpsc;

use super::{Job, MAX_BATCH, Rows, Write};

diesel::table! {
    bare (id) {
        id -> Text,
        access_token -> Nullable<Text>,
        refresh_token -> Text,
        claim -> Nullable<Text>,
        generation -> BigInt,
    }
}

pub(super) fn start(path: &Path, rows: Rows, mut queue: mpsc::Receiver<Job>) {
    let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    db.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE bare (id TEXT PRIMARY KEY, access_token TEXT, refresh_token TEXT NOT NULL, claim TEXT,
                            generation INTEGER NOT NULL DEFAULT 1)",
    )
    .unwrap();
    db.transaction(|db| {
        for (id, refresh) in rows {
            diesel::insert_into(bare::table)
                .values((bare::id.eq(id), bare::refresh_token.eq(refresh), bare::generation.eq(1)))
                .execute(db)?;
        }
        QueryResult::Ok(())
    })
    .unwrap();
    std::thread::spawn(move || {
        let mut batch = Vec::new();
        while let Some(job) = queue.blocking_recv() {
            batch.push(job);
            while batch.len() < MAX_BATCH
                && let Ok(job) = queue.try_recv()
            {
                batch.push(job);
            }
            let answers = db.immediate_transaction(|db| batch.iter().map(|job| one(db, job)).collect());
            let answers: Vec<String> = answers.unwrap();
            for (job, answer) in batch.drain(..).zip(answers) {
                drop(job.done.send(answer));
            }
        }
    });
}

fn one(db: &mut SqliteConnection, job: &Job) -> QueryResult<String> {
    let row = bare::table.find(&job.id);
    match &job.write {
        Write::Claim => {
            diesel::update(row).set(bare::claim.eq("claimed")).returning(bare::refresh_token).get_result(db)
        }
        Write::Commit { access, refresh } => diesel::sql_query(
            "UPDATE bare SET access_token = ?, refresh_token = ?, claim = NULL, generation = generation + 1
             WHERE id = ?",
        )
        .bind::<Text, _>(access)
        .bind::<Text, _>(refresh)
        .bind::<Text, _>(&job.id)
        .execute(db)
        .map(|_| String::new()),
    }
}
