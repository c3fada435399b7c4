//! The bare loop's writer on PostgreSQL: one task, one `unnest` statement a kind for what is ready.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, Statement};

use super::{Job, MAX_BATCH, Rows, Write};

pub(super) async fn start(url: &str, rows: Rows, mut queue: mpsc::Receiver<Job>) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let (ids, tokens): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
    client
        .batch_execute(
            "CREATE TABLE bare (id text PRIMARY KEY, access_token text, refresh_token text NOT NULL, claim text,
                                generation bigint NOT NULL DEFAULT 1)",
        )
        .await
        .unwrap();
    let seed = "INSERT INTO bare (id, refresh_token) SELECT * FROM unnest($1::text[], $2::text[])";
    client.execute(seed, &[&ids, &tokens]).await.unwrap();
    client.batch_execute("ANALYZE bare").await.unwrap();
    let claim = client
        .prepare("UPDATE bare SET claim = 'claimed' WHERE id = ANY($1) RETURNING id, refresh_token")
        .await
        .unwrap();
    let commit = client
        .prepare(
            "UPDATE bare SET access_token = v.access, refresh_token = v.refresh, claim = NULL,
                             generation = generation + 1
             FROM unnest($1::text[], $2::text[], $3::text[]) AS v(id, access, refresh) WHERE bare.id = v.id",
        )
        .await
        .unwrap();
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
            write(&client, &claim, &commit, std::mem::take(&mut batch)).await;
        }
    });
}

/// Each statement is a transaction of its own, as durable as it is committed.
async fn write(client: &Client, claim: &Statement, commit: &Statement, batch: Vec<Job>) {
    let (mut claims, mut commits) = (HashMap::new(), Vec::new());
    let (mut ids, mut access_tokens, mut refresh_tokens) = (vec![], vec![], vec![]);
    for job in batch {
        match job.write {
            Write::Claim => drop(claims.insert(job.id, job.done)),
            Write::Commit { access, refresh } => {
                ids.push(job.id);
                access_tokens.push(access);
                refresh_tokens.push(refresh);
                commits.push(job.done);
            }
        }
    }
    let claimed: Vec<&String> = claims.keys().collect();
    let rows = async { if claimed.is_empty() { Ok(vec![]) } else { client.query(claim, &[&claimed]).await } };
    let kept = async {
        if ids.is_empty() {
            Ok(0)
        } else {
            client.execute(commit, &[&ids, &access_tokens, &refresh_tokens]).await
        }
    };
    let (rows, kept) = futures_util::join!(rows, kept);
    kept.unwrap();
    for done in commits {
        drop(done.send(String::new()));
    }
    for row in rows.unwrap() {
        if let Some(done) = claims.remove(row.get::<_, &str>(0)) {
            drop(done.send(row.get(1)));
        }
    }
}
