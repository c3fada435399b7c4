//! A keeper under load: many short-lived tokens, and a Calendly that fails in every way there is.
//!
//! The full form is `KEEPER_LOAD_CONNECTIONS=10000 KEEPER_LOAD_SECONDS=600 cargo test --release --test load --
//! --nocapture`; also settable are `KEEPER_LOAD_SEED` and `KEEPER_LOAD_FAULTS` (the probability of each kind).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test on real time that prints its figures; what cannot be set up fails it"
)]

mod support;

#[path = "load/run.rs"]
mod run;
#[path = "load/watch.rs"]
mod watch;

use calendly_keeper::domain::facts::{GrantFact, Refusal};
use calendly_keeper::simulator::FaultKind;

use run::{Report, play};

/// The refresh token is worth what it was before.
fn before_effect() -> Vec<FaultKind> {
    vec![
        FaultKind::Status { code: 503, body: None, headers: Default::default() },
        FaultKind::ResetBefore,
        FaultKind::HtmlBefore,
        FaultKind::RateLimited { retry_after: Some(2), reset: None },
        FaultKind::Delay { ms: 2_000 },
        FaultKind::DelayAnswer { ms: 2_000 },
    ]
}

/// The refresh token is spent and its successor never arrives: no client can save such a grant.
fn after_effect() -> Vec<FaultKind> {
    vec![
        FaultKind::ResetAfter,
        FaultKind::GatewayAfterEffect { code: 502 },
        FaultKind::Truncate,
        FaultKind::NotJson,
    ]
}

fn nothing_went_wrong_but_for_lost_answers(report: &Report) {
    eprintln!("{report}");
    let counters = &report.counters;
    assert_eq!(
        counters.presented_after_whole_answer, 0,
        "a token was presented after its answer had arrived"
    );
    assert_eq!(counters.unknown_refresh_tokens + counters.refresh_tokens_of_revoked_grants, 0);
    assert_eq!(report.expired, Vec::<String>::new(), "connections without a valid token");
    assert_eq!(report.restarts, 0, "actors failed");
    assert_eq!(report.unlike_calendly, Vec::<String>::new(), "the database and Calendly differ");
    assert!(counters.faults_fired > 0, "nothing failed, so nothing is proven");
    assert!(report.refreshed >= report.connections as u64 / 4, "too little happened to prove anything");
}

#[test]
fn faults_before_the_effect_cost_no_grant_and_no_connection_its_token() {
    let report = play(before_effect());
    nothing_went_wrong_but_for_lost_answers(&report);
    assert_eq!(report.counters.tokens_reused, 0, "a spent token was presented");
    assert!(report.lost.is_empty(), "{:?}", report.lost);
    assert!(report.other_status.is_empty(), "{:?}", report.other_status);
}

#[test]
fn faults_after_the_effect_cost_only_grants_that_no_client_can_save() {
    let report = play(after_effect());
    nothing_went_wrong_but_for_lost_answers(&report);
    assert!(!report.lost.is_empty(), "no answer was lost, so nothing is proven");
    for (id, fact, answered) in &report.lost {
        assert!(!answered, "{id} was lost although its answer had left Calendly whole");
        assert!(
            matches!(fact, GrantFact::Refused { reason: Refusal::RotationLost, .. }),
            "{id} is {fact:?}, its answer was lost"
        );
    }
    assert!(report.other_status.is_empty(), "{:?}", report.other_status);
    let spent_twice = report.counters.tokens_reused;
    assert!(spent_twice >= report.lost.len() as u64, "each lost grant was tried once more");
}
