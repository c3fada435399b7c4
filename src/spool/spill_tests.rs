//! Deliveries come back in their order, once for each start, and belong to one database.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;

/// Time stands still: numbers grow all the same.
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(1000)
    }
}

async fn open(directory: &Path, database: &str) -> Result<SpillFile, SpillError> {
    let clock = Arc::new(StillClock);
    SpillFile::open(directory.into(), database.into(), clock, &Handle::current()).await
}

#[tokio::test]
async fn records_are_said_in_their_order_until_they_were_taken() {
    let directory = tempfile::tempdir().unwrap();
    let spill = open(directory.path(), "d").await.unwrap();
    assert!(!spill.holds_some());
    for n in 0..5_u8 {
        spill.append(vec![n; 10]).await.unwrap();
    }
    assert_eq!(spill.next(15).await.unwrap(), [[0; 10], [1; 10]]);
    assert_eq!(spill.next(15).await.unwrap(), [[0; 10], [1; 10]], "nobody took them");
    spill.took().await;
    spill.append(vec![5; 10]).await.unwrap();
    assert_eq!(spill.next(1000).await.unwrap(), [[2; 10], [3; 10], [4; 10], [5; 10]]);
    spill.took().await;
    assert!(spill.next(1000).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_next_start_says_all_again_that_may_not_have_been_taken() {
    let directory = tempfile::tempdir().unwrap();
    let spill = open(directory.path(), "d").await.unwrap();
    spill.append(vec![1]).await.unwrap();
    spill.append(vec![2]).await.unwrap();
    drop(spill);
    let spill = open(directory.path(), "d").await.unwrap();
    assert!(spill.holds_some());
    spill.append(vec![3]).await.unwrap();
    assert_eq!(spill.next(1000).await.unwrap(), [[1], [2], [3]]);
}

#[tokio::test]
async fn another_databases_deliveries_are_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), "d").await.unwrap().append(vec![1]).await.unwrap();
    let refused = open(directory.path(), "other").await.unwrap_err();
    assert!(refused.to_string().contains("another database"), "{refused}");
}
