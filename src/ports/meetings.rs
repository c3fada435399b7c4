//! Calendly's scheduled events and their invitees: what was missed is found there.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{ApiError, Caller};
use crate::domain::subscription::Owner;

/// A page of a list, as Calendly gave it.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// Each resource as it came.
    pub items: Vec<serde_json::Value>,
    /// Asks for the next page; it goes stale within a minute, so it is never kept.
    pub next: Option<Box<str>>,
}

/// Which scheduled events.
#[derive(Clone, Copy, Debug)]
pub struct MeetingsQuery<'a> {
    /// Whose: a user's, or all of an organization.
    pub owner: &'a Owner,
    /// That start at or after then.
    pub min_start_time: DateTime<Utc>,
    /// And before then, where there is an end.
    pub max_start_time: Option<DateTime<Utc>>,
    /// `active` or `canceled`; both where there is none.
    pub status: Option<&'a str>,
}

/// Calendly's meetings. Every list is in the order of start times, oldest first.
#[async_trait]
pub trait Meetings: Send + Sync {
    /// A page of scheduled events.
    ///
    /// # Errors
    /// By class; so for all calls here. A stale page token is [`super::ApiErrorClass::InvalidRequest`].
    async fn scheduled_events(
        &self,
        caller: Caller<'_>,
        query: MeetingsQuery<'_>,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError>;
    /// A page of the invitees of a scheduled event, by its URI.
    async fn invitees(
        &self,
        caller: Caller<'_>,
        scheduled_event: &str,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError>;
}
