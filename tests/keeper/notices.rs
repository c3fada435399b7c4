//! Notices under virtual time: once per change, signed, under one id, soon, again until they are taken, over a restart too.
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

use std::time::Duration;

use calendly_keeper::domain::notice::Subject;
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::{Lock, Posted, Store as _};
use calendly_keeper::services::system_fault::Kind as Fault;
use chrono::TimeDelta;

use crate::support::fake_calendly::Trouble;
use crate::support::heard;
use crate::support::receiver::Attempt;
use crate::support::world::{World, with_notices};

const REAUTHORIZE: &str = "connection.reauthorization_required";
const RECOVERED: &str = "connection.recovered";
const DAY: u64 = 86_400;

/// Connects `carla`, whose grant is then refused, beside `anna`, who is well. Returns when that was seen.
async fn refused(world: &mut World) -> Duration {
    world.connect("anna").await;
    world.put(world.offer("carla", "carla", 10)).await;
    world.calendly.revoke_user("carla");
    world.start();
    until_seen(world, "carla").await
}

async fn until_seen(world: &World, id: &str) -> Duration {
    use calendly_keeper::ports::Clock as _;
    let is_seen = |w: &World| {
        w.services.registry.get(&id.parse().unwrap()).is_some()
            && w.status(id) == Status::ReauthorizationRequired
    };
    world.until("refused", 60, is_seen).await;
    world.clock.boot()
}

async fn connect_again(world: &World, id: &str) {
    world.put(world.offer(id, id, -7200)).await;
    world.pass(10).await;
    assert_eq!(world.status(id), Status::Active);
}

fn of(taken: &[(&str, &str)]) -> Vec<(String, String)> {
    taken.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned())).collect()
}

#[test]
fn a_connection_that_needs_its_user_is_told_within_5_s_and_its_return_too() {
    with_notices(7200, async |mut world| {
        let seen = refused(&mut world).await;
        world.pass(6).await;
        let attempts = world.receiver.attempts();
        assert_eq!(attempts.len(), 1, "nothing of anna: {attempts:?}");
        assert!(attempts[0].at - seen <= Duration::from_secs(5));
        let data = &attempts[0].body["data"];
        assert_eq!((&data["id"], &data["status"]), (&"carla".into(), &"reauthorization_required".into()));
        assert_eq!(data["reason"], "dead_on_arrival");
        assert!(data["webhook"]["state"].is_string() && data["hint"].is_string());
        let keys: Vec<_> = attempts[0].body.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["data", "timestamp", "type"]);

        connect_again(&world, "carla").await;
        assert_eq!(world.receiver.taken(), of(&[("carla", REAUTHORIZE), ("carla", RECOVERED)]));
        assert_eq!(world.receiver.attempts()[1].body["data"]["status"], "active");
        assert_ne!(world.receiver.attempts()[1].id, attempts[0].id);
        assert_eq!(world.kinds("carla").await.iter().filter(|kind| **kind == Kind::Notified).count(), 2);
        assert_eq!(heard::lines(&["connection/carla notice taken"]).len(), 2);
        world.pass(DAY).await;
        assert_eq!(world.receiver.attempts().len(), 2);
        assert_eq!(world.store.announced().await.unwrap(), [], "nothing is left of it");
        assert!(heard::lines(&["of-the-receiver"]).is_empty(), "the URL is the receiver's secret");
    });
}

#[test]
fn refused_subscriptions_are_told_and_so_is_their_end() {
    with_notices(7200, async |mut world| {
        world.calendly.book().refuse_subscriptions = true;
        world.connect("anna").await;
        world.start();
        world.pass(20).await;
        assert_eq!(world.receiver.taken(), of(&[("anna", "connection.webhook_unavailable")]));
        world.calendly.book().refuse_subscriptions = false;
        world.pass(2 * DAY).await;
        let taken = world.receiver.taken();
        assert_eq!(taken.last().unwrap().1, RECOVERED);
        assert!(taken.len() <= 3, "a reminder at most: {taken:?}");
    });
}

#[test]
fn a_target_that_is_down_gets_it_again_under_the_same_id_until_it_takes_it() {
    with_notices(7200, async |mut world| {
        world.receiver.answers_with(503);
        refused(&mut world).await;
        world.pass(3600).await;
        let attempts = world.receiver.attempts();
        let waits: Vec<u64> = attempts.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
        assert_eq!(world.store.announced().await.unwrap().len(), 1);
        assert_eq!(heard::lines(&["notices are not taken, trying on"]).len(), 1);
        // What is so now is what it hears.
        world.receiver.answers_with(200);
        world.pass(600).await;
        assert_eq!(world.receiver.taken(), of(&[("carla", REAUTHORIZE)]));
        assert!(world.receiver.attempts().iter().all(|attempt| attempt.id == attempts[0].id));
        assert_eq!(heard::lines(&["notices are taken again"]).len(), 1);
    });
}

#[test]
fn a_redirect_is_no_success_and_an_answer_that_does_not_come_is_waited_for_15_s() {
    with_notices(7200, async |mut world| {
        world.receiver.answers_with(307);
        refused(&mut world).await;
        world.pass(4).await;
        assert_eq!((world.receiver.attempts().len(), world.receiver.taken().len()), (1, 0));
        world.receiver.answers(Posted::Answered { status: 200 }, Duration::from_secs(3600));
        world.pass(120).await;
        let attempts = world.receiver.attempts();
        let waits: Vec<u64> = attempts.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
        assert_eq!(waits, [5, 15 + 10, 15 + 20, 15 + 40], "counted from the end of each");
        assert_eq!(world.receiver.taken(), []);
    });
}

#[test]
fn with_410_nothing_more_is_sent_until_the_next_start() {
    with_notices(7200, async |mut world| {
        world.receiver.answers_with(410);
        refused(&mut world).await;
        world.pass(2 * DAY).await;
        assert_eq!(world.receiver.attempts().len(), 1);
        assert_eq!(heard::lines(&["ERROR notices the receiver wants no more notices"]).len(), 1);
        let mut world = world.stopped().await;
        world.receiver.answers_with(204);
        world.start();
        world.pass(60).await;
        assert_eq!(world.receiver.taken(), of(&[("carla", REAUTHORIZE)]));
        let ids: Vec<_> = world.receiver.attempts().into_iter().map(|attempt| attempt.id).collect();
        assert_eq!(ids[0], ids[1]);
    });
}

/// Over a restart: what was told is not told again, what was not is sent under its id, what changed meanwhile is seen.
#[test]
fn a_restart_misses_nothing_and_says_nothing_twice() {
    with_notices(7200, async |mut world| {
        refused(&mut world).await;
        world.pass(60).await;
        let mut world = world.stopped().await;
        world.start();
        world.pass(300).await;
        assert_eq!(world.receiver.attempts().len(), 1);

        world.receiver.answers_with(500);
        world.put(world.offer("ben", "ben", 10)).await;
        world.calendly.revoke_user("ben");
        until_seen(&world, "ben").await;
        world.pass(60).await;
        let world = world.stopped().await;
        // While nobody runs carla connects again, and the target comes back.
        world.put(world.offer("carla", "carla", -7200)).await;
        world.receiver.answers_with(200);
        let mut world = world.stopped().await;
        world.start();
        world.pass(300).await;
        let taken = world.receiver.taken();
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken.contains(&("ben".into(), REAUTHORIZE.into())), "{taken:?}");
        assert!(taken.contains(&("carla".into(), RECOVERED.into())), "{taken:?}");
        let of_ben = |attempt: &Attempt| attempt.body["data"]["id"] == "ben";
        let ids: Vec<_> = world.receiver.attempts().into_iter().filter(of_ben).map(|a| a.id).collect();
        assert!(ids.len() > 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    });
}

#[test]
fn a_keeper_that_stands_by_sends_nothing_until_it_works() {
    with_notices(7200, async |mut world| {
        world.put(world.offer("carla", "carla", 10)).await;
        world.calendly.revoke_user("carla");
        world.store.set_lock(Lock::Theirs { holder: "another keeper".into() });
        world.start();
        world.pass(300).await;
        assert_eq!(world.receiver.attempts().len(), 0);
        world.store.set_lock(Lock::Ours { exchange_in: Duration::ZERO });
        until_seen(&world, "carla").await;
        world.pass(6).await;
        assert_eq!(world.receiver.taken(), of(&[("carla", REAUTHORIZE)]));
    });
}

#[test]
fn a_deleted_connection_is_nobody_to_tell_about() {
    with_notices(7200, async |mut world| {
        world.receiver.answers(Posted::NotSent("refused".into()), Duration::ZERO);
        refused(&mut world).await;
        world.pass(60).await;
        world.store.delete(&"carla".parse().unwrap(), world.now()).await.unwrap();
        world.pass(60).await;
        world.receiver.answers_with(200);
        world.pass(DAY).await;
        assert_eq!((world.receiver.taken(), world.store.announced().await.unwrap()), (vec![], vec![]));
    });
}

#[test]
fn a_fault_of_the_database_is_told_while_nothing_can_be_written() {
    let away = |world: &World, hangs: bool, is_away: bool| match hangs {
        true => world.store.set_hanging(is_away),
        false => world.store.set_available(!is_away),
    };
    for hangs in [false, true] {
        with_notices(7200, async |mut world| {
            world.connect_many(300, |n| 1000 + n).await;
            world.start();
            world.pass(60).await;
            away(&world, hangs, true);
            world.until("recognised", 20, |w| w.fault().is_some()).await;
            world.pass(5).await;
            assert_eq!(world.receiver.taken(), of(&[("database_away", "system.fault")]));
            let data = world.receiver.attempts()[0].body["data"].clone();
            assert!(data["since"].is_string() && data["until"].is_null() && data["hint"].is_string());
            world.pass(300).await;
            away(&world, hangs, false);
            world.until("over", 120, |w| !w.services.system.is(Fault::DatabaseAway)).await;
            world.pass(5).await;
            let of_it: Vec<_> = world
                .receiver
                .attempts()
                .into_iter()
                .filter(|a| a.body["data"]["fault"] == "database_away")
                .collect();
            assert_eq!((of_it.len(), of_it[1].kind()), (2, "system.recovered"));
            let ended = &of_it[1].body["data"];
            assert_eq!((&ended["since"], &ended["hint"]), (&data["since"], &serde_json::Value::Null));
            assert!(ended["until"].is_string());
            assert_eq!(world.marked(), []);
        });
    }
}

/// Calendly is away, and so is the keeper for a while: the fault is one, its end is told when it is one.
#[test]
fn a_fault_that_outlives_a_restart_is_told_once_and_its_end_too() {
    with_notices(7200, async |mut world| {
        world.connect_many(50, |n| 100 + n).await;
        world.calendly.book().trouble_for_all = Some(Trouble::NotSent);
        world.start();
        world.until("recognised", 300, |w| w.fault().is_some()).await;
        world.pass(60).await;
        let mut world = world.stopped().await;
        world.start();
        world.pass(600).await;
        assert_eq!(world.receiver.taken(), of(&[("calendly_unreachable", "system.fault")]));
        let mut world = world.stopped().await;
        world.calendly.book().trouble_for_all = None;
        world.start();
        world.pass(600).await;
        let taken = world.receiver.taken();
        assert_eq!(taken[1..], of(&[("calendly_unreachable", "system.recovered")]), "{taken:?}");
    });
}

#[test]
fn a_thousand_that_need_their_users_fill_neither_the_store_nor_a_target_that_is_down() {
    with_notices(7200, async |mut world| {
        world.calendly.book().refuse_subscriptions = true;
        world.connect_many(1000, |_| 7200).await;
        world.receiver.answers(Posted::Lost("down".into()), Duration::from_millis(200));
        world.start();
        world.pass(600).await;
        let tried = world.receiver.attempts().len();
        assert_eq!(world.store.announced().await.unwrap().len(), 1000, "one row each");
        assert!((100..=3100).contains(&tried), "one at a time: {tried} attempts in ten minutes");
        assert!(world.receiver.most_under_way() <= 8);
        assert_eq!(heard::lines(&["WARN notices"]).len(), 1);
        world.receiver.answers_with(204);
        world.pass(700).await;
        println!("{tried} attempts while it was down, {} taken after it", world.receiver.taken().len());
        assert_eq!(world.receiver.taken().len(), 1000);
        assert!(world.receiver.most_under_way() <= 8);
    });
}

#[test]
fn reminders_come_while_the_user_is_needed_and_a_pause_stops_them() {
    with_notices(7200, async |mut world| {
        refused(&mut world).await;
        world.pass(2 * DAY).await;
        let reminders = |w: &World| -> Vec<_> {
            w.receiver.attempts().iter().map(|attempt| attempt.body["reminder"].clone()).collect()
        };
        assert_eq!(reminders(&world), [serde_json::Value::Null, 1.into()]);
        let announced = world.store.announced().await.unwrap();
        assert_eq!(announced[0].0, Subject::Connection("carla".parse().unwrap()));
        world.store.pause(&"carla".parse().unwrap(), Some(world.now())).await.unwrap();
        world.pass(3 * DAY).await;
        assert_eq!(reminders(&world).len(), 2);
        world.store.pause(&"carla".parse().unwrap(), None).await.unwrap();
        world.pass(60).await;
        assert_eq!(reminders(&world), [serde_json::Value::Null, 1.into(), 2.into()]);
    });
}

/// A clock that is set neither silences notices nor makes a storm of them.
#[test]
fn a_clock_that_is_set_back_by_a_day_delays_nothing_for_long() {
    with_notices(7200, async |mut world| {
        world.receiver.answers_with(500);
        refused(&mut world).await;
        world.pass(3600).await;
        world.clock.set_by(-TimeDelta::days(1));
        world.receiver.answers_with(200);
        world.pass(660).await;
        assert!(world.receiver.taken().contains(&("carla".into(), REAUTHORIZE.into())));
    });
}
