//! What was announced, as it is kept.

use calendly_keeper::domain::notice::{Announced, Kind, Open, Subject, Told};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::fixture::Fixture;
use crate::given::at;

fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

fn full() -> Announced {
    let micros = TimeDelta::nanoseconds(123_456_789);
    Announced {
        told: Some(Told { kind: Kind::WebhookUnavailable, at: at(5), reminders: 3 }),
        open: Some(Open {
            id: Uuid::from_u128(7),
            kind: Kind::ConnectionRecovered,
            at: at(6) + micros,
            attempts: 12,
            next_at: at(7),
            reached: true,
            changes: 9,
            reminder: 2,
        }),
        seen: Some(Kind::ReauthorizationRequired),
        since: Some(at(1)),
        recent: vec![at(2), at(3)],
        withheld: 4,
    }
}

pub(crate) async fn what_was_announced_is_read_back_replaced_and_forgotten(f: Fixture) {
    assert_eq!(f.store.announced().await.unwrap(), []);
    let bare = Announced { told: None, open: None, seen: None, since: None, recent: vec![], withheld: 0 };
    let some = vec![
        (subject("system/database_away"), Some(bare.clone())),
        (subject("connection/anna"), Some(full())),
        (subject("connection/ben"), None),
    ];
    f.store.save_announced(some).await.unwrap();
    let read = f.store.announced().await.unwrap();
    let mut expected = full();
    expected.open.as_mut().unwrap().at = at(6) + TimeDelta::microseconds(123_456);
    assert_eq!(
        read,
        [(subject("connection/anna"), expected), (subject("system/database_away"), bare.clone()),]
    );

    let some =
        vec![(subject("connection/anna"), Some(bare.clone())), (subject("system/database_away"), None)];
    f.store.save_announced(some).await.unwrap();
    assert_eq!(f.store.announced().await.unwrap(), [(subject("connection/anna"), bare)]);
    f.store.save_announced(vec![]).await.unwrap();
}

pub(crate) async fn more_notices_than_one_statement_takes_are_kept(f: Fixture) {
    let subjects: Vec<_> = (0..1200).map(|n| subject(&format!("connection/u{n}"))).collect();
    f.store.save_announced(subjects.iter().map(|s| (s.clone(), Some(full()))).collect()).await.unwrap();
    assert_eq!(f.store.announced().await.unwrap().len(), 1200);
    f.store.save_announced(subjects.into_iter().map(|s| (s, None)).collect()).await.unwrap();
    assert_eq!(f.store.announced().await.unwrap(), []);
}
