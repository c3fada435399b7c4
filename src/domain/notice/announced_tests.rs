//! When something is said, said again and left out.

use proptest::prelude::*;

use super::*;

/// One subject, somebody who sends, and what was taken.
struct Play {
    announced: Announced,
    subject: Subject,
    now: DateTime<Utc>,
    standing: Standing,
    taken: Vec<(Kind, i64)>,
    ids: u128,
}

impl Play {
    fn of(subject: &str) -> Self {
        Self {
            announced: Announced::default(),
            subject: subject.parse().unwrap(),
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            standing: Standing::Well,
            taken: vec![],
            ids: 0,
        }
    }

    fn anna() -> Self {
        Self::of("connection/anna")
    }

    fn look(&mut self) -> Next {
        self.ids += 1;
        let id = Uuid::from_u128(self.ids);
        self.announced.look(&self.subject, self.standing, self.now, || id)
    }

    fn seconds(&self) -> i64 {
        self.now.timestamp() - 1_800_000_000
    }

    /// From now on it stands so.
    fn stands(&mut self, standing: Standing) -> Next {
        self.standing = standing;
        self.look()
    }

    /// Time goes by, everything due is sent and ends so.
    fn pass(&mut self, seconds: i64, delivery: Delivery) {
        let end = self.now + TimeDelta::seconds(seconds);
        loop {
            match self.look() {
                Next::Send => {
                    let open = self.announced.open.unwrap();
                    let before = self.announced.begin(self.now);
                    if self.announced.end(before, delivery, self.now) == After::Taken {
                        self.taken.push((open.kind, self.seconds()));
                    }
                }
                Next::Wait(Some(at)) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
        }
        self.now = end;
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.taken.iter().map(|(kind, _)| kind.as_str()).collect()
    }
}

const GRANT: Standing = Standing::Wrong(Kind::ReauthorizationRequired);
const WEBHOOK: Standing = Standing::Wrong(Kind::WebhookUnavailable);
const NOT_SENT: Delivery = Delivery::Failed { reached: false };
const LOST: Delivery = Delivery::Failed { reached: true };
const DAY: i64 = 86_400;

#[test]
fn a_change_is_said_once_and_its_end_too_and_then_nothing_is_left() {
    let mut play = Play::anna();
    assert_eq!(play.look(), Next::Forget);
    play.stands(GRANT);
    play.pass(3600, Delivery::Taken);
    play.stands(Standing::Well);
    play.pass(30, Delivery::Taken);
    assert_eq!(play.taken, [(Kind::ReauthorizationRequired, 2), (Kind::ConnectionRecovered, 3602)]);
    play.pass(3600, Delivery::Taken);
    assert_eq!((play.look(), play.taken.len()), (Next::Forget, 2));
}

#[test]
fn another_trouble_takes_the_place_of_the_first() {
    let mut play = Play::anna();
    for standing in [GRANT, WEBHOOK, Standing::Well] {
        play.stands(standing);
        play.pass(30, Delivery::Taken);
    }
    let kinds =
        ["connection.reauthorization_required", "connection.webhook_unavailable", "connection.recovered"];
    assert_eq!(play.kinds(), kinds);
}

#[test]
fn what_is_taken_back_before_it_was_sent_is_not_said() {
    let mut play = Play::anna();
    for _ in 0..20 {
        play.stands(GRANT);
        play.pass(1, Delivery::Taken);
        play.stands(Standing::Well);
        play.pass(1, Delivery::Taken);
    }
    assert_eq!((play.taken.len(), play.look()), (0, Next::Forget));
    // Nor is what a target that was never reached has not heard.
    play.stands(GRANT);
    play.pass(100, NOT_SENT);
    play.stands(Standing::Well);
    play.pass(3600, Delivery::Taken);
    assert_eq!((play.taken.len(), play.look()), (0, Next::Forget));
}

#[test]
fn what_may_have_arrived_is_taken_back_aloud() {
    let mut play = Play::anna();
    play.stands(GRANT);
    play.pass(4, LOST);
    play.stands(Standing::Well);
    play.pass(30, Delivery::Taken);
    assert_eq!(play.kinds(), ["connection.recovered"]);
}

/// It was told A, then perhaps B: that it is A again, it has to be told, and so that it is B after all.
#[test]
fn after_a_notice_that_was_lost_it_is_told_how_things_stand_whatever_that_is() {
    for last in [WEBHOOK, GRANT] {
        let mut play = Play::anna();
        play.stands(WEBHOOK);
        play.pass(10, Delivery::Taken);
        play.stands(GRANT);
        play.pass(3, LOST);
        play.stands(WEBHOOK);
        play.pass(1, NOT_SENT);
        play.stands(last);
        play.pass(30, Delivery::Taken);
        assert_eq!((play.taken.len(), Standing::Wrong(play.taken[1].0)), (2, last));
    }
}

/// Killed in the middle of an attempt: what was stored before it says that it may have arrived.
#[test]
fn an_attempt_whose_end_nobody_saw_may_have_arrived() {
    let mut play = Play::anna();
    play.stands(GRANT);
    play.now += SETTLE;
    assert_eq!(play.look(), Next::Send);
    play.announced.begin(play.now);
    play.stands(Standing::Well);
    play.pass(30, Delivery::Taken);
    assert_eq!(play.kinds(), ["connection.recovered"]);
}

#[test]
fn attempts_come_after_2_then_5_s_doubling_to_10_min_under_one_id() {
    let mut play = Play::anna();
    play.stands(GRANT);
    let (mut times, mut ids) = (vec![], vec![]);
    while times.len() < 10 {
        match play.look() {
            Next::Send => {
                times.push(play.seconds());
                ids.push(play.announced.open.unwrap().id);
                let before = play.announced.begin(play.now);
                assert_eq!(play.announced.end(before, NOT_SENT, play.now), After::Again);
            }
            Next::Wait(Some(at)) => play.now = at,
            other => panic!("{other:?}"),
        }
    }
    let waits: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times[0], 2);
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn after_three_days_it_is_given_up_and_the_next_reminder_is_a_new_try() {
    let mut play = Play::anna();
    play.stands(GRANT);
    play.pass(3 * DAY + 700, NOT_SENT);
    assert_eq!(play.announced.open, None);
    assert_eq!(play.announced.told.map(|told| told.kind), Some(Kind::ReauthorizationRequired));
    play.pass(DAY, Delivery::Taken);
    assert_eq!(play.kinds(), ["connection.reauthorization_required"]);
    play.stands(Standing::Well);
    play.pass(30, Delivery::Taken);
    assert_eq!(play.kinds().last(), Some(&"connection.recovered"));
}

#[test]
fn reminders_come_after_1_3_7_14_30_days_and_then_every_30() {
    let mut play = Play::anna();
    play.stands(GRANT);
    play.pass(100 * DAY, Delivery::Taken);
    let days: Vec<i64> = play.taken.iter().map(|(_, at)| at / DAY).collect();
    assert_eq!(days, [0, 1, 3, 7, 14, 30, 60, 90]);
}

#[test]
fn reminders_that_nobody_sent_are_not_made_up_for() {
    let mut play = Play::anna();
    play.stands(GRANT);
    play.pass(60, Delivery::Taken);
    play.now += TimeDelta::days(10); // the keeper was away
    play.pass(3600, Delivery::Taken);
    assert_eq!(play.taken.len(), 2);
    play.pass(4 * DAY, Delivery::Taken);
    assert_eq!((play.taken.len(), play.taken.last().unwrap().1 / DAY), (3, 14));
}

#[test]
fn a_system_fault_is_not_repeated() {
    let mut play = Play::of("system/database_away");
    play.stands(Standing::Wrong(Kind::SystemFault));
    play.pass(40 * DAY, Delivery::Taken);
    play.stands(Standing::Well);
    play.pass(60, Delivery::Taken);
    assert_eq!(play.kinds(), ["system.fault", "system.recovered"]);
}

#[test]
fn a_pause_stops_everything_and_takes_nothing_back() {
    let mut play = Play::anna();
    play.stands(GRANT);
    assert_eq!(play.stands(Standing::Hidden), Next::Wait(None));
    play.pass(5 * DAY, Delivery::Taken);
    assert_eq!(play.taken.len(), 0);
    play.stands(GRANT);
    play.pass(60, Delivery::Taken);
    assert_eq!(play.kinds(), ["connection.reauthorization_required"]);
    assert_eq!(play.stands(Standing::Gone), Next::Forget);
}

#[test]
fn of_a_connection_that_flaps_four_are_said_in_an_hour_and_then_one_that_sums_up() {
    let mut play = Play::anna();
    for _ in 0..100 {
        for standing in [GRANT, Standing::Well] {
            play.stands(standing);
            play.pass(10, Delivery::Taken);
        }
    }
    assert_eq!((play.taken.len(), play.seconds()), (4, 2000));
    play.pass(1598, Delivery::Taken);
    assert_eq!(play.taken.len(), 4, "the first was at 2 s");
    play.pass(10, Delivery::Taken);
    // All is as it was last said, and yet: it was not quiet.
    assert_eq!((play.taken.len(), play.kinds()[4]), (5, "connection.recovered"));
    play.pass(2 * DAY, Delivery::Taken);
    assert_eq!((play.taken.len(), play.look()), (5, Next::Forget));
}

#[test]
fn the_one_that_sums_up_says_how_many_changes_it_stands_for() {
    let mut play = Play::anna();
    for _ in 0..5 {
        play.stands(GRANT);
        play.pass(10, Delivery::Taken);
        play.stands(Standing::Well);
        play.pass(10, Delivery::Taken);
    }
    play.stands(GRANT);
    play.pass(3600, NOT_SENT);
    assert_eq!(play.announced.open.unwrap().changes, 10 + 1 - 4);
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(GRANT), Just(WEBHOOK), Just(Standing::Well), Just(Standing::Hidden),]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![Just(Delivery::Taken), Just(NOT_SENT), Just(LOST)]
}

proptest! {
    /// Whatever happened: once it stands still and the target takes what is sent, the receiver believes what is so.
    #[test]
    fn the_receiver_ends_with_the_truth_and_is_never_told_too_often(
        steps in proptest::collection::vec((standing(), delivery(), 0_i64..2000), 0..60),
        last in prop_oneof![Just(GRANT), Just(WEBHOOK), Just(Standing::Well)],
    ) {
        let mut play = Play::anna();
        for (standing, delivery, seconds) in steps {
            play.stands(standing);
            play.pass(seconds, delivery);
        }
        play.stands(last);
        play.pass(2 * 3600, Delivery::Taken);
        let believed = play.announced.told.map(|told| told.kind);
        prop_assert_eq!(believed, match last { Standing::Wrong(kind) => Some(kind), _ => None });
        prop_assert!(play.announced.recent.len() <= AN_HOUR);
        prop_assert!(play.announced.open.is_none());
        // One that was tried for long may be taken late, and a reminder is one more.
        for (_, at) in &play.taken {
            let within = play.taken.iter().filter(|(_, other)| (at - 3600..=*at).contains(other)).count();
            prop_assert!(within <= AN_HOUR + 2, "{within} within an hour");
        }
        // A receiver that has heard all of them believes the same.
        if let Some((kind, _)) = play.taken.last() {
            prop_assert_eq!(kind.wrong(), believed);
        }
    }
}
