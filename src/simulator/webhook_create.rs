//! `POST /webhook_subscriptions`: what a sound request is, who may, and whether the URL is free.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::api::{Caller, admit};
use super::call::Call;
use super::errors::{self, Denial, Detail};
use super::ledger::Change;
use super::options::MissingEventScope;
use super::scopes;
use super::seed::{Plan, Role};
use super::state::State;
use super::subscriptions::{Subscription, SubscriptionScope};
use super::time;
use super::webhooks::created;

/// A request that is well formed.
struct Wanted {
    url: String,
    events: Vec<String>,
    scope: SubscriptionScope,
    organization: String,
    user: Option<String>,
    signing_key: Option<String>,
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let caller = match admit(state, call, "webhooks:write") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let answer = match wanted(&call.body) {
        Ok(wanted) => create_for(state, caller, wanted),
        Err(details) => errors::invalid_argument(&details),
    };
    answer.with(caller.allowance)
}

fn create_for(state: &mut State, caller: Caller, wanted: Wanted) -> Answer {
    if let Some(refusal) = refusal(state, caller, &wanted) {
        return refusal;
    }
    let width = state.options.unique_callback;
    if state.subscriptions.is_taken(&wanted.url, caller.user, caller.organization, width) {
        return errors::already_exists();
    }
    let Wanted { url, events, scope, signing_key, .. } = wanted;
    let url: Arc<str> = url.into();
    let number = add(state, caller.user, Some(caller.grant), url, events, scope, ("api", Some(caller.user)));
    if let Some(entry) = state.subscriptions.get_mut(number) {
        entry.signing_key = signing_key;
    }
    match state.subscriptions.get(number) {
        Some(entry) => created(state, entry),
        None => errors::not_found(),
    }
}

/// Makes a subscription without asking whether it may be made.
pub(super) fn add(
    state: &mut State,
    creator: u32,
    grant: Option<u32>,
    url: Arc<str>,
    events: Vec<String>,
    scope: SubscriptionScope,
    (by, user): (&'static str, Option<u32>),
) -> u32 {
    let now = time::now();
    let uuid = state.text.id("subscription", u64::from(state.subscriptions.next()));
    state.ledger.subscription(now, Change::Created, uuid, Arc::clone(&url), by, user);
    let organization = state.users[creator as usize].organization;
    state.subscriptions.insert(Subscription {
        uuid,
        url,
        events,
        scope,
        organization,
        creator,
        grant,
        disabled: false,
        created_at: now,
        updated_at: now,
        retry_started_at: None,
        signing_key: None,
        failing_since: None,
    })
}

/// Why this caller may not have it, if so.
fn refusal(state: &State, caller: Caller, wanted: &Wanted) -> Option<Answer> {
    let user = &state.users[caller.user as usize];
    if state.find_organization(&wanted.organization) != Some(caller.organization) {
        return Some(errors::permission_denied(Denial::Resource));
    }
    if wanted.scope == SubscriptionScope::Organization && user.role == Role::User {
        return Some(errors::permission_denied(Denial::Resource));
    }
    let named = wanted.user.as_deref().map(|uri| state.find_user(uri));
    if wanted.scope == SubscriptionScope::User && named != Some(Some(caller.user)) {
        return Some(errors::permission_denied(Denial::NotYours));
    }
    let events: Vec<_> = wanted.events.iter().filter_map(|name| scopes::event(name)).collect();
    let plan_refuses = match user.plan {
        Plan::Paid => false,
        Plan::Free => events.iter().any(|event| event.paid),
        Plan::FreeWithoutWebhooks => true,
    };
    if plan_refuses {
        return Some(errors::permission_denied(Denial::Plan));
    }
    let held = &state.grants[caller.grant as usize].scope;
    let mut missing: Vec<&str> =
        events.iter().map(|event| event.needs).filter(|needs| !scopes::holds(held, needs)).collect();
    missing.sort_unstable();
    missing.dedup();
    match state.options.missing_event_scope {
        _ if missing.is_empty() => None,
        MissingEventScope::Forbidden => Some(errors::insufficient_scope(&missing)),
        MissingEventScope::BadRequest => Some(errors::invalid_argument(&[])),
    }
}

fn wanted(body: &[u8]) -> Result<Wanted, Vec<Detail>> {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Err(vec![("body", "is not a JSON object".into())]);
    };
    let mut details = Vec::new();
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut required = |name: &'static str| {
        text(name).unwrap_or_else(|| {
            details.push((name, "is missing".into()));
            String::new()
        })
    };
    let (url, organization, scope) = (required("url"), required("organization"), required("scope"));
    let parsed = url::Url::parse(&url);
    let web = parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !url.is_empty() && !web {
        details.push(("url", "is not a valid URL".into()));
    }
    let scope = match scope.as_str() {
        "user" => Some(SubscriptionScope::User),
        "organization" => Some(SubscriptionScope::Organization),
        "" => None,
        _ => {
            details.push(("scope", "must be one of: organization, user".into()));
            None
        }
    };
    let user = text("user");
    if scope == Some(SubscriptionScope::User) && user.is_none() {
        details.push(("user", "is missing".into()));
    }
    let events = events(&members, scope, &mut details);
    match scope {
        Some(scope) if details.is_empty() => {
            let signing_key = text("signing_key");
            Ok(Wanted { url, events, scope, organization, user, signing_key })
        }
        _ => Err(details),
    }
}

fn events(
    members: &Map<String, Value>,
    scope: Option<SubscriptionScope>,
    details: &mut Vec<Detail>,
) -> Vec<String> {
    let names: Vec<String> = match members.get("events").and_then(Value::as_array) {
        Some(names) if !names.is_empty() => {
            names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
        }
        _ => {
            details.push(("events", "is missing".into()));
            return Vec::new();
        }
    };
    for name in &names {
        let fits = scopes::event(name).map(|event| match scope {
            Some(SubscriptionScope::User) => event.user,
            Some(SubscriptionScope::Organization) => event.organization,
            None => true,
        });
        match fits {
            Some(true) => {}
            Some(false) => details.push(("events", format!("{name} is not available in this scope"))),
            None => details.push(("events", format!("{name} is not an event"))),
        }
    }
    names
}
