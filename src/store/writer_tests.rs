//! Batches with an executor that does as it is told.

use std::sync::Mutex;

use futures_util::future::join_all;

use super::*;
use crate::store::row::{RefuseRow, ReleaseRow};

/// Refuses one id, loses the connection at another, and remembers every batch.
#[derive(Default)]
struct Fake {
    by_kind: bool,
    batches: Mutex<Vec<Vec<String>>>,
}

impl Executor for Arc<Fake> {
    fn mixes(&self) -> bool {
        !self.by_kind
    }

    async fn execute(&self, ops: Arc<[Op]>) -> Result<Vec<Done>, Failure> {
        let ids: Vec<String> = ops.iter().map(|op| op.id().to_owned()).collect();
        self.batches.lock().unwrap().push(ids.clone());
        tokio::task::yield_now().await;
        assert!(!ids.iter().any(|id| id == "panic"), "a driver's bug");
        if ids.iter().any(|id| id == "away") {
            Err(Failure::Away("gone".into()))
        } else if ids.iter().any(|id| id == "bad") {
            Err(Failure::Refused("no".into()))
        } else if ids.iter().any(|id| id.starts_with("odd")) {
            Err(Failure::Unclear("disk full".into()))
        } else {
            Ok(vec![Done::Changed; ids.len()])
        }
    }
}

fn op(id: &str) -> Op {
    Op::Release(Box::new(ReleaseRow {
        id: id.into(),
        claim_id: String::new(),
        unknown_since: None,
        attempts: 0,
        next_attempt_at: 0,
    }))
}

async fn write(ids: &[&str]) -> (Vec<Answer>, Vec<Vec<String>>) {
    let fake = Arc::new(Fake::default());
    let writer = Writer::start(&Handle::current(), Arc::clone(&fake));
    let answers = join_all(ids.iter().map(|id| writer.write(op(id)))).await;
    let batches = fake.batches.lock().unwrap().clone();
    (answers, batches)
}

#[tokio::test]
async fn what_is_ready_at_once_is_one_batch_in_the_order_of_ids() {
    let (answers, batches) = write(&["c", "a", "b"]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(batches, [["a", "b", "c"]]);
}

#[tokio::test]
async fn where_kinds_do_not_mix_each_is_a_batch_and_the_longest_waiting_goes_first() {
    let fake = Arc::new(Fake { by_kind: true, ..Fake::default() });
    let writer = Writer::start(&Handle::current(), Arc::clone(&fake));
    let refuse = |id: &str| {
        Op::Refuse(Box::new(RefuseRow {
            id: id.into(),
            grant_id: String::new(),
            generation: 1,
            reason: "revoked",
            at: 0,
        }))
    };
    let ops = [op("c"), refuse("a"), op("b"), refuse("d")];
    let answers = join_all(ops.map(|op| writer.write(op))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(*fake.batches.lock().unwrap(), [["b", "c"], ["a", "d"]]);
}

#[tokio::test]
async fn a_second_operation_on_an_id_waits_for_the_next_batch() {
    let (answers, batches) = write(&["a", "b", "a"]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(batches, [vec!["a", "b"], vec!["a"]]);
}

#[tokio::test]
async fn one_bad_row_harms_nobody() {
    let (answers, _) = write(&["a", "bad", "z"]).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(matches!(answers[1], Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_lost_connection_is_not_tried_row_by_row() {
    let (answers, batches) = write(&["a", "away", "z"]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))));
    assert_eq!(batches.len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_given_up_after_a_few_rows() {
    let (answers, batches) = write(&["odd1", "odd2", "odd3", "odd4", "odd5"]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))));
    assert_eq!(batches.len(), 1 + HOPELESS);
}

#[tokio::test]
async fn a_panic_fails_its_batch_and_not_the_next() {
    let fake = Arc::new(Fake::default());
    let writer = Writer::start(&Handle::current(), fake);
    assert!(matches!(writer.write(op("panic")).await, Err(StoreError::Unavailable(_))));
    assert!(writer.write(op("a")).await.is_ok());
}
