//! The meetings of a [`FakeCalendly`]: booked, cancelled and listed as Calendly does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::ports::{ApiError, ApiErrorClass, Caller, ListPage, Meetings, MeetingsQuery};
use calendly_keeper::runtime::sleep;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::fake_calendly::{FakeCalendly, failed, user_uri};

/// A page token is not taken any more so many seconds later.
const STALE: i64 = 60;

/// What is in everybody's calendar, and what was asked about it.
pub(crate) struct Agenda {
    meetings: BTreeMap<String, Meeting>,
    /// So many in a page.
    pub(crate) page: usize,
    /// Calls that fail, one after another.
    pub(crate) troubles: VecDeque<ApiErrorClass>,
    /// How long an answer takes.
    pub(crate) takes: Duration,
    /// When each list began whose page was asked for, and whether it was a later page of one.
    pub(crate) lists: Vec<(DateTime<Utc>, bool)>,
    /// Whose invitees were asked for.
    pub(crate) looked_into: Vec<String>,
    /// Only these users may read an organization's.
    pub(crate) admins: Option<Vec<String>>,
    /// Meetings are listed, and nobody may see their invitees.
    pub(crate) hides_invitees: bool,
}

struct Meeting {
    scheduled: Value,
    starts_at: DateTime<Utc>,
    invitees: Vec<Value>,
}

impl Default for Agenda {
    fn default() -> Self {
        Self {
            meetings: BTreeMap::new(),
            page: 100,
            troubles: VecDeque::new(),
            takes: Duration::ZERO,
            lists: vec![],
            looked_into: vec![],
            admins: None,
            hides_invitees: false,
        }
    }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn uri_of(name: &str) -> String {
    format!("https://api.calendly.com/scheduled_events/{name}")
}

impl Agenda {
    /// Somebody books a meeting with a user.
    pub(crate) fn book(&mut self, user: &str, name: &str, starts_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.plan(user, name, starts_at, now, 1);
        self.attend(name, "I1", now);
    }

    /// A meeting to which `limit` may come.
    pub(crate) fn plan(
        &mut self,
        user: &str,
        name: &str,
        starts_at: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: u32,
    ) {
        let scheduled = json!({
            "uri": uri_of(name), "name": name, "status": "active", "start_time": text(starts_at),
            "created_at": text(now), "updated_at": text(now),
            "invitees_counter": {"total": 1, "active": 1, "limit": limit},
            "event_memberships": [{"user": user_uri(user)}],
        });
        self.meetings.insert(name.into(), Meeting { scheduled, starts_at, invitees: vec![] });
    }

    /// One more comes; the meeting itself says nothing of it.
    pub(crate) fn attend(&mut self, name: &str, who: &str, now: DateTime<Utc>) {
        let invitee = json!({
            "uri": format!("{}/invitees/{who}", uri_of(name)), "event": uri_of(name), "status": "active",
            "created_at": text(now), "updated_at": text(now), "email": "guest@example.com",
        });
        self.meeting(name).invitees.push(invitee);
    }

    /// The meeting is off.
    pub(crate) fn cancel(&mut self, name: &str, now: DateTime<Utc>) {
        let meeting = self.meeting(name);
        meeting.scheduled["status"] = "canceled".into();
        meeting.scheduled["updated_at"] = text(now).into();
        let invitees = meeting.invitees.len();
        (0..invitees).for_each(|place| self.leave(name, place, now));
    }

    /// One of those who come does not.
    pub(crate) fn leave(&mut self, name: &str, place: usize, now: DateTime<Utc>) {
        let invitee = &mut self.meeting(name).invitees[place];
        invitee["status"] = "canceled".into();
        invitee["cancellation"] = json!({"canceled_by": "Guest", "created_at": text(now)});
        invitee["updated_at"] = text(now).into();
    }

    /// The body that a delivery of its first invitee's booking has.
    pub(crate) fn delivery(&self, user: &str, name: &str) -> Vec<u8> {
        let meeting = &self.meetings[name];
        let mut payload = meeting.invitees[0].clone();
        payload["scheduled_event"] = meeting.scheduled.clone();
        let body = json!({
            "event": "invitee.created", "created_at": meeting.scheduled["created_at"],
            "created_by": user_uri(user), "payload": payload,
        });
        body.to_string().into_bytes()
    }

    fn meeting(&mut self, name: &str) -> &mut Meeting {
        self.meetings.get_mut(name).unwrap()
    }

    fn listed(&self, query: &MeetingsQuery<'_>) -> Vec<Value> {
        let is_of = |scheduled: &Value| {
            let host = scheduled["event_memberships"][0]["user"].as_str();
            query.owner.user.is_none() || host == query.owner.user.as_deref()
        };
        let all = self.meetings.values().filter(|meeting| is_of(&meeting.scheduled));
        let mut found: Vec<_> = all.filter(|meeting| meeting.starts_at >= query.min_start_time).collect();
        found.sort_by_key(|meeting| meeting.starts_at);
        found.into_iter().map(|meeting| meeting.scheduled.clone()).collect()
    }
}

/// Some of a list from a token on, which says where it goes on and when it was given.
fn page_of(
    all: Vec<Value>,
    size: usize,
    token: Option<&str>,
    now: DateTime<Utc>,
) -> Result<ListPage, ApiError> {
    let from = match token {
        None => 0,
        Some(token) => {
            let (place, at) = token.split_once('@').unwrap();
            if now.timestamp() - at.parse::<i64>().unwrap() > STALE {
                return Err(failed(ApiErrorClass::InvalidRequest, "list"));
            }
            place.parse().unwrap()
        }
    };
    let next = (all.len() > from + size).then(|| format!("{}@{}", from + size, now.timestamp()).into());
    Ok(ListPage { items: all.into_iter().skip(from).take(size).collect(), next })
}

impl FakeCalendly {
    async fn asked(&self, caller: Caller<'_>, call: &'static str) -> Result<String, ApiError> {
        let takes = self.book().agenda.takes;
        if !takes.is_zero() {
            sleep(takes).await;
        }
        let trouble = self.book().agenda.troubles.pop_front();
        match trouble {
            Some(class) => Err(failed(class, call)),
            None => self.authorize(caller, call),
        }
    }
}

#[async_trait]
impl Meetings for FakeCalendly {
    async fn scheduled_events(
        &self,
        caller: Caller<'_>,
        query: MeetingsQuery<'_>,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        let user = self.asked(caller, "scheduled_events").await?;
        let now = self.time();
        let mut book = self.book();
        let agenda = &mut book.agenda;
        let may = |admins: &Vec<String>| admins.iter().any(|admin| user_uri(admin) == user);
        match &query.owner.user {
            Some(asked) if *user != **asked => return Err(failed(ApiErrorClass::PermissionDenied, "list")),
            None if !agenda.admins.as_ref().is_none_or(may) => {
                return Err(failed(ApiErrorClass::PermissionDenied, "list"));
            }
            _ => {}
        }
        agenda.lists.push((query.min_start_time, page.is_some()));
        page_of(agenda.listed(&query), agenda.page, page, now)
    }

    async fn invitees(
        &self,
        caller: Caller<'_>,
        scheduled_event: &str,
        page: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        self.asked(caller, "invitees").await?;
        let now = self.time();
        let mut book = self.book();
        let agenda = &mut book.agenda;
        let name = scheduled_event.rsplit('/').next().unwrap();
        agenda.looked_into.push(name.into());
        if agenda.hides_invitees {
            return Err(failed(ApiErrorClass::PermissionDenied, "invitees"));
        }
        let Some(meeting) = agenda.meetings.get(name) else {
            return Err(failed(ApiErrorClass::NotFound, "invitees"));
        };
        page_of(meeting.invitees.clone(), agenda.page, page, now)
    }
}
