//! Passing events on under virtual time: at least once, in order per invitee, one invitee's trouble being nobody else's.

use std::time::Duration;

use calendly_keeper::domain::event::State;
use calendly_keeper::ports::{Inbox as _, Posted, Selection};

use crate::inbox::{body, deliver};
use crate::support::world::{World, with_events};

const DAY: u64 = 86_400;

fn answered(status: u16) -> Posted {
    Posted::Answered { status }
}

async fn begin(world: &mut World) {
    world.connect("anna").await;
    world.start();
    world.pass(5).await;
}

async fn state(world: &World, state: State) -> usize {
    let of = Selection { state: Some(state), ..Selection::default() };
    world.store.list_events(&of, None, 10_000).await.unwrap().len()
}

#[test]
fn an_event_goes_on_as_it_came_signed_anew_under_its_own_id() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.until("relayed", 2, |w| w.application.taken().len() == 1).await;
        let relayed = world.application.taken().remove(0);
        assert_eq!(relayed.body, body("invitee.created", "anna", "I1"));
        assert_eq!(relayed.header("keeper-connection"), Some("anna"));
        assert_eq!(relayed.header("content-type"), Some("application/json"));
        assert_eq!(relayed.header("Calendly-Webhook-Signature"), Some("t=1,v1=00"));
        assert_eq!(relayed.header("keeper-backfilled"), None);
        assert!(relayed.id.starts_with("evt_"));
        world.pass(3600).await;
        assert_eq!(world.application.attempts().len(), 1, "once");
        assert_eq!(state(&world, State::Delivered).await, 1);
    });
}

#[test]
fn one_invitees_trouble_holds_up_its_own_later_events_and_nobody_elses() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers(Duration::ZERO, |relayed| {
            answered(if relayed.text().contains("/I-bad\"") { 422 } else { 200 })
        });
        deliver(&world, "invitee.created", "anna", "I-bad").await;
        deliver(&world, "invitee.canceled", "anna", "I-bad").await;
        for n in 0..100 {
            deliver(&world, "invitee.created", "anna", &format!("I{n}")).await;
            world.pass(10).await;
        }
        assert_eq!(world.application.taken().len(), 100);
        let bad = |relayed: &&crate::support::application::Relayed| relayed.text().contains("/I-bad\"");
        let attempts = world.application.attempts();
        assert!(attempts.iter().filter(bad).all(|relayed| relayed.text().contains("invitee.created")));
        assert!(attempts.iter().filter(bad).count() > 5);
        world.application.answers_with(200);
        world.until("relayed", 300, |w| w.application.taken().len() == 102).await;
        let taken = world.application.taken();
        let order: Vec<_> = taken.iter().filter(bad).map(|r| r.text().contains("canceled")).collect();
        assert_eq!(order, [false, true]);
        let ids: std::collections::HashSet<_> = attempts.iter().filter(bad).map(|r| r.id.clone()).collect();
        assert_eq!(ids.len(), 1, "the same id in every attempt");
    });
}

#[test]
fn an_application_that_was_down_for_two_days_has_everything_30_s_after_it_is_back() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers(Duration::ZERO, |_| Posted::NotSent("connection refused".into()));
        let hours = 2 * 24;
        for n in 0..hours {
            deliver(&world, "invitee.created", "anna", &format!("I{n}")).await;
            world.pass(3600).await;
        }
        let tried = world.application.attempts().len() as u64;
        assert!(tried <= 2 * DAY / 10 + 100, "it is probed every 10 s at most: {tried}");
        let view = world.services.relay.view();
        assert!(view.down_since.is_some() && view.backlog.pending == hours);
        world.application.answers_with(200);
        let took = world.until("relayed", 30, |w| w.application.taken().len() as u64 == hours).await;
        assert!(took <= 30, "{took}");
        world.pass(15).await;
        assert!(world.services.relay.view().down_since.is_none());
        assert_eq!(world.services.relay.view().backlog.pending, 0);
    });
}

#[test]
fn a_slow_application_that_answers_too_late_gets_it_again() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers(Duration::from_secs(16), |_| answered(200));
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.pass(60).await;
        assert!(world.application.taken().is_empty());
        world.application.answers(Duration::from_secs(14), |_| answered(200));
        world.until("relayed", 60, |w| w.application.taken().len() == 1).await;
    });
}

#[test]
fn it_is_given_up_by_age_after_a_real_attempt_and_comes_again_when_asked() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers_with(500);
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.pass(3 * DAY - 600).await;
        assert_eq!((state(&world, State::Pending).await, state(&world, State::Dead).await), (1, 0));
        world.pass(1200).await;
        assert_eq!((state(&world, State::Pending).await, state(&world, State::Dead).await), (0, 1));
        let tried = world.application.attempts().len();
        world.application.answers_with(200);
        world.pass(3600).await;
        assert_eq!(world.application.attempts().len(), tried, "given up");
        let dead = Selection { state: Some(State::Dead), ..Selection::default() };
        let (replayed, _) = world.store.replay_selected(&dead, 0, world.now()).await.unwrap();
        assert_eq!(replayed, 1);
        world.services.relay.look();
        world.until("relayed", 30, |w| w.application.taken().len() == 1).await;
    });
}

#[test]
fn what_was_not_tried_is_not_given_up_however_old_it_is() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers_with(410);
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.pass(5).await;
        deliver(&world, "invitee.created", "anna", "I2").await;
        world.pass(4 * DAY).await;
        assert_eq!(world.application.attempts().len(), 1, "it wants no more");
        assert_eq!(state(&world, State::Pending).await, 2);
        world.application.answers_with(200);
        assert!(world.services.relay.resume());
        world.until("relayed", 30, |w| w.application.taken().len() == 2).await;
    });
}

#[test]
fn a_restart_ends_a_pause_and_sends_nothing_twice() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.until("relayed", 5, |w| w.application.taken().len() == 1).await;
        world.application.answers_with(410);
        deliver(&world, "invitee.created", "anna", "I2").await;
        world.pass(10).await;
        let mut world = world.stopped().await;
        world.application.answers_with(200);
        world.start();
        world.until("relayed", 60, |w| w.application.taken().len() == 2).await;
        world.pass(3600).await;
        assert_eq!(world.application.attempts().len(), 3);
    });
}

#[test]
fn a_stop_waits_for_an_answer_and_writes_down_what_came_of_it() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers(Duration::from_secs(10), |_| answered(200));
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.pass(2).await;
        let mut world = world.stopped().await;
        assert_eq!(world.application.taken().len(), 1);
        world.start();
        world.pass(600).await;
        assert_eq!(world.application.attempts().len(), 1);
    });
}

#[test]
fn a_database_away_between_answer_and_note_makes_nothing_be_sent_twice() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers(Duration::from_secs(5), |_| answered(200));
        deliver(&world, "invitee.created", "anna", "I1").await;
        world.pass(2).await;
        world.store.set_available(false);
        world.pass(600).await;
        world.store.set_available(true);
        world.pass(600).await;
        assert_eq!(world.application.attempts().len(), 1);
        assert_eq!(state(&world, State::Delivered).await, 1);
    });
}

#[test]
fn after_an_outage_the_rate_grows_slowly_and_no_more_than_16_are_under_way() {
    with_events(7200, async |mut world| {
        begin(&mut world).await;
        world.application.answers_with(503);
        for n in 0..500 {
            deliver(&world, "invitee.created", "anna", &format!("I{n}")).await;
        }
        world.pass(120).await;
        let before = world.application.attempts().len();
        world.application.answers(Duration::from_millis(100), |_| answered(200));
        world.until("the first", 30, |w| w.application.attempts().len() > before).await;
        world.until("all", 30, |w| w.application.taken().len() == 500).await;
        assert!(world.application.most_under_way() <= 16);
        let taken = world.application.taken();
        let soon = taken[0].at + Duration::from_millis(250);
        let early = taken.iter().filter(|relayed| relayed.at <= soon).count();
        assert!(early <= 4, "{early} within a quarter of a second, each taking a tenth");
    });
}

#[test]
fn what_is_no_event_is_passed_on_where_that_is_asked_for() {
    with_events(7200, async |world| {
        world.application.takes_what_is_no_event();
        let mut world = world.stopped().await;
        world.connect("anna").await;
        world.start();
        let odd = b"rightly signed, \xff and no JSON".to_vec();
        let arrival = crate::inbox::arrival(&world, Some("anna"), odd.clone());
        world.services.inbox.take(arrival).await.unwrap();
        world.until("relayed", 60, |w| w.application.taken().len() == 1).await;
        let relayed = world.application.taken().remove(0);
        assert_eq!(
            (relayed.body.as_slice(), relayed.header("keeper-connection")),
            (odd.as_slice(), Some("anna"))
        );
    });
}
