//! Each guard taken out alone: something must break, and with the guard in place nothing does in as many steps.

use super::guards::Guard;
use super::search::Violation;
use super::server::Kind;
use super::story::Story;

/// The story up to the steps in which it breaks without the guards, with them.
fn is_clean_with_them(name: &str, story: &Story, steps: usize) {
    let found = story.up_to(steps).run(&format!("{name} in place"));
    assert!(found.violation.is_none(), "{name} makes no difference: {:?}", found.violation);
}

/// An invariant does not hold without the guards.
fn breaks(guards: &[Guard], story: &Story) {
    let name = format!("{guards:?}");
    let story = story.invariants_only();
    let found = story.without(guards).run(&format!("without {name}"));
    let Some((Violation::Broken(_), way)) = found.violation else {
        panic!("nothing breaks without {name} in {} states", found.states);
    };
    is_clean_with_them(&name, &story, way.steps);
}

/// Without the guard a state is reached from which nothing leads on.
fn gets_stuck(guard: Guard, story: &Story) {
    let name = format!("{guard:?}");
    let found = story.without(&[guard]).run(&format!("without {name}"));
    let Some((Violation::Stuck, way)) = found.violation else {
        panic!("nothing is stuck without {name}: {:?}, {} states", found.violation, found.states);
    };
    is_clean_with_them(&name, story, way.steps);
}

#[test]
fn the_set_of_rotations_in_flight() {
    breaks(&[Guard::InFlightSet], &Story::of(0, 0));
}

#[test]
fn the_claim() {
    breaks(&[Guard::Claim], &Story::of(1, 0));
}

#[test]
fn the_age_check_before_the_request() {
    breaks(&[Guard::AgeCheck], &Story::of(2, 0));
}

#[test]
fn the_age_counted_from_before_the_claim() {
    breaks(&[Guard::AgeFromBeforeTheClaim], &Story::of(2, 0));
}

#[test]
fn a_new_claim_for_the_repeat() {
    breaks(&[Guard::NewClaimForTheRepeat], &Story::of(2, 0));
}

#[test]
fn a_foreign_claim_that_dies() {
    gets_stuck(Guard::ForeignClaimsDie, &Story::of(1, 0));
}

#[test]
fn a_foreign_claim_that_lives_for_90_seconds() {
    breaks(&[Guard::ForeignClaimsLive], &Story::of(1, 0));
}

#[test]
fn a_foreign_claim_that_lives_until_its_journal_is_replayed() {
    breaks(&[Guard::UnreplayedClaimsLive], &Story::of(1, 0));
}

#[test]
fn a_claim_that_asks_for_the_lock() {
    let a_stop_a_lost_lock_and_a_failover = Story::of(3, 0).with(|left| {
        (left.kills, left.machines, left.outages, left.answers, left.errors) = (0, 0, 0, 0, 0);
    });
    breaks(&[Guard::ClaimChecksLock], &a_stop_a_lost_lock_and_a_failover);
}

#[test]
fn the_hold_before_the_first_exchange() {
    breaks(&[Guard::Hold], &Story::of(1, 0));
}

/// What was taken back is also that somebody has worked since the last clean stop.
#[test]
fn the_hold_of_whoever_is_exempt_after_a_failover() {
    breaks(&[Guard::HoldAfterFailover], &Story::of(2, 0));
}

#[test]
fn the_journal_at_the_time_of_the_commit() {
    breaks(&[Guard::JournalWithCommit], &Story::of(1, 0));
}

#[test]
fn writing_forward_in_any_role() {
    breaks(&[Guard::ForwardInAnyRole], &Story::of(1, 0));
}

#[test]
fn writing_forward_over_more_than_one_generation() {
    breaks(&[Guard::ForwardGuardedByLess], &Story::of(1, 1).rotations(2));
}

#[test]
fn writing_forward_across_grants() {
    breaks(&[Guard::ForwardAcrossGrants], &Story::of(1, 1));
}

#[test]
fn a_tombstone_of_the_grant_that_was_deleted() {
    gets_stuck(Guard::TombstoneOfTheDeleted, &Story::of(1, 2));
}

#[test]
fn a_reload_that_goes_forward_only() {
    breaks(&[Guard::ReloadGoesForward], &Story::of(1, 1));
}

#[test]
fn a_stand_by_that_replays_its_own_journal() {
    gets_stuck(Guard::StandByReplays, &Story::of(2, 0));
}

#[test]
fn a_claim_guarded_by_facts() {
    breaks(&[Guard::ClaimGuardedByFacts], &Story::of(0, 1));
}

#[test]
fn the_grant_id() {
    breaks(&[Guard::GrantId], &Story::of(1, 1));
}

/// Behind the grant id they are a second line: without it they hold as long as no failover takes them back.
#[test]
fn the_grant_id_and_the_generations_of_tombstones() {
    breaks(&[Guard::GrantId, Guard::TombstoneGenerations], &Story::of(0, 2));
}

#[test]
fn the_guard_on_the_refusal() {
    breaks(&[Guard::RefusalByGeneration], &Story::of(0, 1).on(Kind::OneGrant));
}
