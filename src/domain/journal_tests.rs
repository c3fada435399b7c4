//! Which record wins, and what of it a row that went back gets.

use super::*;
use crate::domain::token::DEFAULT_LIFETIME;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn grant_id(n: u128) -> GrantId {
    GrantId::new(uuid::Uuid::from_u128(n))
}

fn head(grant: u128, granted_at: i64) -> GrantHead {
    GrantHead {
        grant_id: grant_id(grant),
        granted_generation: Generation(1),
        granted_at: at(granted_at),
        client_id: None,
    }
}

fn pair(grant: u128, granted_at: i64, generation: i64, refresh: Option<&str>) -> Record {
    let commit = Commit {
        id: "a".parse().unwrap(),
        grant_id: grant_id(grant),
        generation: Generation(generation),
        access_token: AccessToken::new(format!("access-{generation}")),
        refresh_token: refresh.map(RefreshToken::new),
        expires_at: at(7200),
        lifetime: DEFAULT_LIFETIME,
        scope: None,
        user: None,
        organization: None,
        foreign_owner: None,
        not_before: None,
    };
    Record::Pair { commit: Box::new(commit), grant: head(grant, granted_at) }
}

fn deleted(granted_at: i64, marker: i64) -> Record {
    Record::Deleted {
        id: "a".parse().unwrap(),
        grant_id: grant_id(1),
        granted_at: at(granted_at),
        generation: Generation(4),
        at: at(50),
        marker,
    }
}

fn known(records: impl IntoIterator<Item = Record>) -> Known {
    let mut journalled = Journalled::default();
    records.into_iter().for_each(|record| journalled.add(record));
    journalled.into_known().next().unwrap().1
}

fn row(grant: u128, granted_at: i64, generation: i64) -> Stored {
    Stored {
        granted_generation: Generation(1),
        grant_id: grant_id(grant),
        granted_at: at(granted_at),
        generation: Generation(generation),
        deleted: false,
        changed: 5,
    }
}

fn tokens(known: &Known, row: Option<Stored>) -> Tokens {
    known.forward(row.as_ref()).tokens
}

#[test]
fn a_row_of_the_same_grant_is_brought_up_to_the_latest_pair_however_far_it_went_back() {
    let known = known([pair(1, 0, 6, Some("r6")), pair(1, 0, 5, Some("r5")), pair(1, 0, 7, Some("r7"))]);
    assert_eq!(known.grant.as_ref().unwrap().refresh_token.as_ref().unwrap().expose(), "r7");
    assert_eq!(tokens(&known, Some(row(1, 0, 7))), Tokens::Current);
    assert_eq!(tokens(&known, Some(row(1, 0, 9))), Tokens::Current, "never back");
    assert_eq!(tokens(&known, Some(row(1, 0, 6))), Tokens::Pair);
    assert_eq!(tokens(&known, Some(row(1, 0, 2))), Tokens::Pair);
    assert_eq!(tokens(&known, None), Tokens::Grant);
}

#[test]
fn between_grants_the_later_one_wins() {
    let known = known([pair(1, 0, 6, Some("old")), pair(2, 10, 7, Some("new"))]);
    assert_eq!(tokens(&known, Some(row(1, 0, 6))), Tokens::Grant, "the new grant was taken back");
    assert_eq!(tokens(&known, Some(row(3, 20, 8))), Tokens::Superseded);
    let deleted = Stored { deleted: true, ..row(2, 10, 6) };
    assert_eq!(tokens(&known, Some(deleted)), Tokens::Superseded, "its last answer came after the deletion");
}

/// Its generations went back with it.
#[test]
fn a_grant_that_takes_the_place_of_an_older_one_goes_on_from_its_generation() {
    let lately = known([pair(2, 10, 7, Some("r7"))]);
    let over = lately.forward(Some(&row(1, 0, 9)));
    assert_eq!((over.tokens, over.further), (Tokens::Grant, 3), "it is the tenth");
    assert_eq!(lately.forward(Some(&row(1, 0, 6))).further, 0);
    let written = Stored { granted_generation: Generation(4), ..row(2, 10, 10) };
    assert_eq!(lately.forward(Some(&written)), Forward::default());

    // What came of it meanwhile, by its old count.
    let next = known([pair(2, 10, 8, Some("r8"))]).forward(Some(&written));
    assert_eq!((next.tokens, next.further), (Tokens::Pair, 3), "it is the eleventh");
}

/// An answer may leave the refresh token out (RFC 6749 section 6): the one before goes on, if it is known which.
#[test]
fn a_pair_without_a_new_refresh_token_goes_on_with_the_one_before() {
    let known_before = known([pair(1, 0, 6, Some("r6")), pair(1, 0, 7, None), pair(1, 0, 8, None)]);
    assert_eq!(known_before.grant.as_ref().unwrap().refresh_token.as_ref().unwrap().expose(), "r6");
    assert_eq!(tokens(&known_before, Some(row(1, 0, 3))), Tokens::Pair);

    let unknown_before = known([pair(1, 0, 7, None), pair(1, 0, 8, None)]);
    assert_eq!(tokens(&unknown_before, Some(row(1, 0, 6))), Tokens::Pair, "the row holds it");
    assert_eq!(tokens(&unknown_before, Some(row(1, 0, 5))), Tokens::Lost, "the row's is spent");
    assert_eq!(tokens(&unknown_before, None), Tokens::Lost);

    let one_is_missing = known([pair(1, 0, 5, Some("r5")), pair(1, 0, 7, None)]);
    assert!(one_is_missing.grant.as_ref().unwrap().refresh_token.is_none(), "r5 was spent for generation 6");
}

#[test]
fn deleted_stays_deleted_and_a_later_grant_lives() {
    let gone = known([pair(1, 0, 6, Some("r6")), deleted(0, 9)]);
    assert_eq!(gone.forward(Some(&row(1, 0, 5))), Forward { delete: true, ..Forward::default() });
    assert_eq!(gone.forward(Some(&Stored { deleted: true, ..row(1, 0, 6) })), Forward::default());
    assert_eq!(gone.forward(None), Forward { delete: true, ..Forward::default() }, "a tombstone is lacking");
    assert_eq!(gone.deleted_generation(), Generation(6), "its last pair came later");
    assert_eq!(known([deleted(0, 9)]).deleted_generation(), Generation(4));
    assert!(!gone.forward(Some(&row(2, 60, 7))).delete, "given anew since");

    let anew = known([deleted(0, 9), pair(2, 60, 8, Some("r8"))]);
    assert_eq!(tokens(&anew, Some(Stored { deleted: true, ..row(1, 0, 6) })), Tokens::Grant);
    assert!(!anew.forward(Some(&row(1, 0, 6))).delete);
}

#[test]
fn a_pause_is_set_again_only_where_the_row_has_not_seen_it() {
    let paused = Record::Paused { id: "a".parse().unwrap(), since: Some(at(3)), marker: 6 };
    let ended = Record::Paused { id: "a".parse().unwrap(), since: None, marker: 8 };
    let once = known([paused.clone()]);
    assert!(once.forward(Some(&row(1, 0, 5))).pause);
    assert!(!once.forward(Some(&Stored { changed: 6, ..row(1, 0, 5) })).pause);
    assert_eq!(known([ended, paused]).paused, Some((None, 8)), "the later one counts");
}

#[test]
fn what_an_earlier_life_left_is_over_and_the_later_one_comes_back() {
    let paused = |marker| Record::Paused { id: "a".parse().unwrap(), since: Some(at(3)), marker };
    let anew = pair(2, 60, 8, Some("r8"));
    let tombstone = Stored { deleted: true, ..row(1, 0, 6) };
    let before = known([paused(7), deleted(0, 9), anew.clone()]);
    let after = known([deleted(0, 9), anew, paused(11)]);
    for row in [None, Some(&tombstone), Some(&row(1, 0, 6))] {
        let given_back = Forward { tokens: Tokens::Grant, ..Forward::default() };
        assert_eq!(before.forward(row), given_back, "{row:?}");
        assert_eq!(after.forward(row), Forward { pause: true, ..given_back }, "{row:?}");
    }
    let lost = known([deleted(0, 9), pair(2, 60, 9, None)]);
    let both = Forward { tokens: Tokens::Lost, further: 0, delete: true, pause: false };
    assert_eq!(lost.forward(Some(&row(1, 0, 5))), both, "the older grant ends, and the later one is missed");
    let gone = known([paused(11), deleted(0, 12)]);
    assert!(!gone.forward(Some(&tombstone)).pause, "deleted stays deleted");
}
