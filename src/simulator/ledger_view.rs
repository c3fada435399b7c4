//! The ledger as it is read from outside: numbers resolved to URIs, times to times. It changes nothing.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::faults::Endpoint;
use super::grants::AccessTokenState;
use super::ledger::{Change, Counters, PresentationOutcome};
use super::state::State;
use super::time::{SECOND, date_time};

/// A pair that was issued.
#[derive(Clone, Debug, Serialize)]
pub struct IssuedEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// When its access token ends.
    pub expires_at: DateTime<Utc>,
    /// To whom: a user URI.
    pub user: String,
    /// Number of the grant.
    pub grant: u32,
    /// Which pair of the grant, from 1.
    pub generation: u32,
    /// Whether the answer that carried it has been handed to the network whole.
    pub whole: bool,
}

/// A refresh token that was presented.
#[derive(Clone, Debug, Serialize)]
pub struct PresentedEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Whose it is: a user URI.
    pub user: Option<String>,
    /// Number of the grant.
    pub grant: Option<u32>,
    /// Which pair of the grant it belongs to.
    pub generation: Option<u32>,
    /// What it got.
    pub outcome: PresentationOutcome,
    /// How often it has been presented by now, this time included.
    pub times: u32,
    /// Whether an answer with the pair made from it had left whole before: nobody had a reason to come again.
    pub after_whole_answer: bool,
}

/// An access token that was presented to the API.
#[derive(Clone, Debug, Serialize)]
pub struct AccessEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Where.
    pub endpoint: Endpoint,
    /// Whose it is: a user URI.
    pub user: Option<String>,
    /// Number of the grant.
    pub grant: Option<u32>,
    /// Which pair of the grant it belongs to.
    pub generation: Option<u32>,
    /// What it was worth then.
    pub state: AccessTokenState,
}

/// A subscription that changed.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriptionEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub change: Change,
    /// Its URI.
    pub uri: String,
    /// Its callback URL as it was asked for.
    pub callback_url: String,
    /// `api`, `control`, `revocation` or `deliveries`.
    pub by: &'static str,
    /// Whose token did it, where one did: a user URI.
    pub user: Option<String>,
}

/// The requests of an endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointRate {
    /// Which.
    pub endpoint: Endpoint,
    /// Since the start.
    pub requests: u64,
    /// In the busiest of the seconds that are kept.
    pub peak_per_second: u32,
    /// Per Unix second, oldest first, seconds without any left out; the last 600 seconds with requests.
    pub per_second: Vec<(i64, u32)>,
}

/// The requests of a user, at all endpoints.
#[derive(Clone, Debug, Serialize)]
pub struct UserRate {
    /// User URI.
    pub user: String,
    /// Since the start.
    pub requests: u64,
    /// In its busiest second.
    pub peak_per_second: u32,
}

/// Everything that happened; entries oldest first.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerView {
    /// Totals.
    pub counters: Counters,
    /// Pairs issued.
    pub issued: Vec<IssuedEntry>,
    /// Refresh tokens presented.
    pub presented: Vec<PresentedEntry>,
    /// Access tokens presented.
    pub access: Vec<AccessEntry>,
    /// Subscriptions changed.
    pub subscriptions: Vec<SubscriptionEntry>,
    /// Requests by endpoint.
    pub endpoints: Vec<EndpointRate>,
    /// Requests by user; users without any left out.
    pub users: Vec<UserRate>,
}

/// Which entries to show.
#[derive(Clone, Copy)]
pub(super) struct Selection {
    /// Only the newest so many of each kind.
    pub newest: usize,
    pub user: Option<u32>,
}

pub(super) fn view(state: &State, selection: Selection) -> LedgerView {
    let ledger = &state.ledger;
    let uri = |user: Option<u32>| user.map(|user| state.user_uri(user));
    let wanted = |user: Option<u32>| selection.user.is_none() || selection.user == user;
    let issued = newest(
        &ledger.issued,
        selection,
        |entry| wanted(Some(entry.user)),
        |entry| IssuedEntry {
            at: date_time(entry.at),
            expires_at: date_time(entry.expires_at),
            user: state.user_uri(entry.user),
            grant: entry.name.grant,
            generation: entry.name.generation,
            whole: entry.whole.load(Ordering::Acquire),
        },
    );
    let presented = newest(
        &ledger.presented,
        selection,
        |entry| wanted(entry.user),
        |entry| PresentedEntry {
            at: date_time(entry.at),
            user: uri(entry.user),
            grant: entry.name.map(|name| name.grant),
            generation: entry.name.map(|name| name.generation),
            outcome: entry.outcome,
            times: entry.times,
            after_whole_answer: entry.after_whole_answer,
        },
    );
    let access = newest(
        &ledger.access,
        selection,
        |entry| wanted(entry.user),
        |entry| AccessEntry {
            at: date_time(entry.at),
            endpoint: entry.endpoint,
            user: uri(entry.user),
            grant: entry.name.map(|name| name.grant),
            generation: entry.name.map(|name| name.generation),
            state: entry.state,
        },
    );
    let subscriptions = newest(
        &ledger.subscriptions,
        selection,
        |entry| wanted(entry.user),
        |entry| SubscriptionEntry {
            at: date_time(entry.at),
            change: entry.change,
            uri: state.subscription_uri(entry.uuid),
            callback_url: entry.url.to_string(),
            by: entry.by,
            user: uri(entry.user),
        },
    );
    LedgerView {
        counters: ledger.counters,
        issued,
        presented,
        access,
        subscriptions,
        endpoints: Endpoint::ALL.into_iter().map(|endpoint| endpoint_rate(state, endpoint)).collect(),
        users: user_rates(state, selection),
    }
}

fn newest<'a, T: 'a, V>(
    entries: impl IntoIterator<Item = &'a T, IntoIter: DoubleEndedIterator>,
    selection: Selection,
    wanted: impl Fn(&T) -> bool,
    show: impl Fn(&T) -> V,
) -> Vec<V> {
    let newest = entries.into_iter().rev().filter(|entry| wanted(entry)).take(selection.newest);
    let mut shown: Vec<V> = newest.map(show).collect();
    shown.reverse();
    shown
}

fn endpoint_rate(state: &State, endpoint: Endpoint) -> EndpointRate {
    let seconds = state.ledger.seconds.iter();
    let per_second: Vec<(i64, u32)> = seconds
        .map(|second| (second.second, second.requests[endpoint as usize]))
        .filter(|(_, requests)| *requests > 0)
        .collect();
    EndpointRate {
        endpoint,
        requests: state.ledger.requests[endpoint as usize],
        peak_per_second: per_second.iter().map(|(_, requests)| *requests).max().unwrap_or(0),
        per_second,
    }
}

fn user_rates(state: &State, selection: Selection) -> Vec<UserRate> {
    let rates = state.ledger.users.iter().enumerate();
    rates
        .filter(|(user, rate)| {
            rate.requests > 0 && selection.user.is_none_or(|wanted| wanted as usize == *user)
        })
        .take(selection.newest)
        .map(|(user, rate)| UserRate {
            user: state.user_uri(user as u32),
            requests: rate.requests,
            peak_per_second: rate.peak,
        })
        .collect()
}

/// The mean rate of an endpoint over the last `seconds` whole seconds before `now` (microseconds).
pub(super) fn mean_rate(state: &State, endpoint: Endpoint, seconds: u32, now: i64) -> f64 {
    let end = now.div_euclid(SECOND);
    let start = end - i64::from(seconds.max(1));
    let kept = state.ledger.seconds.iter().filter(|kept| (start..end).contains(&kept.second));
    let requests: u64 = kept.map(|kept| u64::from(kept.requests[endpoint as usize])).sum();
    requests as f64 / f64::from(seconds.max(1))
}
