//! The design as it stands: no invariant is broken, nothing is stuck.

use super::invariants::Residual::{
    self, AwayAfterFailover, HeldUp, ImportTakenBack, KilledBeforeDurable, MachineGone, QueuedReuse,
};
use super::server::Kind;
use super::story::Story;

/// Clean but for these residuals.
fn is_clean(name: &str, story: &Story, but_for: &[Residual]) {
    let found = story.run(name);
    assert!(found.violation.is_none(), "{name}: {:?}", found.violation);
    for (residual, way) in &found.residuals {
        assert!(but_for.contains(residual), "{name}: {residual:?}\n{}", way.trace);
    }
    assert_eq!(found.residuals.len(), but_for.len(), "{name}: fewer residuals than there must be");
}

#[test]
fn two_faults_and_a_user_act() {
    let but_for = [KilledBeforeDurable, MachineGone, AwayAfterFailover, HeldUp, ImportTakenBack];
    is_clean("two faults and a user's act", &Story::of(2, 1), &but_for);
}

#[test]
fn three_faults() {
    let but_for = [KilledBeforeDurable, MachineGone, AwayAfterFailover, HeldUp];
    is_clean("three faults", &Story::of(3, 0).invariants_only(), &but_for);
}

#[test]
fn a_fault_and_two_user_acts_on_a_server_that_knows_one_grant_a_user() {
    let story = Story::of(1, 2).on(Kind::OneGrant);
    is_clean("a fault and two user's acts, one grant a user", &story, &[KilledBeforeDurable, HeldUp]);
}

#[test]
fn two_faults_and_two_rotations_on_a_server_where_reuse_kills() {
    let story = Story::of(2, 0).rotations(2).on(Kind::ReuseKills);
    let but_for = [KilledBeforeDurable, MachineGone, AwayAfterFailover, HeldUp, QueuedReuse];
    is_clean("two faults and two rotations, reuse kills", &story, &but_for);
}

/// Where `KEEPER_MODEL` is not set, the bounds above are the bounds, and this is none of them.
#[test]
fn as_the_environment_asks() {
    if let Some(story) = Story::from_environment() {
        let found = story.run("KEEPER_MODEL");
        assert!(found.violation.is_none(), "KEEPER_MODEL: {:?}", found.violation);
    }
}
