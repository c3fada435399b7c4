//! `/scheduled_events`: the list, one of them, its invitees, one of those. How they are shown is `view`.

use chrono::DateTime;
use serde_json::{Value, json};

use super::view;
use crate::simulator::answer::Answer;
use crate::simulator::api::{Caller, admit};
use crate::simulator::call::{Call, Form};
use crate::simulator::errors::{self, Denial, Detail};
use crate::simulator::paging::{self, Key};
use crate::simulator::seed::Role;
use crate::simulator::state::State;
use crate::simulator::time;

type Refused<T> = Result<T, Box<Answer>>;

pub(crate) fn list(state: &mut State, call: &Call) -> Answer {
    admitted(state, call, listed)
}

pub(crate) fn get(state: &mut State, call: &Call) -> Answer {
    admitted(state, call, |state, call, caller| {
        let number = visible(state, &call.id, caller)?;
        Ok(Answer::json(200, &json!({"resource": view::meeting(state, number)})))
    })
}

pub(crate) fn list_invitees(state: &mut State, call: &Call) -> Answer {
    admitted(state, call, listed_invitees)
}

pub(crate) fn get_invitee(state: &mut State, call: &Call) -> Answer {
    admitted(state, call, |state, call, caller| {
        let (meeting, invitee) = call.id.split_once("/invitees/").unwrap_or_default();
        let number = visible(state, meeting, caller)?;
        let found = state.meetings.find_invitee(invitee);
        let invitee = found.filter(|found| state.meetings.invitee(*found).meeting == number);
        let invitee = invitee.ok_or_else(|| Box::new(errors::not_found()))?;
        Ok(Answer::json(200, &json!({"resource": view::invitee(state, invitee)})))
    })
}

fn admitted(
    state: &mut State,
    call: &Call,
    answer: impl FnOnce(&State, &Call, Caller) -> Refused<Answer>,
) -> Answer {
    let caller = match admit(state, call, "scheduled_events:read") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    answer(state, call, caller).unwrap_or_else(|refusal| *refusal).with(caller.allowance)
}

/// A meeting that the caller may look at.
fn visible(state: &State, uuid: &str, caller: Caller) -> Refused<u32> {
    let number = state.meetings.find(uuid).ok_or_else(|| Box::new(errors::not_found()))?;
    let meeting = state.meetings.meeting(number);
    let leads = meeting.organization == caller.organization && leads(state, caller);
    if leads || meeting.hosts.contains(&caller.user) {
        return Ok(number);
    }
    Err(Box::new(errors::permission_denied(Denial::Event)))
}

fn leads(state: &State, caller: Caller) -> bool {
    state.users[caller.user as usize].role != Role::User
}

fn listed(state: &State, call: &Call, caller: Caller) -> Refused<Answer> {
    let parameters = call.parameters();
    let invalid = |details: &[Detail]| Box::new(errors::invalid_argument(details));
    let wanted = Wanted::read(&parameters).map_err(|details| invalid(&details))?;
    let mut keys: Vec<Key> = whose(state, &parameters, caller)?
        .iter()
        .map(|number| (*number, state.meetings.meeting(*number)))
        .filter(|(_, meeting)| (wanted.min..=wanted.max).contains(&meeting.start))
        .filter(|(_, meeting)| {
            wanted.status.is_none_or(|status| status == view::status(meeting.cancellation.as_ref()))
        })
        .filter(|(_, meeting)| {
            let mut invitees = meeting.invitees.iter();
            let address = |invitee: &u32| view::email(&state.meetings.invitee(*invitee).name);
            wanted.email.is_none_or(|email| invitees.any(|invitee| address(invitee) == email))
        })
        .map(|(number, meeting)| (meeting.start, number))
        .collect();
    keys.sort_unstable();
    answered(state, &parameters, keys, wanted.descending, "scheduled_events", view::meeting)
}

/// The meetings of whom the parameters name, as far as the caller may see them.
fn whose(state: &State, parameters: &Form<'_>, caller: Caller) -> Refused<Vec<u32>> {
    let denied = |denial| Box::new(errors::permission_denied(denial));
    let user = parameters.get("user").map(|uri| state.find_user(uri));
    let Some(organization) = parameters.get("organization") else {
        return match user {
            Some(Some(user)) if user == caller.user => Ok(state.meetings.of_host(user).to_vec()),
            Some(Some(user)) if state.users[user as usize].organization == caller.organization => {
                Err(denied(Denial::AlsoOrganization))
            }
            Some(_) => Err(denied(Denial::NotYours)),
            // Groups of users are not simulated: nobody has one.
            None if parameters.get("group").is_some() => Err(denied(Denial::NotYours)),
            None => {
                let detail = ("user", "user, organization or group must be given".to_owned());
                Err(Box::new(errors::invalid_argument(&[detail])))
            }
        };
    };
    if state.find_organization(organization) != Some(caller.organization) || !leads(state, caller) {
        return Err(denied(Denial::Resource));
    }
    match user {
        None => Ok(state.meetings.of_organization(caller.organization).to_vec()),
        Some(Some(user)) if state.users[user as usize].organization == caller.organization => {
            Ok(state.meetings.of_host(user).to_vec())
        }
        Some(_) => Err(denied(Denial::NotInOrganization)),
    }
}

fn listed_invitees(state: &State, call: &Call, caller: Caller) -> Refused<Answer> {
    let number = visible(state, &call.id, caller)?;
    let parameters = call.parameters();
    let mut details = Vec::new();
    let status = status(&parameters, &mut details);
    let descending = descending(&parameters, "created_at", &mut details);
    if !details.is_empty() {
        return Err(Box::new(errors::invalid_argument(&details)));
    }
    let email = parameters.get("email");
    let invitees = state.meetings.meeting(number).invitees.iter();
    let keys: Vec<Key> = invitees
        .map(|number| (*number, state.meetings.invitee(*number)))
        .filter(|(_, invitee)| {
            status.is_none_or(|status| status == view::status(invitee.cancellation.as_ref()))
        })
        .filter(|(_, invitee)| email.is_none_or(|email| view::email(&invitee.name) == email))
        // Numbers are given in the order of creation.
        .map(|(number, _)| (0, number))
        .collect();
    let path = format!("scheduled_events/{}/invitees", call.id);
    answered(state, &parameters, keys, descending, &path, view::invitee)
}

/// One page of what stands in ascending order.
fn answered(
    state: &State,
    parameters: &Form<'_>,
    mut keys: Vec<Key>,
    descending: bool,
    path: &str,
    show: fn(&State, u32) -> Value,
) -> Refused<Answer> {
    if descending {
        keys.reverse();
    }
    let lifetime = state.options.page_token_lifetime;
    let page = paging::page(&keys, parameters, descending, lifetime, time::now())
        .map_err(|detail| Box::new(errors::invalid_argument(&[detail])))?;
    let collection: Vec<Value> = page.items.iter().map(|(_, number)| show(state, *number)).collect();
    let pagination = page.pagination(&format!("{}/{path}", state.base), parameters);
    Ok(Answer::json(200, &json!({"collection": collection, "pagination": pagination})))
}

/// Which meetings a list is to have.
struct Wanted<'a> {
    status: Option<&'a str>,
    email: Option<&'a str>,
    min: i64,
    max: i64,
    descending: bool,
}

impl<'a> Wanted<'a> {
    fn read(parameters: &'a Form<'_>) -> Result<Self, Vec<Detail>> {
        let mut details = Vec::new();
        let mut moment = |name: &'static str, unset: i64| match parameters.get(name) {
            None => unset,
            Some(text) => match DateTime::parse_from_rfc3339(text) {
                Ok(moment) => moment.timestamp_micros(),
                Err(_) => {
                    details.push((name, "is not a valid date-time".into()));
                    unset
                }
            },
        };
        let (min, max) = (moment("min_start_time", i64::MIN), moment("max_start_time", i64::MAX));
        let status = status(parameters, &mut details);
        let descending = descending(parameters, "start_time", &mut details);
        let email = parameters.get("invitee_email");
        if details.is_empty() { Ok(Self { status, email, min, max, descending }) } else { Err(details) }
    }
}

fn status<'a>(parameters: &'a Form<'_>, details: &mut Vec<Detail>) -> Option<&'a str> {
    let status = parameters.get("status");
    if status.is_some_and(|status| !matches!(status, "active" | "canceled")) {
        details.push(("status", "must be one of: active, canceled".into()));
    }
    status
}

/// Whether the newest come first; only `field` can be sorted by.
fn descending(parameters: &Form<'_>, field: &str, details: &mut Vec<Detail>) -> bool {
    match parameters.get("sort").map(|sort| sort.strip_prefix(field).unwrap_or("unknown")) {
        None | Some("" | ":asc") => false,
        Some(":desc") => true,
        Some(_) => {
            details.push(("sort", format!("must be {field}:asc or {field}:desc")));
            false
        }
    }
}
