//! Calendly behind its ports, without sockets: for tests under virtual time, where sockets and time do not mix.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::outcome::{ClientFault, Doubt, Outcome, TokenAnswer};
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::subscription::{Found, Owner, State};
use calendly_keeper::domain::token::Lifetime;
use calendly_keeper::ports::{
    ApiError, ApiErrorClass, Caller, Clock, CodeExchange, Me, NewSubscription, Subscriptions, TokenEndpoint,
};
use calendly_keeper::runtime::sleep;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::fake_meetings::Agenda;

/// What a token request meets instead of success.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Nothing,
    InvalidGrant,
    InvalidClient,
    Throttled,
    NotSent,
    FailsBefore,
    FailsAfter,
    /// A new access token, and the refresh token goes on.
    SameRefreshToken,
    /// 200 with a page for people.
    Html,
    Redirected,
}

/// A Calendly that holds everything in memory and answers at once, or when it is told to.
pub(crate) struct FakeCalendly {
    clock: Arc<dyn Clock>,
    state: Mutex<Book>,
    held: watch::Sender<bool>,
    /// How long its access tokens live, in seconds.
    pub(crate) lifetime: i64,
}

/// The ledger, and what there is.
#[derive(Default)]
pub(crate) struct Book {
    /// User of each living refresh token.
    living: HashMap<String, String>,
    spent: HashMap<String, String>,
    access: HashMap<String, (String, DateTime<Utc>)>,
    issued: u64,
    pub(crate) troubles: VecDeque<Trouble>,
    pub(crate) trouble_for_all: Option<Trouble>,
    pub(crate) subscriptions: BTreeMap<String, (String, Found)>,
    /// Refresh tokens presented after they had been spent.
    pub(crate) reused: u64,
    /// Token requests that arrived.
    pub(crate) token_requests: u64,
    /// When, by its own clock's boot time.
    pub(crate) arrivals: Vec<Duration>,
    /// Exchanges that were tried, whether they arrived or not.
    pub(crate) tries: u64,
    pub(crate) under_way: usize,
    pub(crate) most_under_way: usize,
    /// How long an answer takes.
    pub(crate) takes: Duration,
    /// Those that consumed a token and were lost.
    pub(crate) lost_answers: u64,
    /// When each revoked user's token was first refused.
    refused: HashMap<String, Duration>,
    gone: HashMap<String, String>,
    pub(crate) rotations: BTreeMap<String, u64>,
    pub(crate) revoked: Vec<String>,
    /// Codes that arrived.
    pub(crate) codes: Vec<String>,
    pub(crate) with_expired_token: u64,
    pub(crate) api_calls: Vec<&'static str>,
    pub(crate) refuse_subscriptions: bool,
    pub(crate) hidden_urls: BTreeSet<String>,
    pub(crate) reject_access_tokens: bool,
    /// Calls fail, while the token endpoint answers.
    pub(crate) api_is_away: bool,
    /// What is in the calendars.
    pub(crate) agenda: Agenda,
    /// Answers of the token endpoint do not say whose the tokens are.
    pub(crate) says_no_owner: bool,
}

impl FakeCalendly {
    pub(crate) fn new(clock: Arc<dyn Clock>, lifetime: i64) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default(), held: watch::Sender::new(false), lifetime })
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new grant of a user.
    pub(crate) fn grant(&self, user: &str) -> (String, String, DateTime<Utc>) {
        let expires = self.clock.now() + TimeDelta::seconds(self.lifetime);
        let mut book = self.book();
        let (access, refresh) = book.issue(user, expires);
        (access, refresh, expires)
    }

    /// Answers wait from now on, after they took effect.
    pub(crate) fn hold_answers(&self) {
        self.held.send_replace(true);
    }

    /// Answers go out again.
    pub(crate) fn release_answers(&self) {
        self.held.send_replace(false);
    }

    /// Whether this refresh token would be accepted.
    pub(crate) fn is_living(&self, refresh: &str) -> bool {
        self.book().living.contains_key(refresh)
    }

    /// Whether it would serve a caller with this access token.
    pub(crate) fn accepts(&self, access: &str) -> bool {
        self.book().access.get(access).is_some_and(|(_, expires)| *expires > self.clock.now())
    }

    /// Tokens that arrived from `from` on, for so long.
    pub(crate) fn arrived(&self, from: Duration, during: Duration) -> usize {
        let book = self.book();
        book.arrivals.iter().filter(|at| (from..from + during).contains(*at)).count()
    }

    pub(crate) fn revoke_user(&self, user: &str) {
        let book = &mut *self.book();
        let gone = book.living.extract_if(|_, owner| owner == user);
        book.gone.extend(gone);
    }

    /// When a revoked user's token was first refused, by boot time.
    pub(crate) fn refused_since(&self, user: &str) -> Option<Duration> {
        self.book().refused.get(user).copied()
    }

    pub(crate) fn add_subscription(&self, user: &str, url: &str, events: &[&str], state: State) -> String {
        self.subscribe(user_uri(user), "user", url, events, state)
    }

    fn subscribe(&self, owner: String, scope: &str, url: &str, events: &[&str], state: State) -> String {
        let mut book = self.book();
        book.issued += 1;
        let uri = format!("https://api.calendly.com/webhook_subscriptions/S{}", book.issued);
        let found = Found {
            uri: uri.clone(),
            callback_url: url.into(),
            state,
            events: events.iter().map(|e| (*e).to_owned()).collect(),
            scope: scope.into(),
            created_at: Some(self.clock.now()),
            retry_started_at: None,
        };
        book.subscriptions.insert(uri.clone(), (owner, found));
        uri
    }

    /// `(callback URL, active, events)` of a user's subscriptions.
    pub(crate) fn subscriptions_of(&self, user: &str) -> Vec<(String, bool, usize)> {
        let owner = user_uri(user);
        self.book()
            .subscriptions
            .values()
            .filter(|(of, _)| *of == owner)
            .map(|(_, s)| (s.callback_url.clone(), s.state == State::Active, s.events.len()))
            .collect()
    }

    pub(super) fn time(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn authorize(&self, caller: Caller<'_>, call: &'static str) -> Result<String, ApiError> {
        let now = self.clock.now();
        let mut book = self.book();
        book.api_calls.push(call);
        let known = book.access.get(caller.token.expose()).cloned();
        match known {
            _ if book.api_is_away => Err(failed(ApiErrorClass::Unavailable, call)),
            _ if book.reject_access_tokens => Err(failed(ApiErrorClass::Unauthenticated, call)),
            Some((user, expires)) if expires > now => Ok(user_uri(&user)),
            _ => {
                book.with_expired_token += 1;
                Err(failed(ApiErrorClass::Unauthenticated, call))
            }
        }
    }
}

impl Book {
    fn issue(&mut self, user: &str, expires: DateTime<Utc>) -> (String, String) {
        self.issued += 1;
        let (access, refresh) = (format!("access-{}", self.issued), format!("refresh-{}", self.issued));
        self.access.insert(access.clone(), (user.into(), expires));
        self.living.insert(refresh.clone(), user.into());
        (access, refresh)
    }
}

pub(crate) fn user_uri(user: &str) -> String {
    format!("https://api.calendly.com/users/{user}")
}

pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/ORG";

pub(super) fn failed(class: ApiErrorClass, what: &'static str) -> ApiError {
    ApiError { class, what, detail: "said the fake".into() }
}

#[async_trait]
impl TokenEndpoint for FakeCalendly {
    async fn refresh(&self, token: &RefreshToken) -> Outcome {
        let outcome = {
            let expires = self.clock.now() + TimeDelta::seconds(self.lifetime);
            let mut book = self.book();
            book.tries += 1;
            let trouble = book.troubles.pop_front().or(book.trouble_for_all);
            if let Some(Trouble::NotSent) = trouble {
                return Outcome::NotSent;
            }
            book.token_requests += 1;
            let now = self.clock.boot();
            book.arrivals.push(now);
            book.under_way += 1;
            book.most_under_way = book.most_under_way.max(book.under_way);
            match trouble {
                Some(Trouble::InvalidGrant) => Outcome::InvalidGrant,
                Some(Trouble::InvalidClient) => Outcome::ClientRefused(ClientFault::InvalidClient),
                Some(Trouble::Throttled) => Outcome::Throttled { wait: Some(Duration::from_secs(20)) },
                Some(Trouble::Redirected) => Outcome::ClientRefused(ClientFault::Redirected),
                Some(Trouble::Html) => Outcome::Unknown(Doubt::Unreadable),
                Some(Trouble::FailsBefore) => Outcome::Unknown(Doubt::Status(503)),
                _ => match book.living.remove(token.expose()) {
                    Some(user) => {
                        *book.rotations.entry(user.clone()).or_default() += 1;
                        let (access, refresh) = book.issue(&user, expires);
                        let mut answer = answer(&user, &access, &refresh, self.lifetime);
                        answer.owner = answer.owner.filter(|_| !book.says_no_owner);
                        if let Some(Trouble::SameRefreshToken) = trouble {
                            answer.refresh_token = None;
                            book.living.remove(&refresh);
                            book.living.insert(token.expose().into(), user);
                        } else {
                            book.spent.insert(token.expose().into(), user);
                        }
                        match trouble {
                            Some(Trouble::FailsAfter) => {
                                book.lost_answers += 1;
                                Outcome::Unknown(Doubt::Lost)
                            }
                            _ => Outcome::Success(Box::new(answer)),
                        }
                    }
                    None => {
                        book.reused += u64::from(book.spent.contains_key(token.expose()));
                        if let Some(user) = book.gone.get(token.expose()).cloned() {
                            book.refused.entry(user).or_insert(now);
                        }
                        Outcome::InvalidGrant
                    }
                },
            }
        };
        let takes = self.book().takes;
        if !takes.is_zero() {
            sleep(takes).await;
        }
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| !*held).await;
        self.book().under_way -= 1;
        outcome
    }

    /// A code is the name of the user who agreed.
    async fn exchange_code(&self, exchange: CodeExchange<'_>) -> Outcome {
        let user = exchange.code.expose();
        self.book().codes.push(user.into());
        let (access, refresh, _) = self.grant(user);
        Outcome::Success(Box::new(answer(user, &access, &refresh, self.lifetime)))
    }

    async fn check_client(&self) -> Result<(), ApiError> {
        Ok(())
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ApiError> {
        let mut book = self.book();
        book.living.remove(token.expose());
        book.revoked.push(token.expose().into());
        Ok(())
    }
}

fn answer(user: &str, access: &str, refresh: &str, lifetime: i64) -> TokenAnswer {
    TokenAnswer {
        access_token: AccessToken::new(access),
        refresh_token: Some(RefreshToken::new(refresh)),
        lifetime: Lifetime::from_seconds(lifetime),
        scope: Some("users:read webhooks:write scheduled_events:read".into()),
        owner: Some(user_uri(user)),
        organization: Some(ORGANIZATION.into()),
        created_at: None,
        oddities: vec![],
    }
}

#[async_trait]
impl Subscriptions for FakeCalendly {
    async fn me(&self, caller: Caller<'_>) -> Result<Me, ApiError> {
        let user = self.authorize(caller, "me")?;
        Ok(Me { user, organization: ORGANIZATION.into() })
    }

    async fn list(&self, caller: Caller<'_>, owner: &Owner) -> Result<Vec<Found>, ApiError> {
        self.authorize(caller, "list")?;
        let book = self.book();
        let of = |found: &&(String, Found)| {
            found.0 == owner.uri() && !book.hidden_urls.contains(&found.1.callback_url)
        };
        Ok(book.subscriptions.values().filter(of).map(|(_, found)| found.clone()).collect())
    }

    async fn get(&self, caller: Caller<'_>, uri: &str) -> Result<Found, ApiError> {
        self.authorize(caller, "get")?;
        let found = self.book().subscriptions.get(uri).map(|(_, found)| found.clone());
        found.ok_or_else(|| failed(ApiErrorClass::NotFound, "get"))
    }

    async fn create(&self, caller: Caller<'_>, new: &NewSubscription<'_>) -> Result<Found, ApiError> {
        self.authorize(caller, "create")?;
        {
            let book = self.book();
            if book.refuse_subscriptions {
                return Err(failed(ApiErrorClass::PermissionDenied, "create"));
            }
            if book.subscriptions.values().any(|(_, s)| s.callback_url == new.callback_url) {
                return Err(failed(ApiErrorClass::AlreadyExists, "create"));
            }
        }
        let events: Vec<&str> = new.events.iter().map(String::as_str).collect();
        let (owner, scope) = (new.owner.uri().to_owned(), new.owner.scope().as_str());
        let uri = self.subscribe(owner, scope, new.callback_url, &events, State::Active);
        Ok(self.book().subscriptions[&uri].1.clone())
    }

    async fn delete(&self, caller: Caller<'_>, uri: &str) -> Result<(), ApiError> {
        self.authorize(caller, "delete")?;
        self.book().subscriptions.remove(uri);
        Ok(())
    }
}
