//! Calendly's API under virtual time: webhook subscriptions, and what a plan does to calls and to them.

use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::subscription::{Found, Owner, State};
use calendly_keeper::ports::{ApiError, ApiErrorClass, Caller, Me, NewSubscription, Subscriptions};
use calendly_keeper::runtime::sleep;

use super::calendly::{Calendly, ORGANIZATION, failed, number, user_uri};
use super::clock::wall;
use super::keeper::EVENTS;
use super::plan::{ApiTrouble, Hook, Weather};

const TAKES: Duration = Duration::from_millis(20);

impl Calendly {
    /// A call comes in: whose it is, and whether its answer will be lost.
    async fn call(&self, caller: Caller<'_>, what: &'static str) -> Result<(u32, bool), ApiError> {
        sleep(TAKES).await;
        let now = self.clock.now();
        match self.weather() {
            Some(Weather::Away | Weather::Failing | Weather::Html) => {
                return Err(failed(ApiErrorClass::Unavailable, what));
            }
            Some(Weather::Throttling) => {
                return Err(failed(ApiErrorClass::Throttled(Some(Duration::from_secs(20))), what));
            }
            _ => {}
        }
        let pair = number(caller.token.expose());
        let mut ledger = self.ledger();
        ledger.calls += 1;
        let user = match ledger.accepts(pair, now) {
            Ok(user) => user,
            Err(ended_by_time) => {
                if ended_by_time {
                    let of = ledger.grant_of(pair).map(|grant| ledger.grants[grant as usize].user);
                    ledger.broken("P3", now, of, format!("access-{pair} was used for a call after its end"));
                }
                return Err(failed(ApiErrorClass::Unauthenticated, what));
            }
        };
        let one = &mut ledger.users[user as usize];
        let Some(trouble) = one.calls_meet.pop_front() else { return Ok((user, false)) };
        one.troubled = now;
        match trouble {
            ApiTrouble::FailsBefore => Err(failed(ApiErrorClass::Unavailable, what)),
            ApiTrouble::FailsAfter => Ok((user, true)),
            ApiTrouble::Throttled => {
                Err(failed(ApiErrorClass::Throttled(Some(Duration::from_secs(20))), what))
            }
            ApiTrouble::Unauthenticated => Err(failed(ApiErrorClass::Unauthenticated, what)),
        }
    }

    fn subscribe(&self, user: u32, callback_url: &str, events: &[&str]) -> Found {
        let created_at = Some(wall(self.clock.now()));
        let mut ledger = self.ledger();
        ledger.subscribed += 1;
        let found = Found {
            uri: format!("https://api.calendly.com/webhook_subscriptions/S{}", ledger.subscribed),
            callback_url: callback_url.into(),
            state: State::Active,
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            scope: "user".into(),
            created_at,
            retry_started_at: None,
        };
        ledger.users[user as usize].subscriptions.push(found.clone());
        found
    }

    /// Somebody or something changes a subscription.
    pub(crate) fn tamper(&self, user: u32, how: Hook) {
        let duplicate = {
            let mut ledger = self.ledger();
            let subscriptions = &mut ledger.users[user as usize].subscriptions;
            let Some(first) = subscriptions.first_mut() else { return };
            match how {
                Hook::Deleted => drop(subscriptions.remove(0)),
                Hook::Disabled => first.state = State::Disabled,
                Hook::Drifted => drop(first.events.pop_first()),
                Hook::Duplicated => {}
            }
            subscriptions
                .first()
                .map(|first| format!("{}?v=77", first.callback_url.split('?').next().unwrap_or("")))
        };
        if let Some(url) = duplicate.filter(|_| how == Hook::Duplicated) {
            self.subscribe(user, &url, &EVENTS);
        }
    }
}

fn lost<T>(value: T, lost: bool, what: &'static str) -> Result<T, ApiError> {
    if lost { Err(failed(ApiErrorClass::Unavailable, what)) } else { Ok(value) }
}

#[async_trait]
impl Subscriptions for Calendly {
    async fn me(&self, caller: Caller<'_>) -> Result<Me, ApiError> {
        let (user, is_lost) = self.call(caller, "me").await?;
        lost(Me { user: user_uri(user), organization: ORGANIZATION.into() }, is_lost, "me")
    }

    async fn list(&self, caller: Caller<'_>, owner: &Owner) -> Result<Vec<Found>, ApiError> {
        let (user, is_lost) = self.call(caller, "list").await?;
        if owner.user.as_deref() != Some(&*user_uri(user)) {
            return Err(failed(ApiErrorClass::PermissionDenied, "list"));
        }
        lost(self.ledger().users[user as usize].subscriptions.clone(), is_lost, "list")
    }

    async fn get(&self, caller: Caller<'_>, uri: &str) -> Result<Found, ApiError> {
        let (user, is_lost) = self.call(caller, "get").await?;
        let found =
            self.ledger().users[user as usize].subscriptions.iter().find(|found| found.uri == uri).cloned();
        lost(found.ok_or_else(|| failed(ApiErrorClass::NotFound, "get"))?, is_lost, "get")
    }

    async fn create(&self, caller: Caller<'_>, new: &NewSubscription<'_>) -> Result<Found, ApiError> {
        let (user, is_lost) = self.call(caller, "create").await?;
        let taken = self.ledger().users[user as usize]
            .subscriptions
            .iter()
            .any(|found| found.callback_url == new.callback_url);
        if taken {
            return Err(failed(ApiErrorClass::AlreadyExists, "create"));
        }
        let events: Vec<&str> = new.events.iter().map(String::as_str).collect();
        lost(self.subscribe(user, new.callback_url, &events), is_lost, "create")
    }

    async fn delete(&self, caller: Caller<'_>, uri: &str) -> Result<(), ApiError> {
        let (user, is_lost) = self.call(caller, "delete").await?;
        self.ledger().users[user as usize].subscriptions.retain(|found| found.uri != uri);
        lost((), is_lost, "delete")
    }
}
