//! The ledger of gaps.

use calendly_keeper::domain::backfill::Progress;
use calendly_keeper::ports::{Gap, OpenGap};

use crate::fixture::Fixture;
use crate::given::{at, id};

fn gap(connection: &str, from: i64) -> Gap {
    Gap { connection: id(connection), from: at(from), opened_at: at(100), reason: "disabled".into() }
}

async fn open(f: &Fixture) -> Vec<OpenGap> {
    f.store.open_gaps(0, 100).await.unwrap()
}

pub(crate) async fn gaps_are_open_until_they_are_closed(f: Fixture) {
    for connection in ["anna", "ben", "carla"] {
        f.store.open_gap(gap(connection, 1)).await.unwrap();
    }
    let all = open(&f).await;
    let gaps: Vec<_> = all.iter().map(|open| open.gap.clone()).collect();
    assert_eq!(gaps, [gap("anna", 1), gap("ben", 1), gap("carla", 1)]);
    assert!(all.iter().all(|open| open.progress.is_none() && open.found == 0));
    assert_eq!(f.store.open_gaps(all[0].number, 1).await.unwrap(), [all[1].clone()], "some at a time");

    f.store.close_gaps(vec![all[0].number, all[2].number], at(200)).await.unwrap();
    f.store.close_gaps(vec![all[0].number], at(300)).await.unwrap();
    assert_eq!(open(&f).await, [all[1].clone()]);
}

pub(crate) async fn how_far_a_backfill_has_come_is_kept_and_what_it_found_is_summed_up(f: Fixture) {
    f.store.open_gap(gap("anna", 1)).await.unwrap();
    f.store.open_gap(gap("ben", 2)).await.unwrap();
    let numbers: Vec<_> = open(&f).await.iter().map(|open| open.number).collect();
    let first = Progress { since: None, began_at: at(101), reached: Some(at(500)) };
    f.store.note_progress(numbers.clone(), first, vec![(numbers[0], 2)]).await.unwrap();
    f.store.note_progress(numbers.clone(), first, vec![(numbers[0], 3), (numbers[1], 1)]).await.unwrap();
    let told: Vec<_> = open(&f).await.into_iter().map(|open| (open.progress, open.found)).collect();
    assert_eq!(told, [(Some(first), 5), (Some(first), 1)]);
    let second = Progress { since: Some(at(101)), began_at: at(102), reached: None };
    f.store.note_progress(vec![numbers[1]], second, vec![]).await.unwrap();
    let told: Vec<_> = open(&f).await.into_iter().map(|open| (open.progress, open.found)).collect();
    assert_eq!(told, [(Some(first), 5), (Some(second), 1)]);
}

pub(crate) async fn a_gap_told_again_after_it_was_closed_is_open_from_the_start(f: Fixture) {
    f.store.open_gap(gap("anna", 1)).await.unwrap();
    let number = open(&f).await[0].number;
    let progress = Progress { since: None, began_at: at(101), reached: None };
    f.store.note_progress(vec![number], progress, vec![(number, 2)]).await.unwrap();
    f.store.open_gap(gap("anna", 1)).await.unwrap();
    assert_eq!(open(&f).await[0].progress, Some(progress), "told twice it is one, and goes on");
    f.store.close_gaps(vec![number], at(200)).await.unwrap();
    f.store.open_gap(gap("anna", 1)).await.unwrap();
    let again = open(&f).await;
    assert_eq!((again.len(), again[0].number, again[0].progress, again[0].found), (1, number, None, 0));
}

pub(crate) async fn more_gaps_than_one_statement_takes_are_noted_and_closed(f: Fixture) {
    for n in 0..1100 {
        f.store.open_gap(gap("anna", n)).await.unwrap();
    }
    let numbers: Vec<_> = f.store.open_gaps(0, 2000).await.unwrap().iter().map(|open| open.number).collect();
    let progress = Progress { since: None, began_at: at(101), reached: None };
    let found = numbers.iter().map(|number| (*number, 1)).collect();
    f.store.note_progress(numbers.clone(), progress, found).await.unwrap();
    assert!(f.store.open_gaps(0, 2000).await.unwrap().iter().all(|open| open.found == 1));
    f.store.close_gaps(numbers, at(200)).await.unwrap();
    assert_eq!(open(&f).await, []);
}

pub(crate) async fn when_a_keeper_was_last_alive_is_kept(f: Fixture) {
    assert_eq!(f.store.alive_at().await.unwrap(), None);
    for seconds in [5, 7, 6] {
        f.store.note_alive(at(seconds)).await.unwrap();
        assert_eq!(f.store.alive_at().await.unwrap(), Some(at(seconds)));
    }
}
