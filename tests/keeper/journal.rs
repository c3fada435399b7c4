//! A database that is away, or went back: what memory and the journal know is kept, and written forward.

use calendly_keeper::domain::facts::GrantFact;
use calendly_keeper::domain::grant::{Connection, NewGrant};
use calendly_keeper::domain::ids::{ConnectionId, Generation};
use calendly_keeper::domain::rotation::Commit;
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::Store as _;
use calendly_keeper::services::grants;
use calendly_keeper::services::system_fault::Kind as Fault;
use calendly_keeper::store::MemorySnapshot;
use chrono::TimeDelta;

use crate::support::fake_calendly::Trouble;
use crate::support::world::{World, virtual_time};

const LIFETIME: i64 = 7200;

fn anna() -> ConnectionId {
    "anna".parse().unwrap()
}

async fn row(world: &World) -> Connection {
    world.store.get(&anna()).await.unwrap().unwrap()
}

/// The database goes away and comes back as it was then.
async fn fail_over(world: &World, to: &MemorySnapshot) {
    world.store.set_available(false);
    world.pass(5).await;
    world.store.restore(to);
    world.store.set_available(true);
    world.pass(10).await;
}

/// Nothing spent is presented, and the connection lives on.
async fn lives_on(world: &World) {
    let before = world.cell("anna").read(|c| c.generation);
    world.pass(2 * LIFETIME as u64).await;
    assert_eq!(world.status("anna"), Status::Active);
    assert!(world.cell("anna").read(|c| c.generation) > before);
    assert_eq!(world.calendly.book().reused, 0);
}

/// A pair has arrived while the database was away.
async fn with_a_pair_that_is_not_committed(world: &mut World, requests: u64) {
    let grant = world.offer("anna", "anna", 10);
    world.put(grant).await;
    world.calendly.hold_answers();
    world.start();
    world.pass(5).await;
    world.store.set_available(false);
    world.calendly.release_answers();
    world.pass(5).await;
    assert_eq!(world.calendly.book().token_requests, requests);
}

#[test]
fn five_minutes_without_a_database_cost_nothing() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("ben").await;
        with_a_pair_that_is_not_committed(&mut world, 1).await;
        for _ in 0..60 {
            world.pass(5).await;
            assert!(world.cell("anna").living(world.now()).is_some(), "served from memory");
            assert!(world.cell("ben").living(world.now()).is_some());
            assert_eq!((world.status("anna"), world.status("ben")), (Status::Active, Status::Active));
        }
        assert_eq!(world.journal.len(), 3, "two grants and the pair");

        world.store.set_available(true);
        world.pass(10).await;
        assert_eq!(row(&world).await.generation, Generation(2));
        lives_on(&world).await;
    });
}

/// The replay had written the pairs, and each was counted once more when its own commit got through: at the next start
/// the database seemed to have gone back.
#[test]
fn an_outage_that_cost_nothing_is_not_taken_for_a_database_that_went_back() {
    virtual_time(LIFETIME, async |mut world| {
        with_a_pair_that_is_not_committed(&mut world, 1).await;
        world.pass(60).await;
        world.store.set_available(true);
        world.pass(60).await;
        for _ in 0..2 {
            assert!(
                !world.services.system.is(Fault::DatabaseWentBack) && !world.services.limiter.is_careful()
            );
            world.store.set_available(false);
            world.pass(10).await;
            world.store.set_available(true);
            world.pass(10).await;
        }
        let mut next = world.stopped().await;
        next.start();
        next.pass(5).await;
        assert!(!next.services.system.is(Fault::DatabaseWentBack) && !next.services.limiter.is_careful());
    });
}

/// Its row had been read before its commit, and was compared with memory after it.
#[test]
fn a_pair_that_is_committed_while_its_row_is_on_its_way_is_not_taken_for_a_database_that_went_back() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        world.store.set_available(false);
        world.pass(5).await;
        world.store.hold_pages(true);
        world.store.set_available(true);
        world.until("its row is read", 60, |world| world.store.held_pages() == 1).await;
        world.cell("anna").ask_for_successor(Generation(1));
        world.keeper().shared.children.nudge(&anna());
        world.until("its next pair", 60, |world| world.cell("anna").read(|c| c.generation.0) == 2).await;
        assert_eq!(row(&world).await.generation, Generation(2));
        world.store.hold_pages(false);
        world.pass(10).await;
        assert!(!world.services.system.is(Fault::DatabaseWentBack));
        lives_on(&world).await;
    });
}

/// It is ahead of its row while it is on its way, and nothing went back.
#[test]
fn a_pair_that_neither_place_has_taken_yet_is_not_taken_for_a_database_that_went_back() {
    virtual_time(LIFETIME, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.journal.set_full(true);
        world.store.refuse_commits_of(anna());
        world.start();
        world.pass(30).await;
        assert_eq!(world.cell("anna").read(|c| c.generation), Generation(2), "in memory alone");
        world.store.set_available(false);
        world.pass(10).await;
        world.store.set_available(true);
        world.pass(10).await;
        assert_eq!(world.fault(), None);
        world.store.accept_commits_of(&anna());
        world.pass(10).await;
        assert_eq!(row(&world).await.generation, Generation(2));
        lives_on(&world).await;
    });
}

#[test]
fn a_keeper_that_stops_without_a_database_leaves_the_pair_to_the_next_start() {
    virtual_time(LIFETIME, async |mut world| {
        with_a_pair_that_is_not_committed(&mut world, 1).await;
        let mut next = world.stopped().await;
        next.start();
        next.pass(60).await;
        next.store.set_available(true);
        next.pass(10).await;
        assert_eq!(row(&next).await.generation, Generation(2));
        assert!(next.cell("anna").living(next.now()).is_some());
        assert!(next.kinds("anna").await.contains(&Kind::WrittenForward));
        lives_on(&next).await;
    });
}

#[test]
fn a_database_that_fails_over_to_an_earlier_state_gets_the_pairs_again() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.pass(LIFETIME as u64).await;
        let generation = row(&world).await.generation;
        assert!(generation > Generation(1));

        fail_over(&world, &before).await;
        assert_eq!(row(&world).await.generation, generation);
        lives_on(&world).await;
    });
}

#[test]
fn a_database_that_was_restored_while_the_keeper_was_off_gets_the_pairs_again() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.pass(LIFETIME as u64).await;
        let generation = row(&world).await.generation;

        let mut next = world.stopped().await;
        next.store.restore(&before);
        next.start();
        next.pass(5).await;
        assert_eq!(row(&next).await.generation, generation);
        lives_on(&next).await;
    });
}

/// A pair that came while both were away was tried on in the database alone, and lost with the process.
#[test]
fn a_pair_that_neither_place_took_goes_into_the_one_that_is_there_first() {
    virtual_time(LIFETIME, async |mut world| {
        world.journal.set_full(true);
        with_a_pair_that_is_not_committed(&mut world, 1).await;
        assert!(world.journal.is_empty());
        world.journal.set_full(false);
        world.pass(10).await;
        assert_eq!(world.journal.len(), 1);

        let mut next = world.stopped().await;
        next.store.set_available(true);
        next.start();
        next.pass(10).await;
        assert_eq!(row(&next).await.generation, Generation(2));
        lives_on(&next).await;
    });
}

/// Records go ten minutes after their commit. Those of the minutes before an outage are needed at its end, however late
/// that comes: only then is it known whether the database has them.
#[test]
fn nothing_is_removed_from_the_journal_while_the_database_is_away() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(60).await;
        world.store.set_available(false);
        world.pass(5).await;
        let before = world.journal.tidied();
        assert!(before > 0);
        world.pass(1200).await;
        assert_eq!(world.journal.tidied(), before);
        world.store.set_available(true);
        world.pass(60).await;
        assert!(world.journal.tidied() > before);
    });
}

/// Between grants the later one wins, whatever the database came back with.
#[test]
fn a_failover_takes_back_neither_a_new_grant_nor_a_deletion_nor_a_pause() {
    virtual_time(LIFETIME, async |mut world| {
        for name in ["anna", "ben", "carla"] {
            world.connect(name).await;
        }
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        let grant = world.offer("anna", "anna", -LIFETIME - 60);
        world.put(grant.clone()).await;
        let (ben, carla) = ("ben".parse().unwrap(), "carla".parse().unwrap());
        grants::delete(&world.services, &ben, None).await.unwrap();
        grants::pause(&world.services, &carla, None).await.unwrap();
        world.connect("dora").await;
        world.pass(5).await;

        fail_over(&world, &before).await;
        assert_eq!(row(&world).await.grant_id, grant.grant_id);
        assert!(world.store.get(&ben).await.unwrap().is_none());
        assert!(world.services.registry.get(&ben).is_none());
        assert_eq!(world.status("carla"), Status::Paused);
        assert_eq!(world.status("dora"), Status::Active);
        assert!(world.calendly.book().revoked.is_empty(), "nobody's living grant was ended");
        lives_on(&world).await;
        assert_eq!(world.status("dora"), Status::Active);
    });
}

/// A commit of a new grant that found the old one's row took the living tokens for a late answer's, and revoked them.
#[test]
fn a_pair_whose_grant_the_database_lost_is_written_with_its_grant_and_not_revoked() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        let grant = world.offer("anna", "anna", -LIFETIME - 60);
        world.put(grant.clone()).await;
        world.pass(3).await;
        world.calendly.hold_answers();
        world.pass(LIFETIME as u64 - 200).await;
        assert_eq!(world.calendly.book().token_requests, 1);
        world.store.restore(&before);
        world.calendly.release_answers();
        world.pass(10).await;
        assert_eq!((row(&world).await.grant_id, world.status("anna")), (grant.grant_id, Status::Active));
        assert!(world.calendly.book().revoked.is_empty());
        lives_on(&world).await;
    });
}

/// Another keeper, which knew nothing of the new grant, had gone on with the old one: then the new one's generations went
/// back, and its next pairs looked older than its row.
#[test]
fn a_grant_written_over_one_that_went_further_goes_on_from_its_generation() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let old = row(&world).await;
        let before = world.store.snapshot();
        let grant = world.offer("anna", "anna", -LIFETIME - 60);
        world.put(grant.clone()).await;
        world.pass(3).await;
        world.calendly.hold_answers();
        world.pass(LIFETIME as u64 - 200).await;
        assert_eq!(world.calendly.book().token_requests, 1);
        world.store.restore(&before);
        let theirs = Commit {
            id: anna(),
            grant_id: old.grant_id,
            generation: Generation(5),
            access_token: AccessToken::new("theirs"),
            refresh_token: Some(RefreshToken::new("theirs")),
            expires_at: world.now(),
            lifetime: old.lifetime,
            scope: None,
            user: None,
            organization: None,
            foreign_owner: None,
            not_before: None,
        };
        world.store.commit(theirs).await.unwrap();
        world.calendly.release_answers();
        world.pass(10).await;
        let now = row(&world).await;
        assert_eq!((now.grant_id, now.generation), (grant.grant_id, Generation(6)));
        assert_eq!(world.cell("anna").read(|c| c.generation), Generation(6));
        lives_on(&world).await;
    });
}

/// Anna was refreshed once since, and is being refreshed now; the answer has no new refresh token.
async fn with_an_answer_that_has_no_refresh_token(world: &mut World) -> MemorySnapshot {
    world.connect("anna").await;
    world.start();
    world.pass(1).await;
    let before = world.store.snapshot();
    world.pass(LIFETIME as u64).await;
    assert_eq!(row(world).await.generation, Generation(2));
    world.calendly.book().troubles.push_back(Trouble::SameRefreshToken);
    world.calendly.hold_answers();
    world.until("the next refresh", LIFETIME as u64, |world| world.calendly.book().token_requests == 2).await;
    before
}

/// It was put over the spent refresh token of a row that had gone back, and the row looked well with it.
#[test]
fn a_pair_without_a_new_refresh_token_is_kept_with_the_one_that_was_sent() {
    virtual_time(LIFETIME, async |mut world| {
        let before = with_an_answer_that_has_no_refresh_token(&mut world).await;
        world.store.restore(&before); // unnoticed: the commit comes before any replay
        world.calendly.release_answers();
        world.pass(5).await;
        assert_eq!(row(&world).await.generation, Generation(3));
        lives_on(&world).await;
    });
}

#[test]
fn the_journal_has_a_pair_without_a_new_refresh_token_with_the_one_that_was_sent() {
    virtual_time(LIFETIME, async |mut world| {
        let before = with_an_answer_that_has_no_refresh_token(&mut world).await;
        world.journal.forget(); // what had brought that token is longer ago than records are kept
        world.calendly.release_answers();
        world.pass(5).await;
        fail_over(&world, &before).await;
        assert_eq!(row(&world).await.generation, Generation(3));
        lives_on(&world).await;
    });
}

#[test]
fn tokens_that_nobody_knows_any_more_are_never_replaced_by_spent_ones() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.journal.set_full(true);
        world.pass(LIFETIME as u64).await;
        let generation = world.cell("anna").read(|c| c.generation);
        assert!(generation > Generation(1));
        world.journal.set_full(false);

        fail_over(&world, &before).await;
        assert!(world.cell("anna").living(world.now()).is_some(), "what lives is served");
        assert_eq!(world.cell("anna").read(|c| c.generation), generation, "memory is not taken back");
        world.pass(LIFETIME as u64).await;
        assert_eq!(world.calendly.book().reused, 0, "the spent token was presented");
        assert_eq!(world.cell("anna").status().reason.as_deref(), Some("rotation_lost"));
        assert!(matches!(row(&world).await.facts.grant, GrantFact::Refused { .. }));
    });
}

/// Without its row, which told when it counts as given, it was acknowledged and not in the journal.
#[test]
fn a_grant_is_in_the_journal_before_anybody_is_told_though_its_row_cannot_be_read_again() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.store.set_readable(false);
        // By a clock that was set back: it counts as given later all the same.
        let granted_at = world.now() - TimeDelta::hours(1);
        let grant = NewGrant { granted_at, ..world.offer("anna", "anna", -LIFETIME - 60) };
        world.put(grant.clone()).await;
        world.store.set_readable(true);
        fail_over(&world, &before).await;
        assert_eq!(row(&world).await.grant_id, grant.grant_id);
    });
}

#[test]
fn without_a_journal_a_token_is_exchanged_at_the_last_moment_only() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.journal.set_full(true);
        let broken = world.put(world.offer("ben", "ben", 10)).await; // what tells that it cannot be written
        assert!(matches!(broken, calendly_keeper::domain::grant::Put::Created(_)));
        world.pass(LIFETIME as u64 - 70).await;
        assert_eq!(world.cell("anna").read(|c| c.generation), Generation(1));
        world.pass(60).await;
        assert_eq!(world.cell("anna").read(|c| c.generation), Generation(2));
        world.journal.set_full(false);
        lives_on(&world).await;
    });
}

/// It waited for the last moment of a token that nobody could use any more.
#[test]
fn a_token_that_calendly_refuses_is_exchanged_without_a_journal_too() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.journal.set_full(true);
        world.put(world.offer("ben", "ben", 10)).await; // what tells that it cannot be written
        world.pass(LIFETIME as u64 - 800).await;
        assert_eq!(world.cell("anna").read(|c| c.generation), Generation(1), "put off");
        world.cell("anna").reject(Generation(1), world.now());
        world.pass(60).await;
        assert!(world.cell("anna").living(world.now()).is_some());
    });
}

#[test]
fn a_pair_that_the_database_refuses_is_journalled_and_harms_nobody() {
    virtual_time(LIFETIME, async |mut world| {
        for name in ["anna", "ben", "carla"] {
            let grant = world.offer(name, name, 10);
            world.put(grant).await;
        }
        let ben: ConnectionId = "ben".parse().unwrap();
        world.store.refuse_commits_of(ben.clone());
        world.start();
        world.pass(20).await;
        for name in ["anna", "ben", "carla"] {
            assert!(world.cell(name).living(world.now()).is_some(), "{name}");
            let stored = world.store.get(&name.parse().unwrap()).await.unwrap().unwrap().generation;
            assert_eq!(stored, Generation(if name == "ben" { 1 } else { 2 }), "{name}");
        }
        assert_eq!(world.journal.len(), 6, "three grants and three pairs");

        // The next start has it from the journal, and still nothing spent is presented.
        let mut next = world.stopped().await;
        next.start();
        next.pass(20).await;
        assert!(next.cell("ben").living(next.now()).is_some());
        assert_eq!(next.cell("ben").read(|c| c.generation), Generation(2));
        next.pass(LIFETIME as u64).await;
        assert_eq!(next.calendly.book().reused, 0);
    });
}

/// A NUL that PostgreSQL does not take kept the whole keeper from starting, and nobody was served.
#[test]
fn a_record_that_the_database_chokes_on_holds_up_nobody_else() {
    virtual_time(LIFETIME, async |mut world| {
        let ben = world.offer("ben", "ben", 10);
        world.put(ben).await;
        with_a_pair_that_is_not_committed(&mut world, 2).await;
        let mut next = world.stopped().await;
        next.store.choke_on("ben".parse().unwrap());
        next.store.set_available(true);
        next.start();
        next.pass(30).await;
        assert_eq!(row(&next).await.generation, Generation(2));
        for name in ["anna", "ben"] {
            assert!(next.cell(name).living(next.now()).is_some(), "{name} is served");
        }
        assert_eq!(next.calendly.book().reused, 0);
    });
}

#[test]
fn nothing_is_refreshed_before_the_journal_could_be_read() {
    virtual_time(LIFETIME, async |mut world| {
        with_a_pair_that_is_not_committed(&mut world, 1).await;
        let mut next = world.stopped().await;
        next.journal.set_unreadable(true);
        next.store.set_available(true);
        next.start();
        next.pass(120).await;
        assert_eq!(next.calendly.book().token_requests, 1, "the row's token is used up");
        assert_eq!(next.services.system.current().map(|fault| fault.kind), Some(Fault::DatabaseAway));
        next.journal.set_unreadable(false);
        next.pass(10).await;
        assert_eq!(row(&next).await.generation, Generation(2));
        assert_eq!(next.services.system.current().map(|fault| fault.kind), None);
        lives_on(&next).await;
    });
}

/// What was mended once counted as asked about at the next time, and a living grant was given up.
#[test]
fn a_second_failover_is_mended_like_the_first() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        for _ in 0..2 {
            world.pass(1).await;
            let before = world.store.snapshot();
            world.pass(LIFETIME as u64).await;
            // It goes back unnoticed: a rotation finds it, not the loss of a session.
            world.store.restore(&before);
            world.pass(LIFETIME as u64).await;
            assert_eq!(world.status("anna"), Status::Active);
            assert!(world.cell("anna").living(world.now()).is_some());
        }
        assert_eq!(world.calendly.book().reused, 0);
    });
}

#[test]
fn a_new_grant_that_nobody_knows_any_more_needs_its_user_and_is_not_tried_for_ever() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.journal.set_full(true); // as if it had been imported from elsewhere
        let grant = world.offer("anna", "anna", -LIFETIME - 60);
        world.put(grant).await;
        world.pass(3).await;
        world.journal.set_full(false);
        fail_over(&world, &before).await;
        assert!(world.cell("anna").living(world.now()).is_some(), "what lives is served");
        let claims = world.store.claims();
        world.pass(2 * LIFETIME as u64).await;
        assert_eq!(world.cell("anna").status().reason.as_deref(), Some("rotation_lost"));
        assert!(world.store.claims() - claims < 10, "{} claims", world.store.claims() - claims);
        assert_eq!(world.calendly.book().reused, 0);
    });
}

#[test]
fn a_disk_that_was_full_takes_the_pair_when_it_has_room_again() {
    virtual_time(LIFETIME, async |mut world| {
        let grant = world.offer("anna", "anna", 10);
        world.put(grant).await;
        world.journal.set_full(true);
        world.calendly.hold_answers();
        world.start();
        world.pass(5).await;
        world.store.set_available(false);
        world.calendly.release_answers();
        world.pass(60).await;
        world.journal.set_full(false);
        world.pass(10).await;
        let mut next = world.stopped().await;
        next.store.set_available(true);
        next.start();
        next.pass(10).await;
        assert_eq!(row(&next).await.generation, Generation(2));
        lives_on(&next).await;
    });
}

/// A backup was restored while the keeper was off, and its journal holds nothing any more.
#[test]
fn after_a_restore_that_nobody_can_mend_connections_are_tried_one_at_a_time_and_called_lost_not_revoked() {
    virtual_time(LIFETIME, async |mut world| {
        for n in 0..10 {
            world.connect(&format!("spent-{n}")).await;
            let name = format!("fresh-{n}");
            let grant = world.offer(&name, &name, -3 * LIFETIME);
            world.put(grant).await;
        }
        world.start();
        world.pass(1).await;
        let before = world.store.snapshot();
        world.pass(LIFETIME as u64).await;

        let mut next = world.stopped().await;
        next.store.restore(&before);
        next.journal.forget();
        next.start();
        next.pass(2).await;
        assert!(next.services.limiter.is_careful());
        for _ in 0..16 * LIFETIME {
            next.pass(1).await;
            assert!(next.services.limiter.under_way() <= 1 || !next.services.limiter.is_careful());
        }
        for n in 0..10 {
            let reason = next.cell(&format!("spent-{n}")).status().reason;
            assert_eq!(reason.as_deref(), Some("rotation_lost"), "spent-{n}");
            assert_eq!(next.status(&format!("fresh-{n}")), Status::Active, "fresh-{n}");
        }
        assert!(!next.services.limiter.is_careful(), "it ends");
    });
}

#[test]
fn an_ordinary_start_takes_nothing_for_a_database_that_went_back() {
    virtual_time(LIFETIME, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(LIFETIME as u64 * 3).await;
        let mut next = world.stopped().await;
        next.start();
        next.pass(5).await;
        assert!(!next.services.limiter.is_careful());
        lives_on(&next).await;
    });
}
