//! Where events are kept until the application has them.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::event::{Addressee, Attempt, Attempted, EventId, Kept, NewEvent, State, Summary};
use crate::domain::ids::ConnectionId;

/// Some events of the inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of this connection.
    pub connection: Option<ConnectionId>,
    /// Received at or after then.
    pub since: Option<DateTime<Utc>>,
    /// Received before then.
    pub until: Option<DateTime<Utc>>,
    /// That stand so.
    pub state: Option<State>,
}

/// What is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// To be relayed.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
    /// When the oldest that is to be relayed came.
    pub oldest: Option<DateTime<Utc>>,
    /// When the next of them is due.
    pub next_at: Option<DateTime<Utc>>,
}

/// The inbox as the database keeps it. Every operation runs to its end even when its caller goes away.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The living connections with these ids or of these Calendly users.
    ///
    /// # Errors
    /// Where the database does not answer; so for all operations here.
    async fn addressees(
        &self,
        ids: Vec<ConnectionId>,
        users: Vec<Box<str>>,
    ) -> Result<Vec<Addressee>, StoreError>;
    /// The first living connection, by id, of each of these organizations that has one.
    async fn first_of(
        &self,
        organizations: Vec<Box<str>>,
    ) -> Result<HashMap<Box<str>, ConnectionId>, StoreError>;
    /// Keeps events in the order given, all or none; durable when it returns. False for each that was there already.
    async fn take_in(&self, events: Vec<NewEvent>) -> Result<Vec<bool>, StoreError>;
    /// Which of these are there, or were and have been erased.
    async fn known_events(&self, ids: Vec<EventId>) -> Result<HashSet<EventId>, StoreError>;

    /// Those to be relayed now: due, first of their line, none of `busy`; those that are due longest first.
    async fn due_events(
        &self,
        now: DateTime<Utc>,
        busy: Vec<i64>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError>;
    /// Notes attempts and what follows from them.
    async fn settle_events(&self, attempts: Vec<Attempted>) -> Result<(), StoreError>;
    /// Whatever waits is due now: what kept it waiting is over.
    async fn hurry_events(&self, now: DateTime<Utc>) -> Result<(), StoreError>;
    /// How much is on its way.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// The latest place that was given; 0 before the first.
    async fn last_place(&self) -> Result<i64, StoreError>;
    /// Those after a place, in the order of their places; what was erased and what is no event is passed over.
    async fn events_after(
        &self,
        ordinal: i64,
        connection: Option<&ConnectionId>,
        limit: usize,
    ) -> Result<Vec<Kept>, StoreError>;
    /// Up to where a consumer has acknowledged; `None` where it is not known yet.
    async fn acknowledged(&self, consumer: &str) -> Result<Option<i64>, StoreError>;
    /// Notes that a consumer has everything up to there. It never goes back.
    async fn acknowledge(&self, consumer: &str, ordinal: i64, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// The newest of a selection, newest first, those before a place; what was erased is passed over.
    async fn list_events(
        &self,
        selection: &Selection,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Summary>, StoreError>;
    /// One, with its attempts, oldest first.
    async fn event(&self, id: &EventId) -> Result<Option<(Kept, Vec<Attempt>)>, StoreError>;
    /// Relays these again, whatever became of them; answers how many. What was erased stays so.
    async fn replay_events(&self, ids: Vec<EventId>, now: DateTime<Utc>) -> Result<usize, StoreError>;
    /// Relays a selection again, some at a time from a place on; answers how many, and where to go on.
    async fn replay_selected(
        &self,
        selection: &Selection,
        after: i64,
        now: DateTime<Utc>,
    ) -> Result<(usize, Option<i64>), StoreError>;
    /// Erases the bodies of a selection, some at a time; what is pending too. That they were there stays known. Answers
    /// how many; zero at the end.
    async fn erase_events(&self, selection: &Selection, at: DateTime<Utc>) -> Result<usize, StoreError>;
    /// Erases bodies that were settled before then, some at a time: nothing that is to be relayed, nor what a consumer
    /// has not acknowledged that was seen since. Then forgets what was erased and came before `forget`. Answers how many.
    async fn expire_events(
        &self,
        settled_before: DateTime<Utc>,
        forget: DateTime<Utc>,
    ) -> Result<usize, StoreError>;
}
