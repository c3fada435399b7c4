//! Each refresh ends in exactly one of five counted ways.
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

use calendly_keeper::clock::SeededJitter;
use calendly_keeper::domain::grant::NewGrant;
use calendly_keeper::domain::refresh_outcome::RefreshOutcome;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::Jitter as _;

use crate::support::fake_calendly::Trouble;
use crate::support::heard;
use crate::support::world::virtual_time;

const TROUBLES: [Trouble; 6] = [
    Trouble::InvalidGrant,
    Trouble::Throttled,
    Trouble::NotSent,
    Trouble::FailsBefore,
    Trouble::FailsAfter,
    Trouble::Html,
];

#[test]
fn whatever_happens_the_five_outcomes_add_up_to_the_refreshes_that_ended() {
    virtual_time(600, async |mut world| {
        world.connect_many(200, |n| n - 50).await;
        let dice = SeededJitter::new(11);
        let troubled =
            |_| (dice.draw() < 0.3).then(|| TROUBLES[(dice.draw() * TROUBLES.len() as f64) as usize]);
        let troubles: Vec<_> = (0..3000).map(|n| troubled(n).unwrap_or(Trouble::Nothing)).collect();
        world.calendly.book().troubles.extend(troubles);
        world.calendly.revoke_user("user-7");
        world.start();
        for _ in 0..120 {
            world.pass(60).await;
        }
        world.calendly.book().troubles.clear();
        world.pass(600).await;
        let counted = world.services.counters().read();
        let book_tries = world.calendly.book().tries;
        let each: Vec<_> =
            RefreshOutcome::ALL.map(|outcome| (outcome.as_str(), counted.refreshes(outcome))).into();
        assert_eq!(counted.refreshes_ended(), book_tries, "{each:?}");
        assert!(each.iter().all(|(_, count)| *count > 0), "each of them came to pass: {each:?}");
        let rotations: u64 = world.calendly.book().rotations.values().sum();
        let lost_answers = world.calendly.book().lost_answers;
        assert_eq!(counted.refreshed, rotations - lost_answers);
        let ended = (counted.refused + counted.self_inflicted) as usize;
        assert_eq!(world.marked().len(), ended, "a grant ends once: {each:?}");
        println!("{each:?}, together {book_tries}, objective {:?}", counted.objective());
    });
}

#[test]
fn the_status_line_shows_the_objective_where_it_is_missed() {
    virtual_time(7200, async |mut world| {
        world.connect_many(99, |n| -n).await;
        world.start();
        world.pass(31).await;
        assert_eq!(heard::lines(&["INFO supervisor status", "refreshed=99"]).len(), 1);
        assert!(heard::lines(&["objective="]).is_empty(), "all went well");
        world.calendly.book().troubles.push_back(Trouble::FailsBefore);
        let anna = world.offer("anna", "anna", 10);
        world.put(anna).await;
        world.pass(60).await;
        assert!(
            !heard::lines(&["INFO supervisor status", "objective=99.00%"]).is_empty(),
            "{:?}",
            heard::lines(&["status"])
        );
        world.pass(26 * 3600).await;
        let last = heard::lines(&["INFO supervisor status"]).pop().unwrap();
        assert!(!last.contains("objective="), "a bad hour is forgotten after a day: {last}");
    });
}

/// Who must act differs: the user, us, or whoever runs another refresher.
#[test]
fn three_ways_for_a_grant_to_end_are_told_apart_in_status_timeline_and_log() {
    virtual_time(7200, async |mut world| {
        world.connect("revoked").await;
        world.connect("lost").await;
        world.connect("witness").await;
        world.start();
        world.pass(7100).await;
        world.calendly.revoke_user("revoked");
        let dead = world.offer("dead", "dead", 10);
        world.calendly.revoke_user("dead");
        world.put(dead).await;
        world.pass(60).await;
        let lost = world.offer("lost", "lost", 10);
        world.put(NewGrant { replace: true, ..lost }).await;
        world.calendly.book().troubles.push_back(Trouble::FailsAfter);
        world.pass(7200).await;
        let table = [
            ("revoked", "revoked", Kind::Revoked),
            ("lost", "rotation_lost", Kind::RotationLost),
            ("dead", "dead_on_arrival", Kind::DeadOnArrival),
        ];
        for (id, reason, kind) in table {
            let status = world.cell(id).status();
            assert_eq!(status.reason.as_deref(), Some(reason), "{id}");
            let kinds = world.kinds(id).await;
            let ends = [Kind::Revoked, Kind::RotationLost, Kind::DeadOnArrival];
            let told: Vec<_> = kinds.into_iter().filter(|kind| ends.contains(kind)).collect();
            assert_eq!(told, [kind], "{id}");
            let target = format!("WARN connection/{id} ");
            let line = heard::lines(&[&target, "status=reauthorization_required"]);
            assert_eq!(line.len(), 1, "{line:?}");
            assert!(line[0].contains(&format!("reason={reason} ")), "{line:?}");
        }
        let counted = world.services.counters().read();
        assert_eq!((counted.refused, counted.self_inflicted), (2, 1));
    });
}
