//! What becomes of a batch of offered grants, given what is known: decided line by line, each seeing those before it.

use std::collections::{BTreeMap, HashMap};

use super::row::{ExistingRow, FingerprintRow, GrantRow};
use crate::domain::grant::{Existing, Given, NewGrant, Put, Seen, decide_put};
use crate::domain::ids::Generation;
use crate::store::time::{stored, time};

/// A grant and the row it would become.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) grant: NewGrant,
    pub(super) row: GrantRow,
}

/// What the database, and then the batch so far, knows.
#[derive(Default)]
pub(super) struct Known {
    existing: HashMap<String, ExistingRow>,
    seen: HashMap<Vec<u8>, String>,
}

impl Known {
    pub(super) fn add_existing(&mut self, rows: Vec<ExistingRow>) {
        self.existing.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
    }

    pub(super) fn add_seen(&mut self, rows: Vec<FingerprintRow>) {
        self.seen.extend(rows.into_iter().map(|row| (row.fingerprint, row.connection_id)));
    }
}

/// What is to be written, in the order in which rows are locked, and what is answered, in the order of the offers.
pub(super) struct Decided {
    pub(super) answers: Vec<Given>,
    pub(super) rows: Vec<GrantRow>,
    pub(super) fingerprints: Vec<FingerprintRow>,
    pub(super) marker: i64,
}

/// `marker` is the latest one given.
pub(super) fn decide(offers: Vec<Offer>, mut known: Known, mut marker: i64) -> Decided {
    let mut answers = Vec::with_capacity(offers.len());
    let mut rows: BTreeMap<String, GrantRow> = BTreeMap::new();
    let mut fingerprints = Vec::new();
    for Offer { mut grant, mut row } in offers {
        grant.expires_at = grant.expires_at.map(stored);
        row.granted_at = known.later_than_the_one_before(&row);
        let answer = Given { put: known.decide(&grant, &row), granted_at: time(row.granted_at) };
        if let Some(Generation(generation)) = answer.generation() {
            marker += 1;
            row.generation = generation;
            row.granted_generation = generation;
            row.changed = marker;
            if let Some(earlier) = rows.get(&row.id) {
                row.calendly_user = row.calendly_user.or_else(|| earlier.calendly_user.clone());
                row.calendly_organization =
                    row.calendly_organization.or_else(|| earlier.calendly_organization.clone());
            }
            if known.remember(&row) {
                fingerprints.push(FingerprintRow {
                    fingerprint: row.refresh_fingerprint.clone(),
                    connection_id: row.id.clone(),
                });
            }
            rows.insert(row.id.clone(), row);
        }
        answers.push(answer);
    }
    fingerprints.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Decided { answers, rows: rows.into_values().collect(), fingerprints, marker }
}

impl Known {
    fn decide(&self, grant: &NewGrant, row: &GrantRow) -> Put {
        let seen = match self.seen.get(&row.refresh_fingerprint) {
            None => Seen::Never,
            Some(id) if *id == row.id => Seen::Here,
            // Ids in the database were checked when they came in.
            Some(id) => id.parse().map_or(Seen::Here, Seen::Elsewhere),
        };
        let existing = self.existing.get(&row.id).map(|existing| Existing {
            deleted: existing.deleted_at.is_some(),
            generation: Generation(existing.generation),
            expires_at: existing.expires_at.map(time),
            // A token that was being sent when its connection was deleted may be spent by now.
            holds_offered_token: existing.refresh_fingerprint == row.refresh_fingerprint
                && existing.claim_id.is_none(),
        });
        decide_put(existing.as_ref(), grant, &seen)
    }

    /// Between grants the later one wins: a clock that was set back must not make the newer one look older.
    fn later_than_the_one_before(&self, row: &GrantRow) -> i64 {
        let before = self.existing.get(&row.id).map_or(i64::MIN, |existing| existing.granted_at);
        row.granted_at.max(before.saturating_add(1))
    }

    /// False where the token was known before: a deleted connection gets its last one back.
    fn remember(&mut self, row: &GrantRow) -> bool {
        self.existing.insert(
            row.id.clone(),
            ExistingRow {
                id: row.id.clone(),
                generation: row.generation,
                expires_at: row.expires_at,
                refresh_fingerprint: row.refresh_fingerprint.clone(),
                deleted_at: None,
                granted_at: row.granted_at,
                claim_id: None,
            },
        );
        self.seen.insert(row.refresh_fingerprint.clone(), row.id.clone()).is_none()
    }
}
