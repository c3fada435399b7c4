//! What happened: counters that never forget, detailed entries that do, rates. It judges nothing;
//! `ledger_view` turns it into what is read from outside.

use std::collections::VecDeque;
use std::sync::Arc;

use super::faults::Endpoint;
use super::grants::{AccessTokenState, Whole};
use super::time::SECOND;
use super::tokens::TokenName;

/// For how many seconds back the rate of each second is kept.
const SECONDS_KEPT: usize = 600;

/// What a presented refresh token got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentationOutcome {
    /// A new pair.
    Rotated,
    /// A refusal: it had been exchanged before.
    Reused,
    /// The pair that its exchange had made, once more.
    RepeatedPair,
    /// A refusal: its grant was revoked.
    GrantRevoked,
    /// A refusal: this simulator never issued it.
    Unknown,
    /// 429: the user had no token left in this minute. Not consumed.
    Throttled,
    /// A fault answered before anything took effect. Not consumed.
    FaultBeforeEffect,
}

/// What happened to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was made.
    Created,
    /// It is gone.
    Deleted,
    /// It became `disabled`.
    Disabled,
}

/// Totals since the start; they forget nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Requests of every kind but those of the control API.
    pub requests: u64,
    /// Refresh tokens exchanged for a new pair.
    pub rotations: u64,
    /// Pairs issued for an authorization code.
    pub codes_exchanged: u64,
    /// Presentations of an authorization code that were refused: spent, too old, or without what shows whose it is.
    pub codes_refused: u64,
    /// Presentations of a spent refresh token that were refused.
    pub tokens_reused: u64,
    /// Presentations of a refresh token after an answer with the pair made from it had left whole.
    pub presented_after_whole_answer: u64,
    /// Presentations of a spent refresh token that got the same pair again.
    pub pairs_repeated: u64,
    /// Presentations of refresh tokens that were never issued.
    pub unknown_refresh_tokens: u64,
    /// Presentations of refresh tokens of a revoked grant.
    pub refresh_tokens_of_revoked_grants: u64,
    /// Refreshes refused with 429 because of the tokens a user may get a minute.
    pub refreshes_throttled: u64,
    /// API requests with an access token whose lifetime was over.
    pub requests_with_expired_access_token: u64,
    /// API requests with a revoked access token.
    pub requests_with_revoked_access_token: u64,
    /// API requests without an access token or with one never issued.
    pub requests_with_unknown_access_token: u64,
    /// API requests refused with 429 because of the requests a user may make a minute.
    pub requests_throttled: u64,
    /// Requests of the OAuth endpoints with wrong client credentials.
    pub wrong_client_credentials: u64,
    /// Grants that ended.
    pub grants_revoked: u64,
    /// Subscriptions made.
    pub subscriptions_created: u64,
    /// Subscriptions deleted.
    pub subscriptions_deleted: u64,
    /// Subscriptions that became disabled.
    pub subscriptions_disabled: u64,
    /// Events of meetings that an application should have seen.
    pub events_due: u64,
    /// Deliveries sent, retries and repetitions included.
    pub deliveries_attempted: u64,
    /// Deliveries answered 2xx.
    pub deliveries_succeeded: u64,
    /// Deliveries given up: tried for a day, or their subscription ended.
    pub deliveries_dropped: u64,
    /// Faults that fired.
    pub faults_fired: u64,
}

pub(super) struct Issued {
    pub at: i64,
    pub expires_at: i64,
    pub user: u32,
    pub name: TokenName,
    pub whole: Whole,
}

pub(super) struct Presented {
    pub at: i64,
    pub user: Option<u32>,
    pub name: Option<TokenName>,
    pub outcome: PresentationOutcome,
    pub times: u32,
    pub after_whole_answer: bool,
}

pub(super) struct AccessUse {
    pub at: i64,
    pub endpoint: Endpoint,
    pub user: Option<u32>,
    pub name: Option<TokenName>,
    pub state: AccessTokenState,
}

pub(super) struct SubscriptionChange {
    pub at: i64,
    pub change: Change,
    pub uuid: u128,
    pub url: Arc<str>,
    pub by: &'static str,
    pub user: Option<u32>,
}

/// How often a user's tokens were used, and how often in its busiest second.
#[derive(Clone, Copy, Default)]
pub(super) struct Rate {
    pub requests: u64,
    second: i64,
    in_second: u32,
    pub peak: u32,
}

/// The requests of one second, by endpoint in the order of `Endpoint::ALL`.
pub(super) struct Second {
    pub second: i64,
    pub requests: [u32; Endpoint::ALL.len()],
}

pub(super) struct Ledger {
    cap: usize,
    pub counters: Counters,
    pub issued: VecDeque<Issued>,
    pub presented: VecDeque<Presented>,
    pub access: VecDeque<AccessUse>,
    pub subscriptions: VecDeque<SubscriptionChange>,
    pub requests: [u64; Endpoint::ALL.len()],
    pub seconds: VecDeque<Second>,
    pub users: Vec<Rate>,
}

impl Ledger {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            cap,
            counters: Counters::default(),
            issued: VecDeque::new(),
            presented: VecDeque::new(),
            access: VecDeque::new(),
            subscriptions: VecDeque::new(),
            requests: [0; Endpoint::ALL.len()],
            seconds: VecDeque::new(),
            users: Vec::new(),
        }
    }

    pub(crate) fn user_added(&mut self) {
        self.users.push(Rate::default());
    }

    pub(crate) fn request(&mut self, endpoint: Endpoint, user: Option<u32>, at: i64) {
        let second = at.div_euclid(SECOND);
        self.counters.requests += 1;
        self.count(endpoint, second);
        if let Some(rate) = user.and_then(|user| self.users.get_mut(user as usize)) {
            if rate.second != second {
                rate.second = second;
                rate.in_second = 0;
            }
            rate.requests += 1;
            rate.in_second += 1;
            rate.peak = rate.peak.max(rate.in_second);
        }
    }

    /// The simulator itself has sent something: it counts in the endpoint's rate, not among the requests.
    pub(crate) fn sent(&mut self, endpoint: Endpoint, at: i64) {
        self.count(endpoint, at.div_euclid(SECOND));
    }

    fn count(&mut self, endpoint: Endpoint, second: i64) {
        self.requests[endpoint as usize] += 1;
        if self.seconds.back().is_none_or(|last| last.second < second) {
            keep(&mut self.seconds, SECONDS_KEPT, Second { second, requests: [0; Endpoint::ALL.len()] });
        }
        if let Some(last) = self.seconds.back_mut() {
            last.requests[endpoint as usize] += 1;
        }
    }

    pub(crate) fn issued(&mut self, entry: Issued) {
        keep(&mut self.issued, self.cap, entry);
    }

    pub(crate) fn presented(&mut self, entry: Presented) {
        let counters = &mut self.counters;
        match entry.outcome {
            PresentationOutcome::Rotated => counters.rotations += 1,
            PresentationOutcome::Reused => counters.tokens_reused += 1,
            PresentationOutcome::RepeatedPair => counters.pairs_repeated += 1,
            PresentationOutcome::GrantRevoked => counters.refresh_tokens_of_revoked_grants += 1,
            PresentationOutcome::Unknown => counters.unknown_refresh_tokens += 1,
            PresentationOutcome::Throttled => counters.refreshes_throttled += 1,
            PresentationOutcome::FaultBeforeEffect => {}
        }
        counters.presented_after_whole_answer += u64::from(entry.after_whole_answer);
        keep(&mut self.presented, self.cap, entry);
    }

    pub(crate) fn access(&mut self, entry: AccessUse) {
        match entry.state {
            AccessTokenState::Valid => {}
            AccessTokenState::Expired => self.counters.requests_with_expired_access_token += 1,
            AccessTokenState::Revoked => self.counters.requests_with_revoked_access_token += 1,
            AccessTokenState::Unknown => self.counters.requests_with_unknown_access_token += 1,
        }
        keep(&mut self.access, self.cap, entry);
    }

    pub(crate) fn subscription(
        &mut self,
        at: i64,
        change: Change,
        uuid: u128,
        url: Arc<str>,
        by: &'static str,
        user: Option<u32>,
    ) {
        match change {
            Change::Created => self.counters.subscriptions_created += 1,
            Change::Deleted => self.counters.subscriptions_deleted += 1,
            Change::Disabled => self.counters.subscriptions_disabled += 1,
        }
        keep(&mut self.subscriptions, self.cap, SubscriptionChange { at, change, uuid, url, by, user });
    }
}

fn keep<T>(entries: &mut VecDeque<T>, cap: usize, entry: T) {
    if cap == 0 {
        return;
    }
    if entries.len() >= cap {
        entries.pop_front();
    }
    entries.push_back(entry);
}
