//! What follows from each outcome of an exchange, for the connection and for all.

use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::services::system_fault::Kind as Fault;

use crate::support::fake_calendly::Trouble;
use crate::support::world::virtual_time;

#[test]
fn a_revoked_grant_needs_its_user_and_is_not_tried_again() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.connect("carla").await;
        world.start();
        world.pass(7100).await;
        world.calendly.revoke_user("carla");
        world.pass(7200).await;
        assert_eq!(world.status("carla"), Status::ReauthorizationRequired);
        assert_eq!(world.cell("carla").status().reason.as_deref(), Some("revoked"));
        assert_eq!(world.status("anna"), Status::Active);
        let before = world.calendly.book().token_requests;
        world.pass(7200).await;
        let after = world.calendly.book().token_requests;
        assert!(after - before <= 2, "only anna's");
        assert!(world.kinds("carla").await.contains(&Kind::Revoked));
        // A new grant heals it.
        let grant = world.offer("carla", "carla", -100_000);
        world.put(grant).await;
        world.pass(5).await;
        assert_eq!(world.status("carla"), Status::Active);
    });
}

#[test]
fn an_imported_grant_refused_at_its_first_refresh_was_dead_on_arrival() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("carla", "carla", 10);
        world.calendly.revoke_user("carla");
        world.put(grant).await;
        world.start();
        world.pass(20).await;
        assert_eq!(world.cell("carla").status().reason.as_deref(), Some("dead_on_arrival"));
    });
}

/// The answer was lost on the wire: rotated, never learned (oauth-wg/oauth-v2-1#212).
#[test]
fn a_lost_answer_is_an_unknown_outcome_and_the_refusal_after_it_a_lost_rotation() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.calendly.book().troubles.push_back(Trouble::FailsAfter);
        world.start();
        world.pass(20).await;
        assert_eq!(world.cell("anna").status().reason.as_deref(), Some("rotation_lost"));
        let counted = world.services.counters().read();
        assert_eq!((counted.unknown, counted.self_inflicted, counted.refused), (1, 1, 0));
        assert_eq!(world.kinds("anna").await, [Kind::Connected, Kind::RefreshFailed, Kind::RotationLost]);
    });
}

#[test]
fn failures_that_leave_the_token_unconsumed_heal_by_themselves() {
    for trouble in [Trouble::NotSent, Trouble::Throttled, Trouble::FailsBefore] {
        virtual_time(7200, async |mut world| {
            let grant = world.offer("anna", "anna", 10);
            world.put(grant).await;
            world.calendly.book().troubles.extend([trouble; 3]);
            world.start();
            world.pass(180).await;
            assert_eq!(world.status("anna"), Status::Active);
            assert!(world.cell("anna").living(world.now()).is_some(), "{trouble:?}");
            assert_eq!(world.calendly.book().reused, 0);
        });
    }
}

/// The second try came a minute later where Calendly had been out of reach before, too late for a server that repeats.
#[test]
fn the_second_try_after_a_first_doubt_comes_at_once_however_many_tries_never_arrived() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.connect("ben").await; // to whom nothing happens: so it is no fault of all
        world
            .calendly
            .book()
            .troubles
            .extend([Trouble::NotSent; 5].into_iter().chain([Trouble::FailsBefore]));
        world.start();
        world
            .until("an answer that says nothing", 600, |world| world.services.counters().read().unknown == 1)
            .await;
        assert_eq!(world.calendly.book().tries, 6);
        assert!(world.until("the next try", 60, |world| world.calendly.book().tries == 7).await <= 3);
    });
}

/// A valid token was dropped because the refresh failed (comradex#56).
#[test]
fn the_living_token_is_served_while_refreshes_fail() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.calendly.book().trouble_for_all = Some(Trouble::FailsBefore);
        world.pass(7000).await;
        assert!(world.calendly.book().token_requests > 3);
        assert!(world.cell("anna").living(world.now()).is_some());
        assert_eq!(world.status("anna"), Status::Active);
    });
}

#[test]
fn a_wrong_client_secret_stops_all_and_marks_nobody() {
    virtual_time(7200, async |mut world| {
        for n in 0..300 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, 10);
            world.put(grant).await;
        }
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidClient);
        world.start();
        world.pass(60).await;
        assert!(world.calendly.book().token_requests < 20, "{}", world.calendly.book().token_requests);
        assert_eq!(world.services.system.current().map(|fault| fault.kind), Some(Fault::ClientRefused));
        assert!((0..300).all(|n| world.status(&format!("user-{n}")) == Status::Active));
        world.calendly.book().trouble_for_all = None;
        world.pass(120).await;
        assert_eq!(world.services.system.current(), None);
        assert_eq!(world.calendly.book().rotations.len(), 300);
    });
}

#[test]
fn everybody_refused_is_nobodys_fault() {
    virtual_time(7200, async |mut world| {
        for n in 0..100 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, 10);
            world.put(grant).await;
        }
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidGrant);
        world.start();
        world.pass(600).await;
        assert!(
            world.calendly.book().token_requests < 60,
            "{} requests",
            world.calendly.book().token_requests
        );
        let marked = (0..100).filter(|n| world.status(&format!("user-{n}")) != Status::Active).count();
        assert_eq!(marked, 0);
        world.calendly.book().trouble_for_all = None;
        world.pass(180).await;
        assert_eq!(world.calendly.book().rotations.len(), 100);
    });
}

/// With tokens of two hours a thousand connections are refused one by one, minutes apart.
#[test]
fn everybody_refused_is_recognised_though_refusals_come_slowly() {
    virtual_time(7200, async |mut world| {
        for n in 0..200 {
            let name = format!("user-{n}");
            let ends_in = 1000 + 60 * n;
            let grant = world.offer(&name, &name, -ends_in);
            world.put(grant).await;
        }
        world.start();
        world.pass(30).await;
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidGrant);
        world.pass(1200).await;
        assert!((0..200).all(|n| world.status(&format!("user-{n}")) == Status::Active));
        assert_eq!(world.services.system.current().map(|fault| fault.kind), Some(Fault::EverybodyRefused));
        world.calendly.book().trouble_for_all = None;
        world.pass(180).await;
        assert_eq!(world.services.system.current(), None);
        assert!((0..200).all(|n| world.status(&format!("user-{n}")) == Status::Active));
    });
}

#[test]
fn real_revocations_among_successes_are_marked_within_a_minute() {
    virtual_time(7200, async |mut world| {
        for n in 0..300 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, -(1000 + 30 * n));
            world.put(grant).await;
        }
        world.start();
        world.pass(10).await;
        for n in (0..300).step_by(10) {
            world.calendly.revoke_user(&format!("user-{n}"));
        }
        world.pass(300 * 30 + 60).await;
        let marked =
            (0..300).filter(|n| world.status(&format!("user-{n}")) == Status::ReauthorizationRequired);
        assert_eq!(marked.collect::<Vec<_>>(), (0..300).step_by(10).collect::<Vec<_>>());
        assert_eq!(world.calendly.book().reused, 0);
    });
}

/// Dead grants in an application's table are the normal case: they must not keep the living ones waiting.
#[test]
fn dead_grants_among_an_import_hold_nobody_up_and_are_marked() {
    virtual_time(7200, async |mut world| {
        for n in 0..40 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, 10_000 - n); // the dead ones ended first
            world.put(grant).await;
            if n < 10 {
                world.calendly.revoke_user(&name);
            }
        }
        world.start();
        world.pass(60).await;
        assert_eq!(world.calendly.book().rotations.len(), 30, "the living ones are refreshed");
        world.pass(240).await;
        for n in 0..40 {
            let wanted = if n < 10 { Status::ReauthorizationRequired } else { Status::Active };
            assert_eq!(world.status(&format!("user-{n}")), wanted, "user-{n}");
        }
        assert_eq!(world.services.system.current(), None);
    });
}

/// A sixth of the users has gone away while the keeper was off: the others notice nothing.
#[test]
fn a_hundred_revocations_at_once_are_no_fault_of_all() {
    virtual_time(7200, async |mut world| {
        for n in 0..600 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, if n % 6 == 0 { 100 } else { -3000 - n });
            world.put(grant).await;
            if n % 6 == 0 {
                world.calendly.revoke_user(&name);
            }
        }
        world.start();
        world.pass(120).await;
        let marked = (0..600).filter(|n| world.status(&format!("user-{n}")) != Status::Active);
        assert_eq!(marked.collect::<Vec<_>>(), (0..600).step_by(6).collect::<Vec<_>>());
        assert_eq!(world.services.system.current(), None);
        assert_eq!(world.calendly.book().reused, 0);
    });
}

#[test]
fn two_connections_that_are_both_revoked_are_both_marked() {
    virtual_time(7200, async |mut world| {
        for name in ["anna", "ben"] {
            let grant = world.offer(name, name, 10);
            world.put(grant).await;
            world.calendly.revoke_user(name);
        }
        world.start();
        world.pass(180).await;
        assert_eq!(world.status("anna"), Status::ReauthorizationRequired);
        assert_eq!(world.status("ben"), Status::ReauthorizationRequired);
    });
}

#[test]
fn grants_of_another_client_id_are_not_refreshed_and_hold_nobody_up() {
    virtual_time(7200, async |mut world| {
        let mut grant = world.offer("anna", "anna", 10);
        grant.client_id = Some("another".into());
        world.put(grant).await;
        let grant = world.offer("ben", "ben", 5);
        world.put(grant).await;
        world.start();
        world.pass(300).await;
        assert_eq!(world.calendly.book().token_requests, 1);
        assert!(world.cell("ben").living(world.now()).is_some());
        assert!(!world.services.system.is_holding());
    });
}

#[test]
fn tokens_of_another_user_are_kept_not_served_and_said() {
    virtual_time(7200, async |mut world| {
        let mut grant = world.offer("anna", "somebody-else", 10);
        grant.user = Some(crate::support::fake_calendly::user_uri("anna").into());
        world.put(grant).await;
        world.start();
        world.pass(10).await;
        assert_eq!(world.cell("anna").read(|c| c.generation.0), 2, "kept");
        assert!(world.cell("anna").living(world.now()).is_none(), "not served");
        assert_eq!(world.cell("anna").status().reason.as_deref(), Some("different_user"));

        // An answer that does not say whose they are makes them nobody else's.
        world.calendly.book().says_no_owner = true;
        world.pass(7200).await;
        assert!(world.cell("anna").read(|c| c.generation.0) > 2);
        assert!(world.cell("anna").living(world.now()).is_none(), "not served");
        assert_eq!(world.cell("anna").status().reason.as_deref(), Some("different_user"));
    });
}

#[test]
fn no_refresh_begins_while_the_database_is_away() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.store.set_available(false);
        world.pass(6500).await;
        assert_eq!(world.calendly.book().token_requests, 0);
        world.store.set_available(true);
        world.pass(60).await;
        assert_eq!(world.calendly.book().token_requests, 1);
        assert_eq!(world.status("anna"), Status::Active);
    });
}

/// The store failed after the rotation (souz#711, getAlby/hub#2583).
#[test]
fn a_pair_that_cannot_be_committed_is_served_and_committed_when_the_database_is_back() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.store.fail_commits(1_000_000);
        world.start();
        world.pass(300).await;
        assert!(world.cell("anna").living(world.now()).is_some(), "served from memory");
        assert_eq!(world.calendly.book().token_requests, 1);
        world.store.fail_commits(0);
        world.pass(6).await;
        let row = calendly_keeper::ports::Store::get(&world.store, &"anna".parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.generation.0, 2);
        world.pass(7200).await;
        assert_eq!(world.calendly.book().reused, 0);
        assert_eq!(world.status("anna"), Status::Active);
    });
}

#[test]
fn a_commit_whose_answer_was_lost_is_recognised_as_kept() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.store.lose_commit_answers(1);
        world.start();
        world.pass(30).await;
        assert_eq!(world.services.counters().read().refreshed, 1);
        assert_eq!(world.services.counters().read().superseded, 0);
        assert!(world.calendly.book().revoked.is_empty());
    });
}
