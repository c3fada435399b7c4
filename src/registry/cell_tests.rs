//! Going forward only: what memory takes from rows and rotations, and what it does not.

use uuid::Uuid;

use super::*;
use crate::domain::secrets::AccessToken;
use crate::domain::token::DEFAULT_LIFETIME;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn row(grant: u128, granted_at: i64, generation: i64) -> Connection {
    Connection {
        id: "a".parse().unwrap(),
        grant_id: GrantId::new(Uuid::from_u128(grant)),
        generation: Generation(generation),
        granted_generation: Generation(1),
        granted_at: at(granted_at),
        client_id: None,
        access_token: Some(AccessToken::new(format!("token-{generation}"))),
        expires_at: Some(at(7200)),
        lifetime: DEFAULT_LIFETIME,
        scope: None,
        user: None,
        organization: None,
        foreign_owner: None,
        facts: Facts::new(at(granted_at)),
        claim: None,
        unknown_since: None,
        attempts: 0,
        next_attempt_at: None,
    }
}

fn commit(grant: u128, generation: i64) -> Commit {
    Commit {
        id: "a".parse().unwrap(),
        grant_id: GrantId::new(Uuid::from_u128(grant)),
        generation: Generation(generation),
        access_token: AccessToken::new(format!("token-{generation}")),
        refresh_token: None,
        expires_at: at(9000),
        lifetime: DEFAULT_LIFETIME,
        scope: None,
        user: Some("U".into()),
        organization: None,
        foreign_owner: None,
        not_before: None,
    }
}

#[test]
fn a_reload_never_replaces_a_newer_pair_by_an_older_row() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    assert!(cell.keep(&commit(1, 6), 0.5));
    let mut stale = row(1, 0, 5);
    stale.facts.paused = Some(at(9));
    assert_eq!(cell.adopt(stale), Adopted::WentBack);
    assert_eq!(cell.read(|c| c.generation), Generation(6));
    assert_eq!(cell.facts().paused, Some(at(9)), "a pause counts all the same");
    assert_eq!(cell.adopt(row(1, 0, 7)), Adopted::Updated);
}

/// The late loser overwrote the winner (oh-my-pi#5072, sub2api#1382).
#[test]
fn a_late_answer_of_an_old_grant_or_generation_changes_nothing() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    assert_eq!(cell.adopt(row(2, 10, 6)), Adopted::NewGrant);
    assert!(!cell.keep(&commit(1, 6), 0.5));
    assert!(!cell.keep(&commit(2, 6), 0.5));
    cell.refused(GrantId::new(Uuid::from_u128(1)), Generation(5), Refusal::Revoked, at(1));
    assert!(cell.facts().may_refresh());
}

#[test]
fn between_grants_the_later_one_wins() {
    let cell = Cell::new(row(2, 10, 6), 0.5);
    assert_eq!(cell.adopt(row(1, 0, 9)), Adopted::WentBack);
    assert_eq!(cell.adopt(row(3, 20, 2)), Adopted::NewGrant);
}

/// Written forward over an older grant that had gone further.
#[test]
fn of_one_grant_the_state_with_more_rotations_is_the_later_one() {
    let further = |generation| Connection { granted_generation: Generation(4), ..row(1, 0, generation) };
    let cell = Cell::new(row(1, 0, 6), 0.5);
    assert_eq!(cell.adopt(further(8)), Adopted::WentBack);
    assert_eq!(cell.adopt(further(9)), Adopted::Updated, "the same pair by another count");
    assert_eq!(cell.read(|c| c.generation), Generation(9));
    assert_eq!(cell.adopt(row(1, 0, 6)), Adopted::WentBack);
}

#[test]
fn a_rejected_or_foreign_or_nearly_ended_token_is_not_used() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    assert_eq!(cell.living(at(0)).unwrap().generation, Generation(5));
    assert!(cell.living(at(7198)).is_none());
    assert!(cell.reject(Generation(5), at(0)));
    assert!(!cell.reject(Generation(5), at(0)), "once a generation");
    assert!(cell.living(at(0)).is_none());
    cell.keep(&commit(1, 6), 0.5);
    assert!(cell.living(at(0)).is_some());
    let mut foreign = commit(1, 7);
    foreign.foreign_owner = Some("V".into());
    cell.keep(&foreign, 0.5);
    assert!(cell.living(at(0)).is_none());
}

#[test]
fn a_status_is_shown_when_it_changes() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    assert_eq!(cell.status_to_show().unwrap().status, Status::Active);
    assert_eq!(cell.status_to_show(), None);
    cell.refused(GrantId::new(Uuid::from_u128(1)), Generation(5), Refusal::Revoked, at(1));
    assert_eq!(cell.status_to_show().unwrap().status, Status::ReauthorizationRequired);
}

/// The living token of a quarantined connection is still there to be served.
#[test]
fn quarantine_takes_no_token_away() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    cell.set_quarantined(Some(Quarantined { reason: "panic".into(), since: at(1) }));
    assert!(cell.living(at(2)).is_some());
}

/// A 401 leads to one refresh for its generation, never to a loop.
#[test]
fn a_fresh_token_that_is_refused_too_waits_longer_each_time() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    let mut waits = vec![];
    for generation in 5..10 {
        assert!(cell.reject(Generation(generation), at(0)));
        waits.push(cell.token_view().not_before.map(|then| (then - at(0)).num_minutes()));
        cell.keep(&commit(1, generation + 1), 0.5);
    }
    assert_eq!(waits, [None, Some(1), Some(2), Some(4), Some(8)]);
    cell.accepted();
    assert!(cell.reject(Generation(10), at(0)));
    assert_eq!(cell.token_view().not_before, None);
}

#[test]
fn a_refusal_whose_acknowledgement_was_lost_is_learned_from_the_row() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    let mut refused = row(1, 0, 5);
    refused.facts.grant = GrantFact::Refused { reason: Refusal::Revoked, since: at(3) };
    assert_eq!(cell.adopt(refused), Adopted::Updated);
    assert_eq!(cell.status().status, Status::ReauthorizationRequired);
    assert_eq!(cell.adopt(row(1, 0, 5)), Adopted::Same, "and not forgotten by an older reading");
    assert_eq!(cell.status().status, Status::ReauthorizationRequired);
}

#[test]
fn a_new_grant_revives_a_deleted_cell_and_a_late_deletion_of_the_old_one_does_not_end_it() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    let old = GrantId::new(Uuid::from_u128(1));
    cell.mark_deleted(old);
    assert!(cell.is_deleted());
    assert_eq!(cell.adopt(row(2, 10, 6)), Adopted::NewGrant);
    cell.mark_deleted(old);
    assert!(!cell.is_deleted());
    assert!(cell.living(at(0)).is_some());
}

/// In the row it ended the refusal, in memory the user was still asked to connect again.
#[test]
fn a_pair_ends_a_refusal_that_came_before_it() {
    let cell = Cell::new(row(1, 0, 5), 0.5);
    cell.refused(GrantId::new(Uuid::from_u128(1)), Generation(5), Refusal::RotationLost, at(1));
    assert!(!cell.facts().may_refresh());
    assert!(cell.keep(&commit(1, 6), 0.5));
    assert_eq!(cell.facts().grant, GrantFact::Live { since: at(0) });
}
