//! What a row lacks of what a keeper knows, by the decision that the keeper's replay rests on.

use std::cmp::Ordering;
use std::sync::LazyLock;

use calendly_keeper::domain::ids::{Generation, GrantId};
use calendly_keeper::domain::journal::{Deletion, Forward, GrantHead, Known, KnownGrant, Stored, Tokens};
use calendly_keeper::domain::secrets::RefreshToken;
use calendly_keeper::domain::token::DEFAULT_LIFETIME;
use chrono::{DateTime, TimeDelta};

use super::guards::{Guard, Removed};
use super::world::{Record, Row};

/// What is to be written forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lacks {
    Nothing,
    /// A later pair of its grant.
    Pair,
    /// A later grant.
    Grant,
    /// That the connection was deleted.
    Deletion,
}

pub(crate) fn lacks(row: &Row, record: Record, removed: Removed) -> Lacks {
    let grants = row.pair.grant.cmp(&record.pair.grant);
    let grants = if removed.keeps(Guard::GrantId) { grants } else { Ordering::Equal };
    let generations = row.pair.generation.cmp(&record.pair.generation);
    let is_next = row.pair.generation + 1 == record.pair.generation;
    match decide(grants, generations, row.deleted, record.deleted) {
        Lacks::Grant if !removed.keeps(Guard::ForwardAcrossGrants) => Lacks::Nothing,
        Lacks::Pair if !removed.keeps(Guard::ForwardGuardedByLess) && !is_next => Lacks::Nothing,
        lacks => lacks,
    }
}

/// Asked once for each way in which a row can stand to a record.
fn decide(grants: Ordering, generations: Ordering, row_deleted: bool, deleted: bool) -> Lacks {
    static TABLE: LazyLock<Vec<Lacks>> = LazyLock::new(|| {
        let orders = [Ordering::Less, Ordering::Equal, Ordering::Greater];
        let bools = [false, true];
        let mut table = vec![];
        for grants in orders {
            for generations in orders {
                for row_deleted in bools {
                    table.extend(bools.map(|deleted| ask(grants, generations, row_deleted, deleted)));
                }
            }
        }
        table
    });
    let place = |order: Ordering| usize::from((order as i8 + 1).unsigned_abs());
    let deletions = usize::from(row_deleted) * 2 + usize::from(deleted);
    TABLE[(place(grants) * 3 + place(generations)) * 4 + deletions]
}

fn ask(grants: Ordering, generations: Ordering, row_deleted: bool, deleted: bool) -> Lacks {
    let grant_id =
        |order: Ordering| GrantId::new(uuid::Uuid::from_u128((order as i8 + 2).unsigned_abs().into()));
    let granted_at = |order: Ordering| DateTime::UNIX_EPOCH + TimeDelta::seconds((order as i8).into());
    let generation = |order: Ordering| Generation(i64::from(order as i8) + 5);
    let head = GrantHead {
        grant_id: grant_id(Ordering::Equal),
        granted_generation: Generation(1),
        granted_at: granted_at(Ordering::Equal),
        client_id: None,
    };
    let deletion = Deletion {
        grant_id: head.grant_id,
        granted_at: head.granted_at,
        generation: generation(Ordering::Equal),
        at: head.granted_at,
        marker: 0,
    };
    let grant = KnownGrant {
        head,
        generation: generation(Ordering::Equal),
        access_token: None,
        refresh_token: Some(RefreshToken::new("r")),
        token_since: generation(Ordering::Equal),
        expires_at: None,
        lifetime: DEFAULT_LIFETIME,
        scope: None,
        user: None,
        organization: None,
        foreign_owner: None,
        not_before: None,
    };
    let known = Known { grant: Some(grant), deleted: deleted.then_some(deletion), paused: None };
    let row = Stored {
        grant_id: grant_id(grants),
        granted_at: granted_at(grants),
        generation: generation(generations),
        granted_generation: Generation(1),
        deleted: row_deleted,
        changed: 0,
    };
    match known.forward(Some(&row)) {
        Forward { delete: true, .. } => Lacks::Deletion,
        Forward { tokens: Tokens::Pair, .. } => Lacks::Pair,
        Forward { tokens: Tokens::Grant, .. } => Lacks::Grant,
        Forward { tokens: Tokens::Current | Tokens::Superseded | Tokens::Lost, .. } => Lacks::Nothing,
    }
}
