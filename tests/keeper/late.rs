//! An answer that was kept so late that another keeper had gone on meanwhile, and what that one makes of it.

use calendly_keeper::domain::grant::Connection;
use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::domain::rotation::Commit;
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::status::Status;
use calendly_keeper::ports::Store as _;

use crate::support::world::{World, virtual_time};

/// The pair that follows on `row`, with tokens that Calendly accepts.
fn successor(world: &World, row: &Connection) -> Commit {
    let (access, refresh, expires_at) = world.calendly.grant(row.id.as_str());
    Commit {
        id: row.id.clone(),
        grant_id: row.grant_id,
        generation: row.generation.next(),
        access_token: AccessToken::new(access),
        refresh_token: Some(RefreshToken::new(refresh)),
        expires_at,
        lifetime: row.lifetime,
        scope: None,
        user: None,
        organization: None,
        foreign_owner: None,
        not_before: None,
    }
}

#[test]
fn who_keeps_an_answer_after_its_claim_was_taken_for_dead_tells_whoever_works_by_then() {
    for (frozen, told) in [(70, false), (100, true)] {
        virtual_time(7200, async |mut world| {
            let grant = world.offer("anna", "anna", 10);
            world.put(grant).await;
            world.calendly.hold_answers();
            world.start();
            world.pass(frozen).await;
            let before = world.store.change_marker().await.unwrap();
            world.calendly.release_answers();
            world.pass(2).await;
            assert!(world.cell("anna").living(world.now()).is_some());
            assert_eq!(world.store.change_marker().await.unwrap() > before, told, "after {frozen} s");
        });
    }
}

/// It was noticed at the next start alone.
#[test]
fn a_grant_that_was_given_up_lives_again_when_another_keeper_kept_a_late_answer() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.connect("ben").await;
        world.start();
        world.pass(10).await;
        world.calendly.revoke_user("anna");
        world.pass(7200).await;
        assert_eq!(world.status("anna"), Status::ReauthorizationRequired);
        let anna: ConnectionId = "anna".parse().unwrap();
        let row = world.store.get(&anna).await.unwrap().unwrap();
        let late = successor(&world, &row);
        world.store.commit(late.clone()).await.unwrap();
        world.store.touch(&anna).await.unwrap();
        world.pass(3).await;
        assert_eq!(world.status("anna"), Status::Active);
        let living = world.cell("anna").living(world.now()).unwrap();
        assert_eq!((living.token.expose(), living.generation), (late.access_token.expose(), late.generation));
    });
}
