//! The whole keeper under virtual time, for days, with everything that can go wrong drawn from a seed.
//!
//! Domain, services and actors are the real ones; the store, the journal and Calendly are in memory behind their ports. At
//! every request and every simulated minute P1 to P4, P6 and P8 are checked. A plan that breaks one is shrunk to the
//! fewest connections and faults with which it still does, and printed with its seed.
//!
//! `cargo test --test simulation` plays a few short ones. Longer:
//!
//! - `KEEPER_SIM_SEEDS`: so many, three quarters of them always the same, the rest fresh ones, which are printed
//! - `KEEPER_SIM_SEED`: this one alone
//! - `KEEPER_SIM_CONNECTIONS`, `KEEPER_SIM_DAYS`: of each
//!
//! as in `KEEPER_SIM_SEEDS=200 KEEPER_SIM_DAYS=30 KEEPER_SIM_CONNECTIONS=50 cargo test --release --test simulation --
//! --nocapture days_pass`.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::print_stderr, reason = "prints the seeds, so that they can be given again")]

/// Half of the time would go into allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod agenda;
mod calendly;
mod clock;
mod draw;
mod invariants;
mod journal;
mod keeper;
mod ledger;
mod many;
mod panics;
mod people;
mod plan;
mod run;
mod sabotage;
mod shrink;
mod subscriptions;

use std::time::Duration;

use plan::{Event, Fault, Plan, Sabotage};
use run::play;

#[test]
fn days_pass_and_no_promise_is_broken() {
    many::play_all();
}

/// Else a seed would be worth nothing.
#[test]
fn the_same_plan_is_the_same_simulation() {
    let plan = draw::draw(11, 25, 1);
    let (one, other) = (play(&plan), play(&plan));
    assert!(one.requests > 200, "{one:?}");
    assert_eq!((one.trace, one.requests, one.calls), (other.trace, other.requests, other.calls));
}

/// An hour in which nothing else is wrong for all.
fn with_sabotage(how: Sabotage) -> (Plan, Event) {
    let mut plan = draw::draw(5, 12, 1);
    let event = Event { at: Duration::from_secs(2 * 3600 + 7), fault: Fault::Sabotage { of: 3, how } };
    let around = event.at - Duration::from_secs(1800)..event.at + Duration::from_secs(1800);
    plan.events.retain(|event| !around.contains(&event.at));
    let place = plan.events.partition_point(|other| other.at <= event.at);
    plan.events.insert(place, event);
    (plan, event)
}

/// The checks can fail, each for its reason.
#[test]
fn each_promise_that_is_broken_is_found() {
    let cases = [
        (Sabotage::TakesBack, "P6"),
        (Sabotage::EndsEarly, "P3"),
        (Sabotage::Unsubscribes, "P4"),
        (Sabotage::Withholds, "P1"),
        (Sabotage::Withholds, "P2"),
    ];
    for (how, promise) in cases {
        let (mut plan, event) = with_sabotage(how);
        if promise == "P2" {
            plan.ends = event.at + Duration::from_secs(60); // before it is presented
        }
        let violation = play(&plan).violation;
        let found = violation.as_ref().map(|violation| (violation.promise, violation.of));
        assert_eq!(found, Some((promise, Some(3))), "{how:?}: {violation:?}");
    }
}

#[test]
fn a_plan_that_fails_is_shrunk_to_what_it_takes() {
    let (plan, event) = with_sabotage(Sabotage::Unsubscribes);
    let (violation, smallest) = many::examine(&plan).unwrap();
    assert_eq!((violation.promise, violation.of), ("P4", Some(3)), "{violation:?}");
    assert_eq!((smallest.connections.as_slice(), smallest.events.as_slice()), (&[3][..], &[event][..]));
}
