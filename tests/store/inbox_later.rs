//! What is done with events that are there: fetched, looked at, sent again, erased, forgotten.

use calendly_keeper::domain::event::{Settled, State};
use calendly_keeper::ports::Selection;

use crate::fixture::Fixture;
use crate::given::{at, id};
use crate::inbox::{all, arrived, created, ids, settle};

pub(crate) async fn events_are_fetched_from_a_place_on_also_of_one_connection(f: Fixture) {
    let events = ["anna", "ben", "anna", "ben", "anna"].iter().zip(1..);
    let events: Vec<_> = events.map(|(name, n)| created(name, &n.to_string(), n)).collect();
    f.store.take_in(events.clone()).await.unwrap();
    let everything = all(&*f.store).await;
    assert_eq!(ids(&everything), events.iter().map(|e| e.id.clone()).collect::<Vec<_>>());
    let place = everything[1].summary.ordinal;
    assert_eq!(f.store.events_after(place, None, 2).await.unwrap(), everything[2..4]);
    let annas = f.store.events_after(place, Some(&id("anna")), 10).await.unwrap();
    assert_eq!(annas, [everything[2].clone(), everything[4].clone()]);
    assert_eq!(f.store.events_after(everything[4].summary.ordinal, None, 10).await.unwrap(), []);
    assert_eq!(f.store.events_after(i64::MAX, None, 10).await.unwrap(), []);
    assert_eq!(f.store.events_after(0, Some(&id("carla")), 10).await.unwrap(), []);
}

pub(crate) async fn an_acknowledged_place_never_goes_back(f: Fixture) {
    assert_eq!(f.store.acknowledged("crm").await.unwrap(), None);
    for (ordinal, is) in [(5, 5), (9, 9), (7, 9), (0, 9)] {
        f.store.acknowledge("crm", ordinal, at(ordinal)).await.unwrap();
        assert_eq!(f.store.acknowledged("crm").await.unwrap(), Some(is));
    }
    assert_eq!(f.store.acknowledged("CRM").await.unwrap(), None);
}

pub(crate) async fn a_list_is_newest_first_of_what_was_selected_page_by_page(f: Fixture) {
    let events: Vec<_> =
        (1..=6).map(|n| created(if n % 2 == 0 { "anna" } else { "ben" }, &n.to_string(), n)).collect();
    f.store.take_in(events.clone()).await.unwrap();
    settle(&*f.store, &events[0].id, 10, Settled::Delivered).await;
    settle(&*f.store, &events[1].id, 10, Settled::Dead).await;
    let unread = arrived("anna", "no event", 7);
    f.store
        .take_in(vec![calendly_keeper::domain::event::NewEvent { relayed: false, ..unread }])
        .await
        .unwrap();

    let list = async |of: Selection| {
        let (mut listed, mut before) = (vec![], None);
        loop {
            let page = f.store.list_events(&of, before, 2).await.unwrap();
            before = page.last().map(|last| last.ordinal);
            if before.is_none() {
                return listed;
            }
            assert!(page.len() <= 2);
            listed.extend(page.into_iter().map(|one| one.received_at.timestamp() - at(0).timestamp()));
        }
    };
    let all = Selection::default();
    assert_eq!(list(all.clone()).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(Selection { connection: Some(id("ben")), ..all.clone() }).await, [5, 3, 1]);
    let window = Selection { since: Some(at(2)), until: Some(at(5)), ..all.clone() };
    assert_eq!(list(window.clone()).await, [4, 3, 2], "from the first on, before the second");
    assert_eq!(list(Selection { connection: Some(id("anna")), ..window }).await, [4, 2]);
    for (state, expected) in [
        (State::Pending, vec![6, 5, 4, 3]),
        (State::Delivered, vec![1]),
        (State::Dead, vec![2]),
        (State::Kept, vec![7]),
    ] {
        assert_eq!(list(Selection { state: Some(state), ..all.clone() }).await, expected, "{state:?}");
    }
    let listed = f.store.list_events(&Selection { state: Some(State::Dead), ..all }, None, 9).await.unwrap();
    assert_eq!((&listed[0].id, listed[0].attempts), (&events[1].id, 1));
    assert_eq!(f.store.event(&created("carla", "1", 1).id).await.unwrap(), None);
}

pub(crate) async fn events_are_replayed_whatever_became_of_them(f: Fixture) {
    let events: Vec<_> = (1..=4).map(|n| created("anna", &n.to_string(), n)).collect();
    f.store.take_in(events.clone()).await.unwrap();
    settle(&*f.store, &events[0].id, 10, Settled::Delivered).await;
    settle(&*f.store, &events[1].id, 10, Settled::Dead).await;
    settle(&*f.store, &events[2].id, 10, Settled::Again(at(900))).await;
    f.store.erase_events(&Selection { since: Some(at(4)), ..Selection::default() }, at(11)).await.unwrap();

    let some = events.iter().map(|event| event.id.clone()).chain([created("ben", "9", 1).id]).collect();
    assert_eq!(f.store.replay_events(some, at(20)).await.unwrap(), 3, "not what was erased or never there");
    for event in &events[..3] {
        let (kept, attempts) = f.store.event(&event.id).await.unwrap().unwrap();
        let summary = kept.summary;
        assert_eq!(
            (summary.state, summary.next_at, summary.settled_at),
            (State::Pending, Some(at(20)), None)
        );
        assert_eq!(
            (summary.queued_at, summary.attempts, attempts.len()),
            (at(20), 1, 1),
            "what was tried is told"
        );
    }
    let due = f.store.due_events(at(20), vec![], 10).await.unwrap();
    assert_eq!(ids(&due), events[..3].iter().map(|e| e.id.clone()).collect::<Vec<_>>());
    assert_eq!(f.store.backlog().await.unwrap().oldest, Some(at(20)), "its age begins anew");
}

pub(crate) async fn a_selection_is_replayed_in_portions(f: Fixture) {
    const MANY: i64 = 1100;
    let events = (0..MANY).map(|n| created(if n % 2 == 0 { "anna" } else { "ben" }, &n.to_string(), n));
    let events: Vec<_> =
        events.map(|event| calendly_keeper::domain::event::NewEvent { relayed: false, ..event }).collect();
    f.store.take_in(events).await.unwrap();
    let replayed = async |of: Selection| {
        let (mut replayed, mut after, mut portions) = (0, 0, 0);
        while let (some, Some(place)) = f.store.replay_selected(&of, after, at(5000)).await.unwrap() {
            assert!(place > after);
            (replayed, after, portions) = (replayed + some, place, portions + 1);
        }
        (replayed, portions)
    };
    let window = Selection { since: Some(at(100)), until: Some(at(110)), ..Selection::default() };
    assert_eq!(replayed(Selection { connection: Some(id("ben")), ..window }).await, (5, 1));
    assert_eq!(f.store.backlog().await.unwrap().pending, 5);
    assert_eq!(replayed(Selection { state: Some(State::Dead), ..Selection::default() }).await, (0, 0));
    let (all, portions) = replayed(Selection::default()).await;
    assert_eq!(all, MANY as usize);
    assert!(portions > 1, "{portions}");
    assert_eq!(f.store.backlog().await.unwrap().pending, MANY as u64);
}

pub(crate) async fn what_is_erased_stays_known_and_is_never_shown_or_sent(f: Fixture) {
    const MANY: i64 = 700;
    let mut events: Vec<_> = (0..MANY).map(|n| created("anna", &n.to_string(), n)).collect();
    events.push(created("ben", "1", 1));
    f.store.take_in(events.clone()).await.unwrap();
    settle(&*f.store, &events[0].id, 10, Settled::Delivered).await;
    settle(&*f.store, &events[1].id, 10, Settled::Again(at(20))).await;
    let busy = f.store.event(&events[1].id).await.unwrap().unwrap().0.summary.ordinal;

    let annas = Selection { connection: Some(id("anna")), ..Selection::default() };
    let mut erased = 0;
    loop {
        match f.store.erase_events(&annas, at(30)).await.unwrap() {
            0 => break,
            some => erased += some,
        }
    }
    assert_eq!(erased, MANY as usize);
    assert_eq!(ids(&all(&*f.store).await), [events[MANY as usize].id.clone()]);
    assert_eq!(f.store.list_events(&annas, None, 10).await.unwrap(), []);
    assert_eq!(f.store.due_events(at(99), vec![], 10).await.unwrap().len(), 1);
    let (kept, attempts) = f.store.event(&events[0].id).await.unwrap().unwrap();
    assert_eq!((kept.body, kept.signature, attempts), (None, None, vec![]));
    assert_eq!((kept.summary.state, kept.summary.settled_at), (State::Delivered, Some(at(10))));
    let (kept, _) = f.store.event(&events[1].id).await.unwrap().unwrap();
    assert_eq!((kept.summary.state, kept.summary.next_at), (State::Dead, None), "it was to be relayed");
    assert_eq!(kept.summary.settled_at, Some(at(30)));

    // It was on its way when it was erased.
    settle(&*f.store, &events[1].id, 31, Settled::Again(at(32))).await;
    let (kept, _) = f.store.event(&events[1].id).await.unwrap().unwrap();
    assert_eq!((kept.summary.ordinal, kept.summary.state, kept.summary.next_at), (busy, State::Dead, None));
    let ids = events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(f.store.known_events(ids).await.unwrap().len(), events.len());
    assert_eq!(f.store.take_in(vec![events[0].clone(), events[1].clone()]).await.unwrap(), [false, false]);
}

pub(crate) async fn what_is_old_goes_but_nothing_that_somebody_waits_for(f: Fixture) {
    let events: Vec<_> = (1..=5).map(|n| created("anna", &n.to_string(), n)).collect();
    f.store.take_in(events.clone()).await.unwrap();
    for (event, settled_at) in [(0, 10), (1, 20), (2, 90), (3, 30)] {
        settle(&*f.store, &events[event].id, settled_at, Settled::Delivered).await;
    }
    let bodies = async || ids(&all(&*f.store).await);
    let left = |some: &[usize]| some.iter().map(|n| events[*n].id.clone()).collect::<Vec<_>>();
    let places: Vec<_> = all(&*f.store).await.iter().map(|kept| kept.summary.ordinal).collect();

    f.store.acknowledge("gone for long", 0, at(49)).await.unwrap();
    f.store.acknowledge("crm", places[1], at(60)).await.unwrap();
    f.store.acknowledge("billing", places[4], at(70)).await.unwrap();
    assert_eq!(f.store.expire_events(at(50), at(0)).await.unwrap(), 2);
    assert_eq!(
        bodies().await,
        left(&[2, 3, 4]),
        "settled late, not acknowledged by crm, still to be relayed"
    );
    assert_eq!(f.store.expire_events(at(50), at(0)).await.unwrap(), 0);
    f.store.acknowledge("crm", places[4], at(71)).await.unwrap();
    assert_eq!(f.store.expire_events(at(50), at(0)).await.unwrap(), 1);
    assert_eq!(bodies().await, left(&[2, 4]));
    assert_eq!(
        f.store.take_in(events.clone()).await.unwrap(),
        [false; 5],
        "a repetition is recognised all the same"
    );

    // What came before the third one is forgotten, if it was erased.
    assert_eq!(f.store.expire_events(at(50), at(3)).await.unwrap(), 2);
    let known = f.store.known_events(left(&[0, 1, 2, 3, 4])).await.unwrap();
    assert_eq!(known.len(), 3);
    assert_eq!(f.store.expire_events(at(1000), at(1000)).await.unwrap(), 3, "one erased, two forgotten");
    assert_eq!(bodies().await, left(&[4]));
    let last = f.store.last_place().await.unwrap();
    assert_eq!(f.store.take_in(vec![events[0].clone()]).await.unwrap(), [true], "nobody remembers it");
    assert!(f.store.last_place().await.unwrap() > last, "in a place of its own");
    assert_eq!(f.store.event(&events[0].id).await.unwrap().unwrap().1, vec![], "nor what was tried with it");
}
