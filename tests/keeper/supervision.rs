//! A failing actor is restarted alone and loses nothing; one that keeps failing is parked, not the process.

use calendly_keeper::actors::messages::Fail;
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::Store as _;

use crate::support::world::{World, virtual_time};

fn fail(world: &World, id: &str, how: Fail) {
    let address = world.keeper().shared.children.address(&id.parse().unwrap());
    address.expect("a running actor").do_send(how);
}

#[test]
fn a_panic_an_error_and_a_stop_all_restart_the_child() {
    for how in [Fail::Panic, Fail::Error, Fail::Stop] {
        virtual_time(7200, async |mut world| {
            world.connect("anna").await;
            world.start();
            world.pass(10).await;
            fail(&world, "anna", how);
            world.pass(10).await;
            assert_eq!(world.cell("anna").restarts(), 1);
            world.pass(7200).await;
            assert!(world.cell("anna").living(world.now()).is_some(), "it went on refreshing after {how:?}");
            assert!(world.kinds("anna").await.contains(&Kind::Restarted));
        });
    }
}

#[test]
fn a_panic_in_one_of_a_thousand_is_noticed_by_nobody_else() {
    virtual_time(7200, async |mut world| {
        for n in 0..1000 {
            world.connect(&format!("user-{n}")).await;
        }
        world.start();
        world.pass(60).await;
        for _ in 0..6 {
            fail(&world, "user-7", Fail::Panic);
            world.pass(4).await;
        }
        world.pass(20).await;
        assert_eq!(world.status("user-7"), Status::Quarantined);
        assert!(world.cell("user-7").living(world.now()).is_some(), "its living token can be served");
        assert_eq!(world.services.counters().read().restarts, 5);
        let others = (0..1000).filter(|n| *n != 7).map(|n| format!("user-{n}"));
        assert!(others.clone().all(|id| world.cell(&id).restarts() == 0));
        // Parked for ten minutes, then tried again: all are fresh in the end.
        world.pass(3 * 3600).await;
        assert_eq!(world.status("user-7"), Status::Active);
        assert!(others.chain(["user-7".into()]).all(|id| world.cell(&id).living(world.now()).is_some()));
        assert_eq!(world.calendly.book().reused, 0);
    });
}

/// One bad child used up everybody's restarts (habitat#3060): here many do, and neither the process nor the others mind.
#[test]
fn many_that_fail_at_once_harm_nobody_else_and_all_come_back_when_what_they_share_is_mended() {
    virtual_time(120, async |mut world| {
        let (bad, good): (Vec<_>, Vec<_>) =
            (0..200).map(|n| format!("user-{n}")).partition(|id| id.len() < "user-100".len());
        for id in bad.iter().chain(&good) {
            world.connect(id).await;
        }
        world.start();
        world.pass(60).await;
        for storm in 1..=2 {
            for _ in 0..6 {
                bad.iter().for_each(|id| fail(&world, id, Fail::Panic));
                for _ in 0..4 {
                    world.pass(1).await;
                    let living = |id: &String| world.cell(id).living(world.now()).is_some();
                    assert!(good.iter().all(living), "starved in storm {storm}");
                }
            }
            world.pass(20).await;
            assert!(bad.iter().all(|id| world.status(id) == Status::Quarantined), "storm {storm}");
            // Alone each would rest longer the second time.
            world.pass(11 * 60).await;
            let well = |id: &String| {
                world.status(id) == Status::Active && world.cell(id).living(world.now()).is_some()
            };
            assert!(bad.iter().chain(&good).all(well), "not all came back after storm {storm}");
        }
        assert!(good.iter().all(|id| world.cell(id).restarts() == 0));
        assert!(world.keeper().failed.borrow().is_none(), "the process lives");
        assert_eq!(world.calendly.book().reused, 0);
    });
}

#[test]
fn one_that_is_parked_again_and_again_rests_longer_each_time() {
    virtual_time(7200, async |mut world| {
        for id in ["anna", "ben", "carla"] {
            world.connect(id).await;
        }
        world.start();
        world.pass(10).await;
        // Minutes of rest: 5 to 10, 10 to 20.
        for (still, over) in [(4, 11), (9, 21)] {
            for _ in 0..6 {
                fail(&world, "anna", Fail::Panic);
                world.pass(4).await;
            }
            world.pass(20).await;
            world.pass(still * 60).await;
            assert_eq!(world.status("anna"), Status::Quarantined, "after {still} minutes");
            world.pass((over - still) * 60).await;
            assert_eq!(world.status("anna"), Status::Active, "after {over} minutes");
        }
    });
}

/// The rows are read again after an outage: who is parked stays parked, in the database as well.
#[test]
fn an_outage_of_the_database_ends_nobody_s_quarantine() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        for _ in 0..6 {
            fail(&world, "anna", Fail::Panic);
            world.pass(4).await;
        }
        world.pass(20).await;
        assert_eq!(world.status("anna"), Status::Quarantined);
        world.store.set_available(false);
        world.pass(10).await;
        world.store.set_available(true);
        world.pass(10).await;
        assert_eq!(world.status("anna"), Status::Quarantined);
        let row = world.store.get(&"anna".parse().unwrap()).await.unwrap().unwrap();
        assert!(row.facts.quarantined.is_some());
    });
}

/// The healer used the broken pool (nango#6692): supervision, the sweep and quarantine need no database.
#[test]
fn actors_are_restarted_parked_and_tried_again_while_every_question_to_the_database_hangs() {
    virtual_time(7200, async |mut world| {
        for id in ["anna", "ben"] {
            world.connect(id).await;
        }
        world.start();
        world.pass(10).await;
        world.store.set_hanging(true);
        fail(&world, "anna", Fail::Panic);
        world.keeper().supervisor.do_send(Fail::Panic);
        world.keeper().shared.webhook().unwrap().do_send(Fail::Panic);
        world.pass(10).await;
        assert_eq!(world.cell("anna").restarts(), 1);
        for _ in 0..5 {
            fail(&world, "anna", Fail::Panic);
            world.pass(4).await;
        }
        world.pass(20).await;
        assert_eq!(world.status("anna"), Status::Quarantined);
        // The sweep of a supervisor that was restarted meanwhile lets it out.
        world.pass(15 * 60).await;
        assert_eq!(world.status("anna"), Status::Active);
        assert!(world.keeper().failed.borrow().is_none());
        assert!(["anna", "ben"].iter().all(|id| world.cell(id).living(world.now()).is_some()));
        assert_eq!(world.calendly.book().token_requests, 0, "nothing is begun that could not be saved");

        world.pass(2 * 3600).await;
        assert_eq!(world.calendly.book().token_requests, 0);
        world.store.set_hanging(false);
        world.pass(60).await;
        for id in ["anna", "ben"] {
            assert!(world.cell(id).living(world.now()).is_some(), "{id} is fresh again");
            assert_eq!(world.status(id), Status::Active);
        }
        assert_eq!(world.calendly.book().reused, 0);
    });
}

#[test]
fn a_panic_during_a_refresh_in_flight_loses_no_token() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.calendly.hold_answers();
        world.start();
        world.pass(5).await;
        fail(&world, "anna", Fail::Panic);
        world.pass(10).await;
        world.calendly.release_answers();
        world.pass(5).await;
        assert!(world.cell("anna").living(world.now()).is_some());
        assert_eq!(world.calendly.book().token_requests, 1);
        world.pass(7200).await;
        assert_eq!(world.calendly.book().reused, 0);
        assert_eq!(world.status("anna"), Status::Active);
    });
}

#[test]
fn the_supervisor_and_the_webhook_actor_are_restarted_and_go_on() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.keeper().supervisor.do_send(Fail::Panic);
        world.keeper().shared.webhook().unwrap().do_send(Fail::Panic);
        world.pass(10).await;
        world.connect("ben").await;
        world.pass(10).await;
        for id in ["anna", "ben"] {
            assert_eq!(world.status(id), Status::Active);
            assert!(world.kinds(id).await.contains(&Kind::WebhookCreated), "{id}");
        }
        assert_eq!(world.cell("anna").restarts(), 0);
        assert!(world.keeper().failed.borrow().is_none());
    });
}

#[test]
fn a_supervisor_that_cannot_be_kept_up_is_told_to_the_process() {
    virtual_time(7200, async |mut world| {
        world.start();
        for _ in 0..6 {
            world.keeper().supervisor.do_send(Fail::Panic);
            world.pass(5).await;
        }
        world.pass(20).await;
        let failed = world.keeper().failed.borrow().clone();
        assert!(failed.is_some_and(|why| why.contains("supervisor")), "the process is to end");
    });
}

#[test]
fn a_deletion_while_the_supervisor_is_down_is_seen_afterwards() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.keeper().supervisor.do_send(Fail::Panic);
        let id = "anna".parse().unwrap();
        calendly_keeper::services::grants::delete(&world.services, &id, None).await.unwrap();
        world.pass(10).await;
        assert!(world.services.registry.get(&id).is_none());
    });
}

#[test]
fn a_keeper_that_loses_its_lock_ends() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.store.set_lock(calendly_keeper::ports::Lock::Theirs { holder: "another".into() });
        world.pass(5).await;
        assert!(world.keeper().failed.borrow().as_ref().is_some_and(|why| why.contains("another")));
    });
}
