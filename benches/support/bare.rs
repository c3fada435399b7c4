//! The limit: a loop that does a refresh's I/O and no more. A durable claim, the POST, a durable commit; what is ready
//! at once shares one transaction. No actors, no encryption, no guards, no timeline.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::calendly::Calendly;
use super::database::Database;

/// As the keeper's writer.
const MAX_BATCH: usize = 1024;

/// What is written for a row.
enum Write {
    /// Answered with the refresh token.
    Claim,
    /// The new pair.
    Commit { access: String, refresh: String },
}

struct Job {
    id: String,
    write: Write,
    done: oneshot::Sender<String>,
}

/// Grants as rows: id and refresh token.
type Rows = Vec<(String, String)>;

/// Refreshes these grants, `at_once` at a time; how long that took.
pub(crate) fn refresh_all(
    database: &Database,
    calendly: &Calendly,
    grants: &[Value],
    at_once: usize,
    folder: &Path,
) -> Duration {
    let text = |grant: &Value, field: &str| grant[field].as_str().unwrap().to_owned();
    let rows: Rows = grants.iter().map(|grant| (text(grant, "id"), text(grant, "refresh_token"))).collect();
    let ids: Arc<Vec<String>> = Arc::new(rows.iter().map(|(id, _)| id.clone()).collect());
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let (jobs, queue) = mpsc::channel(MAX_BATCH);
    match database {
        Database::Sqlite => sqlite::start(&folder.join("bare.db"), rows, queue),
        Database::Postgres(server) => {
            runtime.block_on(postgres::start(&server.create_database(), rows, queue));
        }
    }
    let client = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    let url = format!("{}/oauth/token", calendly.url);
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    runtime.block_on(async {
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                let (jobs, client, url) = (jobs.clone(), client.clone(), url.clone());
                let (ids, next, (name, secret)) = (ids.clone(), next.clone(), calendly.client);
                tokio::spawn(async move {
                    while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let refresh = write(&jobs, id, Write::Claim).await;
                        let form = [
                            ("grant_type", "refresh_token"),
                            ("client_id", name),
                            ("client_secret", secret),
                            ("refresh_token", refresh.as_str()),
                        ];
                        let body = client.post(&url).form(&form).send().await.unwrap().bytes().await.unwrap();
                        let answer: Value = serde_json::from_slice(&body).unwrap();
                        let field = |name: &str| answer[name].as_str().unwrap().to_owned();
                        let commit =
                            Write::Commit { access: field("access_token"), refresh: field("refresh_token") };
                        write(&jobs, id, commit).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
    started.elapsed()
}

async fn write(jobs: &mpsc::Sender<Job>, id: &str, write: Write) -> String {
    let (done, answer) = oneshot::channel();
    let job = Job { id: id.to_owned(), write, done };
    assert!(jobs.send(job).await.is_ok(), "the bare writer is gone");
    answer.await.unwrap()
}
