//! Deliveries come back in their order, once for each start, and belong to one database.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;

/// Set by hand; the boot clock goes with it.
#[derive(Clone, Default)]
struct HandClock(Arc<Mutex<Duration>>);

impl HandClock {
    fn pass(&self, time: Duration) {
        *lock(&self.0) += time;
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + *lock(&self.0)
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(1000) + *lock(&self.0)
    }
}

async fn open_at(clock: &HandClock, directory: &Path, database: &str) -> Result<SpillFile, SpillError> {
    SpillFile::open(directory.into(), database.into(), Arc::new(clock.clone()), &Handle::current()).await
}

fn files(directory: &Path) -> usize {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".spool")).count()
}

async fn open(directory: &Path, database: &str) -> Result<SpillFile, SpillError> {
    open_at(&HandClock::default(), directory, database).await
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

#[tokio::test]
async fn what_was_taken_is_gone_ten_minutes_later_over_a_restart_too() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), HandClock::default());
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let spill = open_at(&clock, directory.path(), "d").await.unwrap();
    spill.append(vec![1]).await.unwrap();
    clock.pass(minutes(60));
    spill.tidy().await;
    assert_eq!(spill.next(1000).await.unwrap(), [[1]], "it was not taken");
    spill.took().await;
    clock.pass(minutes(5));
    spill.tidy().await;
    spill.next(1000).await.unwrap();
    assert_eq!(files(directory.path()), 1);
    drop(spill);

    let spill = open_at(&clock, directory.path(), "d").await.unwrap();
    assert_eq!(spill.next(1000).await.unwrap(), [[1]]);
    spill.took().await;
    let noted = directory.path().join("settled");
    while !std::fs::read_to_string(&noted).is_ok_and(|text| text.lines().count() == 2) {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        clock.pass(minutes(4));
        spill.tidy().await;
    }
    assert!(spill.next(1000).await.unwrap().is_empty(), "answered after the files were looked for");
    assert_eq!(files(directory.path()), 0);
}

#[tokio::test]
async fn what_the_database_does_not_take_is_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    let spill = open(directory.path(), "d").await.unwrap();
    spill.set_aside(b"odd".to_vec()).await.unwrap();
    let name = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        (name.extension().unwrap().to_str(), std::fs::read(&name).unwrap()),
        (Some("aside"), b"odd".to_vec())
    );
}
