//! Scheduled events and their invitees. Each is handed on as it came; what it means is decided in `domain`.

use async_trait::async_trait;
use chrono::SecondsFormat;
use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::api_client::{ApiClient, Call, PAGE};
use super::errors;
use super::wire::{Next, Pagination};
use crate::domain::loose_json;
use crate::ports::{ApiError, ApiErrorClass, Caller, ListPage, Meetings, MeetingsQuery};

/// The collection's path, and what comes before an event's id in its URI.
pub(super) const SCHEDULED_EVENTS: &str = "scheduled_events";

impl ApiClient {
    /// A page of a list, within the half of the user's rate that nobody waits for.
    async fn page(
        &self,
        caller: Caller<'_>,
        what: &'static str,
        mut url: Url,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        if let Err(wait) = self.half.admit(caller.rate_key) {
            let detail = "half of the user's rate is used, not asked".into();
            return Err(ApiError { class: ApiErrorClass::Throttled(Some(wait)), what, detail });
        }
        url.query_pairs_mut().append_pair("count", PAGE);
        if let Some(token) = page {
            url.query_pairs_mut().append_pair("page_token", token);
        }
        let body = self.send(caller, Call { what, method: Method::GET, url, json: None }).await?;
        let items = loose_json::list(&body, "collection")
            .ok_or_else(|| errors::unreadable(what, "it is no list, or not whole"))?;
        let pagination = loose_json::members(&body).and_then(|mut members| members.remove("pagination"));
        let next = match pagination {
            None | Some(Value::Null) => None,
            Some(pagination) => match serde_json::from_value::<Pagination>(pagination).map(|it| it.next()) {
                Ok(Next::End) => None,
                Ok(Next::Token(token)) => Some(token.into()),
                Ok(Next::Unclear) | Err(_) => {
                    return Err(errors::unreadable(what, "a page names no next page token"));
                }
            },
        };
        Ok(ListPage { items, next })
    }
}

#[async_trait]
impl Meetings for ApiClient {
    async fn scheduled_events(
        &self,
        caller: Caller<'_>,
        query: MeetingsQuery<'_>,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        let mut url = self.scheduled_events.clone();
        let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        {
            let mut pairs = url.query_pairs_mut();
            // With the organization too, the token's own user would be asked about as somebody else's.
            match query.owner.user.as_deref() {
                Some(user) => pairs.append_pair("user", user),
                None => pairs.append_pair("organization", &query.owner.organization),
            };
            pairs
                .extend_pairs(query.status.map(|status| ("status", status)))
                .append_pair("min_start_time", &time(query.min_start_time))
                .extend_pairs(query.max_start_time.map(|end| ("max_start_time", time(end))))
                .append_pair("sort", "start_time:asc");
        }
        self.page(caller, "list scheduled events", url, page).await
    }

    async fn invitees(
        &self,
        caller: Caller<'_>,
        scheduled_event: &str,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        let what = "list a scheduled event's invitees";
        let mut url = self.below(&self.scheduled_events, SCHEDULED_EVENTS, what, scheduled_event)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.push("invitees");
        }
        self.page(caller, what, url, page).await
    }
}
