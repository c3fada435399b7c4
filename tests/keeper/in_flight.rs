//! What happens to a connection while its refresh is in flight: the late answer, good or bad, does no harm.

use calendly_keeper::domain::ids::Generation;
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::Store as _;
use calendly_keeper::services::grants;

use crate::support::fake_calendly::Trouble;
use crate::support::world::{World, virtual_time};

/// The refresh token of the late answer: the first grant's is `refresh-1`.
const LATE: &str = "refresh-2";

/// A connection whose refresh was sent and whose answer is held back.
async fn with_an_answer_held_back(world: &mut World, trouble: Option<Trouble>) {
    let grant = world.offer("anna", "anna", 10);
    world.put(grant).await;
    world.calendly.hold_answers();
    world.calendly.book().troubles.extend(trouble);
    world.start();
    world.pass(5).await;
    assert_eq!(world.calendly.book().token_requests, 1);
}

async fn release(world: &World) {
    world.calendly.release_answers();
    world.pass(15).await;
}

#[test]
fn deleted_stays_deleted_and_the_late_pair_is_revoked() {
    virtual_time(7200, async |mut world| {
        with_an_answer_held_back(&mut world, None).await;
        let id = "anna".parse().unwrap();
        assert!(grants::delete(&world.services, &id, None).await.unwrap());
        world.pass(3).await;
        release(&world).await;
        assert!(world.store.get(&id).await.unwrap().is_none());
        assert!(world.services.registry.get(&id).is_none());
        assert_eq!(world.calendly.book().revoked, [LATE]);
        assert!(world.services.registry.in_flight.is_empty());
        assert!(world.kinds("anna").await.contains(&Kind::Superseded));
    });
}

#[test]
fn a_late_refusal_of_a_deleted_connection_changes_nothing() {
    virtual_time(7200, async |mut world| {
        with_an_answer_held_back(&mut world, Some(Trouble::InvalidGrant)).await;
        let id = "anna".parse().unwrap();
        grants::delete(&world.services, &id, None).await.unwrap();
        release(&world).await;
        assert!(world.store.get(&id).await.unwrap().is_none());
    });
}

#[test]
fn deleted_and_imported_anew_the_new_grant_is_neither_overwritten_nor_marked() {
    for trouble in [None, Some(Trouble::InvalidGrant)] {
        virtual_time(7200, async |mut world| {
            with_an_answer_held_back(&mut world, trouble).await;
            let id = "anna".parse().unwrap();
            grants::delete(&world.services, &id, None).await.unwrap();
            let again = world.offer("anna", "anna", -7200);
            let (grant_id, token) = (again.grant_id, again.access_token.clone().unwrap());
            world.put(again).await;
            world.pass(3).await;
            release(&world).await;
            let row = world.store.get(&id).await.unwrap().unwrap();
            assert_eq!(row.grant_id, grant_id);
            assert_eq!(row.generation, Generation(2), "generations go on over the deletion");
            assert_eq!(row.access_token.unwrap().expose(), token.expose());
            assert_eq!(world.status("anna"), Status::Active);
            assert_eq!(world.calendly.book().revoked, if trouble.is_none() { vec![LATE] } else { vec![] });
        });
    }
}

#[test]
fn a_new_grant_is_neither_overwritten_nor_marked_by_the_old_ones_answer() {
    for trouble in [None, Some(Trouble::InvalidGrant)] {
        virtual_time(7200, async |mut world| {
            with_an_answer_held_back(&mut world, trouble).await;
            let mut new = world.offer("anna", "anna", -7200);
            new.replace = true;
            let grant_id = new.grant_id;
            world.put(new).await;
            world.pass(3).await;
            release(&world).await;
            let row = world.store.get(&"anna".parse().unwrap()).await.unwrap().unwrap();
            assert_eq!(row.grant_id, grant_id);
            assert!(row.facts.may_refresh());
            assert_eq!(world.status("anna"), Status::Active);
            assert_eq!(world.calendly.book().revoked, if trouble.is_none() { vec![LATE] } else { vec![] });
            // And the new grant lives on.
            world.pass(7000).await;
            assert_eq!(world.cell("anna").read(|c| (c.grant_id, c.generation)), (grant_id, Generation(3)));
        });
    }
}

#[test]
fn paused_stays_paused_with_the_new_pair_kept() {
    virtual_time(7200, async |mut world| {
        with_an_answer_held_back(&mut world, None).await;
        let id = "anna".parse().unwrap();
        grants::pause(&world.services, &id, None).await.unwrap();
        world.pass(3).await;
        release(&world).await;
        let row = world.store.get(&id).await.unwrap().unwrap();
        assert_eq!(row.generation, Generation(2));
        assert!(row.facts.paused.is_some());
        assert_eq!(world.status("anna"), Status::Paused);
        assert!(world.calendly.book().revoked.is_empty());
        world.pass(3 * 7200).await;
        assert_eq!(world.calendly.book().token_requests, 1, "nothing is refreshed while paused");
        grants::resume(&world.services, &id, None).await.unwrap();
        world.pass(5).await;
        assert_eq!(world.status("anna"), Status::Active);
        assert_eq!(world.calendly.book().token_requests, 2);
    });
}

#[test]
fn a_refusal_of_a_paused_connection_is_a_refusal_once_it_is_resumed() {
    virtual_time(7200, async |mut world| {
        with_an_answer_held_back(&mut world, Some(Trouble::InvalidGrant)).await;
        let id = "anna".parse().unwrap();
        grants::pause(&world.services, &id, None).await.unwrap();
        release(&world).await;
        assert_eq!(world.status("anna"), Status::Paused);
        grants::resume(&world.services, &id, None).await.unwrap();
        world.pass(5).await;
        assert_eq!(world.status("anna"), Status::ReauthorizationRequired);
    });
}

/// The answer comes between the deletion and the new import, and the keeper polls only after both.
#[test]
fn a_connection_given_anew_after_the_late_answer_lives() {
    virtual_time(7200, async |mut world| {
        with_an_answer_held_back(&mut world, None).await;
        let id = "anna".parse().unwrap();
        grants::delete(&world.services, &id, None).await.unwrap();
        world.calendly.release_answers();
        tokio::task::yield_now().await;
        let again = world.offer("anna", "anna", 10);
        world.put(again).await;
        world.pass(15).await;
        assert_eq!(world.status("anna"), Status::Active);
        assert!(world.cell("anna").living(world.now()).is_some());
    });
}

/// A token that was on its way when its connection was deleted may be spent: importing it again would revive nothing.
#[test]
fn the_token_in_flight_is_not_taken_back() {
    virtual_time(7200, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        let mut again = grant.clone();
        again.grant_id = calendly_keeper::domain::ids::GrantId::new(uuid::Uuid::new_v4());
        world.put(grant).await;
        world.calendly.hold_answers();
        world.start();
        world.pass(5).await;
        grants::delete(&world.services, &"anna".parse().unwrap(), None).await.unwrap();
        assert_eq!(world.put(again).await, calendly_keeper::domain::grant::Put::UsedUp);
    });
}
