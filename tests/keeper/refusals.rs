//! Whose fault a refusal is.

use calendly_keeper::domain::ids::Generation;
use calendly_keeper::domain::status::Status;

use crate::support::fake_calendly::Trouble;
use crate::support::world::virtual_time;

/// The success that came after it was taken for evidence against the connection, and it was given up with a living grant.
#[test]
fn who_was_refused_in_the_last_moment_of_a_providers_bad_minutes_is_not_blamed_for_it() {
    virtual_time(7200, async |mut world| {
        for (name, ago) in [("anna", 100), ("ben", 10), ("carla", 10)] {
            let grant = world.offer(name, name, ago);
            world.put(grant).await;
        }
        world.calendly.book().troubles.push_back(Trouble::InvalidGrant);
        world.start();
        world.pass(20).await;
        assert_eq!(world.calendly.book().tries, 4, "anna once more");
        for name in ["anna", "ben", "carla"] {
            assert_eq!(world.status(name), Status::Active, "{name}");
            assert_eq!(world.cell(name).read(|c| c.generation), Generation(2), "{name}");
        }
    });
}
