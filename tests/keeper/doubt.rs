//! That a token may be used up is not forgotten before the answer that says so: else the user is blamed for it.

use crate::support::fake_calendly::Trouble;
use crate::support::world::{World, virtual_time};

/// Anna's first answer is held, and will be lost; answers with the database as it was before.
async fn with_an_answer_that_will_be_lost(world: &mut World) -> calendly_keeper::store::MemorySnapshot {
    world.connect("ben").await; // others are well
    let grant = world.offer("anna", "anna", 10);
    world.put(grant).await;
    let before = world.store.snapshot();
    world.calendly.book().troubles.push_back(Trouble::FailsAfter);
    world.calendly.hold_answers();
    world.start();
    world.until("the request", 10, |world| world.calendly.book().lost_answers == 1).await;
    before
}

async fn was_lost(world: &World) {
    world.pass(20).await;
    assert!(world.calendly.book().reused > 0, "the second try");
    assert_eq!(world.cell("anna").status().reason.as_deref(), Some("rotation_lost"));
    let counted = world.services.counters().read();
    assert_eq!((counted.unknown, counted.self_inflicted, counted.refused), (1, 1, 0));
}

#[test]
fn memory_knows_of_a_lost_answer_that_the_row_knows_nothing_of_any_more() {
    virtual_time(7200, async |mut world| {
        let before = with_an_answer_that_will_be_lost(&mut world).await;
        world.calendly.release_answers();
        let cell = world.cell("anna");
        for _ in 0..100 {
            if cell.read(|c| c.unknown_since.is_some()) {
                break;
            }
            calendly_keeper::runtime::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(
            cell.read(|c| c.unknown_since.is_some()),
            "it is marked, and the second try is still to come"
        );
        assert_eq!(world.calendly.book().reused, 0);
        world.store.restore(&before);
        was_lost(&world).await;
    });
}

#[test]
fn memory_knows_of_a_lost_answer_whose_claim_the_row_lacks() {
    virtual_time(7200, async |mut world| {
        let before = with_an_answer_that_will_be_lost(&mut world).await;
        world.store.restore(&before);
        world.calendly.release_answers();
        was_lost(&world).await;
    });
}
