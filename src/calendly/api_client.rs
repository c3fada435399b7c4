//! Webhook subscriptions and the user behind a token.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use url::Url;

use super::errors::{self, Refusal};
use super::half::Half;
use super::http::{Cut, build, builder, endpoint, read};
use super::meetings::SCHEDULED_EVENTS;
use super::rate::Rate;
use super::skew::Skew;
use super::wire::{self, Next};
use super::{Settings, SetupError};
use crate::domain::subscription::{Found, Owner};
use crate::ports::{ApiError, ApiErrorClass, Caller, Clock, Me, NewSubscription, Subscriptions};

const SUBSCRIPTIONS: &str = "webhook_subscriptions";
pub(super) const PAGE: &str = "100";
/// Of 100 each: what lists more is not a list of one user's or organization's subscriptions.
const MOST_PAGES: usize = 1000;
const LONGEST_ANSWER: usize = 4 << 20;

/// Calendly's REST API.
pub struct ApiClient {
    http: Client,
    me: Url,
    subscriptions: Url,
    pub(super) scheduled_events: Url,
    timeout: std::time::Duration,
    rate: Rate,
    pub(super) half: Half,
    clock: Arc<dyn Clock>,
    skew: Arc<Skew>,
}

/// A call: its name for errors, and what to send.
pub(super) struct Call {
    pub(super) what: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) json: Option<Vec<u8>>,
}

impl ApiClient {
    pub(super) fn new(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        skew: Arc<Skew>,
    ) -> Result<Self, SetupError> {
        let url = |segments: &[&str]| endpoint(&settings.api_url, "calendly.api_url", segments);
        Ok(Self {
            http: build(builder(settings.connect_timeout))?,
            me: url(&["users", "me"])?,
            subscriptions: url(&[SUBSCRIPTIONS])?,
            timeout: settings.request_timeout,
            scheduled_events: url(&[SCHEDULED_EVENTS])?,
            rate: Rate::new(clock.clone()),
            half: Half::new(clock.clone()),
            clock,
            skew,
        })
    }

    /// Sends the call; the body of a success, anything else is an error.
    pub(super) async fn send(&self, caller: Caller<'_>, call: Call) -> Result<Vec<u8>, ApiError> {
        let what = call.what;
        if let Err(wait) = self.rate.admit(caller.rate_key) {
            let detail = "the user's rate limit is exhausted, not asked".into();
            return Err(ApiError { class: ApiErrorClass::Throttled(Some(wait)), what, detail });
        }
        let secrets = [caller.token.expose()];
        let mut request =
            self.http.request(call.method, call.url).timeout(self.timeout).bearer_auth(caller.token.expose());
        if let Some(json) = call.json {
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(json);
        }
        let mut response = request.send().await.map_err(|error| match error.is_builder() {
            // Nothing else in a request depends on data that is not ours.
            true => ApiError {
                class: ApiErrorClass::Unauthenticated,
                what,
                detail: "the access token has characters that no header can carry".into(),
            },
            false => errors::failed(what, error, &secrets),
        })?;
        let status = response.status();
        self.skew.observe(response.headers());
        self.rate.observe(caller.rate_key, response.headers(), status.as_u16() == 429);
        self.half.observe(caller.rate_key, response.headers());
        let mut body = Vec::new();
        let end = read(&mut response, &mut body, LONGEST_ANSWER).await;
        if !status.is_success() {
            let (status, headers) = (status.as_u16(), response.headers());
            let refusal = Refusal { status, headers, body: &body, now: self.clock.now() };
            return Err(errors::refused(what, &refusal, &secrets));
        }
        match end {
            Ok(()) => Ok(body),
            Err(Cut::Broken) => Err(errors::unavailable(what, "the answer was cut short")),
            Err(Cut::TooLong) => Err(errors::unreadable(what, "the answer is too long")),
        }
    }

    async fn ask<T: DeserializeOwned>(&self, caller: Caller<'_>, call: Call) -> Result<T, ApiError> {
        let what = call.what;
        let body = self.send(caller, call).await?;
        wire::read(&body).map_err(|detail| errors::unreadable(what, detail))
    }

    /// Where a subscription is. Of what was stored only the last segment is used: a token goes to no host but ours.
    fn subscription(&self, what: &'static str, uri: &str) -> Result<Url, ApiError> {
        self.below(&self.subscriptions, SUBSCRIPTIONS, what, uri)
    }

    /// Where one of a collection is, named by its URI. Only the last segment of that is used.
    pub(super) fn below(
        &self,
        collection: &Url,
        name: &str,
        what: &'static str,
        uri: &str,
    ) -> Result<Url, ApiError> {
        let id = uri.rsplit_once('/').filter(|(before, _)| before.ends_with(name)).map(|(_, id)| id);
        let safe = |id: &&str| {
            (1..=128).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let mut url = collection.clone();
        match (id.filter(safe), url.path_segments_mut()) {
            (Some(id), Ok(mut path)) => path.push(id),
            _ => {
                let detail = format!("the URI is not one of {name}");
                return Err(ApiError { class: ApiErrorClass::InvalidRequest, what, detail });
            }
        };
        Ok(url)
    }
}

#[async_trait]
impl Subscriptions for ApiClient {
    async fn me(&self, caller: Caller<'_>) -> Result<Me, ApiError> {
        let call =
            Call { what: "ask who the user is", method: Method::GET, url: self.me.clone(), json: None };
        let answer: wire::Resource<wire::User> = self.ask(caller, call).await?;
        Ok(Me { user: answer.resource.uri, organization: answer.resource.current_organization })
    }

    async fn list(&self, caller: Caller<'_>, owner: &Owner) -> Result<Vec<Found>, ApiError> {
        let what = "list webhook subscriptions";
        let mut first = self.subscriptions.clone();
        first
            .query_pairs_mut()
            .append_pair("organization", &owner.organization)
            .append_pair("scope", owner.scope().as_str())
            .extend_pairs(owner.user.as_deref().map(|user| ("user", user)))
            .append_pair("count", PAGE);
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut url = first.clone();
        loop {
            let call = Call { what, method: Method::GET, url, json: None };
            let page: wire::Page<wire::Subscription> = self.ask(caller, call).await?;
            let next = page.next();
            found.extend(page.collection.into_iter().map(Found::from));
            let token = match next {
                Next::End => return Ok(found),
                Next::Unclear => return Err(errors::unreadable(what, "a page names no next page token")),
                Next::Token(token) => token,
            };
            url = first.clone();
            url.query_pairs_mut().append_pair("page_token", &token);
            if !seen.insert(token) || seen.len() >= MOST_PAGES {
                return Err(errors::unreadable(what, "the pages go round in a circle"));
            }
        }
    }

    async fn get(&self, caller: Caller<'_>, uri: &str) -> Result<Found, ApiError> {
        let what = "get a webhook subscription";
        let call = Call { what, method: Method::GET, url: self.subscription(what, uri)?, json: None };
        let answer: wire::Resource<wire::Subscription> = self.ask(caller, call).await?;
        Ok(answer.resource.into())
    }

    async fn create(&self, caller: Caller<'_>, new: &NewSubscription<'_>) -> Result<Found, ApiError> {
        let what = "create a webhook subscription";
        let body = wire::NewSubscription {
            url: new.callback_url,
            events: new.events,
            organization: &new.owner.organization,
            user: new.owner.user.as_deref(),
            scope: new.owner.scope().as_str(),
        };
        let json = serde_json::to_vec(&body).map_err(|error| errors::unreadable(what, error.to_string()))?;
        let call = Call { what, method: Method::POST, url: self.subscriptions.clone(), json: Some(json) };
        let answer: wire::Resource<wire::Subscription> = self.ask(caller, call).await?;
        Ok(answer.resource.into())
    }

    async fn delete(&self, caller: Caller<'_>, uri: &str) -> Result<(), ApiError> {
        let what = "delete a webhook subscription";
        let call = Call { what, method: Method::DELETE, url: self.subscription(what, uri)?, json: None };
        match self.send(caller, call).await {
            Err(ApiError { class: ApiErrorClass::NotFound, .. }) => Ok(()),
            other => other.map(drop),
        }
    }
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiClient({})", self.subscriptions)
    }
}
