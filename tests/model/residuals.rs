//! What no guard can keep: each is found where what it takes may happen, and nowhere else.

use super::invariants::Residual;
use super::server::Kind;
use super::story::Story;

fn is_found(residual: Residual, story: &Story) {
    let found = story.until(residual).run(&format!("{residual:?}"));
    let way = found.residuals.iter().find(|(which, _)| *which == residual).map(|(_, way)| way);
    let way = way.unwrap_or_else(|| panic!("{residual:?} is not found in {} states", found.states));
    println!("{}", way.trace);
}

fn is_not_found(residual: Residual, without: &str, story: &Story) {
    let found = story.run(&format!("{residual:?}, {without}"));
    assert!(found.violation.is_none(), "{residual:?}, {without}: {:?}", found.violation);
    let way = found.residuals.iter().find(|(which, _)| *which == residual);
    assert!(way.is_none(), "{residual:?}, {without}: {way:?}");
}

#[test]
fn a_kill_before_the_first_durable_write() {
    let residual = Residual::KilledBeforeDurable;
    is_found(residual, &Story::of(1, 0));
    is_not_found(residual, "no kill", &Story::of(2, 0).with(|left| left.kills = 0));
}

#[test]
fn a_pair_in_the_journal_of_a_machine_that_is_gone() {
    let residual = Residual::MachineGone;
    is_found(residual, &Story::of(2, 0));
    is_not_found(residual, "no machine lost", &Story::of(2, 0).with(|left| left.machines = 0));
}

#[test]
fn a_failover_while_whoever_has_the_pair_is_away_for_the_whole_hold() {
    let residual = Residual::AwayAfterFailover;
    is_found(residual, &Story::of(2, 0));
    is_not_found(residual, "no failover", &Story::of(2, 0).with(|left| left.failovers = 0));
    let nobody_away = Story::of(2, 0).with(|left| (left.kills, left.freezes) = (0, 0));
    is_not_found(residual, "nobody away", &nobody_away);
}

#[test]
fn a_process_held_up_for_90_seconds() {
    let residual = Residual::HeldUp;
    is_found(residual, &Story::of(1, 0));
    is_not_found(residual, "nobody stopped", &Story::of(2, 0).with(|left| left.freezes = 0));
}

#[test]
fn a_request_still_queued_where_reuse_kills() {
    let residual = Residual::QueuedReuse;
    is_found(residual, &Story::of(1, 0).on(Kind::ReuseKills));
    is_not_found(residual, "a plain server", &Story::of(2, 0));
    let no_answer_lost =
        Story::of(2, 0).on(Kind::ReuseKills).with(|left| (left.answers, left.kills) = (0, 0));
    is_not_found(residual, "no answer lost, nobody killed", &no_answer_lost);
}

#[test]
fn an_import_that_a_failover_takes_back() {
    let residual = Residual::ImportTakenBack;
    is_found(residual, &Story::of(2, 1));
    is_not_found(residual, "no failover", &Story::of(1, 2).with(|left| left.failovers = 0));
}
