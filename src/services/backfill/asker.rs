//! With whose token Calendly is asked, and what follows from a refusal.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::ids::GrantId;
use crate::domain::scopes::missing_for_webhooks;
use crate::domain::subscription::Owner;
use crate::ports::{ApiError, ApiErrorClass, Caller, ListPage, MeetingsQuery, StoreError};
use crate::registry::cell::Cell;
use crate::runtime::sleep;
use crate::services::Services;

/// Waits longer than this are for another time.
const LONGEST_WAIT: Duration = Duration::from_secs(90);
/// A call is put off so often in a row.
const MOST_WAITS: u32 = 5;
/// Invitees of one meeting are listed so often anew.
const MOST_LISTS: u32 = 3;

/// So many are tried one after another.
const MOST_ASKERS: usize = 10;
/// What reading meetings takes.
const NEEDED: &str = "scheduled_events:read";
/// A refresh that is asked for is done by then, mostly.
const AFTER_REFRESH: Duration = Duration::from_secs(30);
/// What Calendly calls invalid will be so for a while.
const INVALID_AGAIN: Duration = Duration::from_secs(3600);

/// What Calendly is asked.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// All meetings from a start time on.
    Scheduled(DateTime<Utc>),
    /// Who was invited to one.
    Invitees(&'a str),
}

/// Why a look through the meetings ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// This connection's token does not do, for this reason.
    NotAllowed(Box<str>),
    /// What was asked for is not there.
    NotFound(Box<str>),
    /// Calendly refused a token that should live: after the refresh again.
    Rejected,
    /// There is no token to ask with: after the refresh again.
    NoToken,
    /// The page token has gone stale, or what was asked is wrong.
    Invalid(ApiError),
    /// Again later, for this reason; after so long where somebody said so.
    Later(Option<Duration>, Box<str>),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Later(None, error.to_string().into())
    }
}

/// A connection that reads for all who share its list.
pub(super) struct Asker<'a> {
    services: &'a Services,
    pub(super) cell: &'a Arc<Cell>,
    pub(super) grant: GrantId,
    owner: &'a Owner,
    rate_key: Box<str>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(services: &'a Services, cell: &'a Arc<Cell>, owner: &'a Owner) -> Self {
        let (grant, user) = cell.read(|c| (c.grant_id, c.user.clone()));
        let rate_key = user.unwrap_or_else(|| cell.id().as_str().into());
        Self { services, cell, grant, owner, rate_key }
    }

    /// A page of all meetings from a start time on.
    pub(super) async fn scheduled(&self, from: DateTime<Utc>, page: Option<&str>) -> Result<ListPage, Stop> {
        self.ask(Question::Scheduled(from), page).await
    }

    /// All who are or were invited to a meeting. `None` where it is gone. One that this token may
    /// not see is for the next.
    pub(super) async fn invitees(&self, scheduled_event: &str) -> Result<Option<Vec<Value>>, Stop> {
        let mut lists = 0;
        loop {
            match self.all_invitees(scheduled_event).await {
                // Its page token went stale while this waited for its turn.
                Err(Stop::Invalid(_)) if lists < MOST_LISTS => lists += 1,
                Err(Stop::NotFound(_)) => return Ok(None),
                other => return other,
            }
        }
    }

    async fn all_invitees(&self, scheduled_event: &str) -> Result<Option<Vec<Value>>, Stop> {
        let (mut all, mut seen) = (vec![], HashSet::new());
        let mut page: Option<Box<str>> = None;
        loop {
            let asked = self.ask(Question::Invitees(scheduled_event), page.as_deref()).await?;
            all.extend(asked.items);
            let Some(next) = asked.next else { return Ok(Some(all)) };
            if !seen.insert(next.clone()) {
                return Err(Stop::Later(
                    None,
                    "the pages of a meeting's invitees go round in a circle".into(),
                ));
            }
            page = Some(next);
        }
    }

    /// Asks with the token that lives now, and again after a short wait where told to.
    async fn ask(&self, question: Question<'_>, page: Option<&str>) -> Result<ListPage, Stop> {
        let mut waits = 0;
        loop {
            let now = self.services.adapters.clock.now();
            let living = self.cell.living(now).filter(|living| living.grant_id == self.grant);
            let living = living.ok_or(Stop::NoToken)?;
            let caller = Caller { rate_key: &self.rate_key, token: &living.token };
            let error = match self.call(caller, question, page).await {
                Ok(page) => {
                    self.cell.accepted();
                    return Ok(page);
                }
                Err(error) => error,
            };
            match error.class {
                ApiErrorClass::Throttled(wait) => {
                    let wait = wait.unwrap_or(Duration::from_secs(60));
                    waits += 1;
                    if waits > MOST_WAITS || wait > LONGEST_WAIT {
                        return Err(Stop::Later(Some(wait), error.to_string().into()));
                    }
                    sleep(wait).await;
                }
                ApiErrorClass::Unauthenticated => {
                    let renewed = self.cell.read(|c| c.generation) > living.generation;
                    if !renewed {
                        self.cell.reject(living.generation, now);
                        return Err(Stop::Rejected);
                    }
                    waits += 1;
                    if waits > MOST_WAITS {
                        return Err(Stop::Rejected);
                    }
                }
                ApiErrorClass::InsufficientScope(scopes) => {
                    return Err(Stop::NotAllowed(format!("missing_scopes={}", scopes.join(" ")).into()));
                }
                ApiErrorClass::NotFound => return Err(Stop::NotFound(error.detail.into())),
                ApiErrorClass::PermissionDenied => {
                    return Err(Stop::NotAllowed(format!("permission_denied: {}", error.detail).into()));
                }
                ApiErrorClass::InvalidRequest => return Err(Stop::Invalid(error)),
                ApiErrorClass::AlreadyExists | ApiErrorClass::Unavailable | ApiErrorClass::Unreadable => {
                    return Err(Stop::Later(None, error.to_string().into()));
                }
            }
        }
    }

    async fn call(
        &self,
        caller: Caller<'_>,
        question: Question<'_>,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        let meetings = &self.services.adapters.meetings;
        match question {
            Question::Scheduled(from) => {
                let (owner, max_start_time, status) = (self.owner, None, None);
                let query = MeetingsQuery { owner, min_start_time: from, max_start_time, status };
                meetings.scheduled_events(caller, query, page).await
            }
            Question::Invitees(of) => meetings.invitees(caller, of, page).await,
        }
    }
}

/// Those who read for a group: one after another, as far as they may not.
pub(super) struct Askers {
    left: VecDeque<Arc<Cell>>,
    /// Those who may not, and why.
    pub(super) barred: Vec<Barred>,
    without_token: bool,
}

/// A connection whose token does not do.
#[derive(Debug)]
pub(super) struct Barred {
    pub(super) cell: Arc<Cell>,
    pub(super) grant: GrantId,
    pub(super) reason: Box<str>,
}

/// Why nothing more is done for a group now.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody may.
    NotAllowed,
    /// Again later.
    Later(Option<Duration>, Box<str>),
}

impl Askers {
    pub(super) fn new(cells: impl IntoIterator<Item = Arc<Cell>>) -> Self {
        let left = cells.into_iter().take(MOST_ASKERS).collect();
        Self { left, barred: vec![], without_token: false }
    }

    /// The next one who may.
    pub(super) fn next(&mut self, services: &Services) -> Result<Arc<Cell>, End> {
        while let Some(cell) = self.left.pop_front() {
            let (grant, scope) = cell.read(|c| (c.grant_id, c.scope.clone()));
            let missing = missing_for_webhooks(scope.as_deref(), ["invitee.created"]);
            if missing.iter().any(|scope| scope == NEEDED) {
                self.barred.push(Barred { cell, grant, reason: format!("missing_scopes={NEEDED}").into() });
            } else if cell.living(services.adapters.clock.now()).is_none() {
                self.without_token = true;
            } else {
                return Ok(cell);
            }
        }
        if self.without_token {
            return Err(End::Later(Some(AFTER_REFRESH), "there is no token to ask with".into()));
        }
        Err(End::NotAllowed)
    }

    /// What follows from an early end; nothing where the next one is to try.
    pub(super) fn stopped(&mut self, cell: &Arc<Cell>, grant: GrantId, stop: Stop) -> Option<End> {
        match stop {
            // Of a list: its owner is not there for this token.
            Stop::NotAllowed(reason) | Stop::NotFound(reason) => {
                self.barred.push(Barred { cell: cell.clone(), grant, reason });
                None
            }
            Stop::NoToken => {
                self.without_token = true;
                None
            }
            Stop::Rejected => {
                Some(End::Later(Some(AFTER_REFRESH), "Calendly refused the access token".into()))
            }
            Stop::Invalid(error) => Some(End::Later(Some(INVALID_AGAIN), error.to_string().into())),
            Stop::Later(after, why) => Some(End::Later(after, why)),
        }
    }
}
