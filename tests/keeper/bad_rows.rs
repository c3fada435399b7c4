//! A row that the database refuses, in the middle of what all others depend on: it harms nobody but its own.

use std::time::Duration;

use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::ports::Store as _;
use calendly_keeper::services::system_fault::Kind as Fault;

use crate::support::fake_calendly::Trouble;
use crate::support::world::virtual_time;

const LIFETIME: i64 = 7200;
const CONNECTIONS: i64 = 40;

/// Refusals that were withheld are confirmed one by one, and a witness is waited for: neither for as long as a pair that came
/// of it cannot be written.
#[test]
fn after_everybody_was_refused_rows_that_are_refused_keep_nobody_waiting() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect_many(CONNECTIONS, |n| 900 + 5 * n).await;
        world.calendly.book().takes = Duration::from_millis(100);
        world.calendly.book().trouble_for_all = Some(Trouble::InvalidGrant);
        world.start();
        world.until("recognised", 60, |w| w.fault() == Some(Fault::EverybodyRefused)).await;
        world.pass(600).await;
        // Each second one, so that whoever comes first or is a witness is soon one of them.
        let bad: Vec<ConnectionId> =
            (0..CONNECTIONS).step_by(2).map(|n| format!("user-{n}").parse().unwrap()).collect();
        bad.iter().for_each(|id| world.store.refuse_commits_of(id.clone()));

        world.calendly.book().trouble_for_all = None;
        let well = |w: &crate::support::world::World| w.fault().is_none() && w.overdue(5) == 0;
        let took = world.until("everybody refreshed", 180, well).await;
        assert!(took <= 180 && world.marked().is_empty());
        assert_eq!(world.without_a_token(), 0, "what is in the journal is served, too");
        for id in &bad {
            assert_eq!(world.store.get(id).await.unwrap().unwrap().generation.0, 1, "{id} was refused");
            world.store.accept_commits_of(id);
        }
        world.pass(10).await;
        for id in &bad {
            assert_eq!(world.store.get(id).await.unwrap().unwrap().generation.0, 2, "{id} is tried on");
        }
        assert_eq!(world.calendly.book().reused, 0);
    });
}
