//! `/webhook_subscriptions`: list, get and delete, and how one is shown. Creation stands in `webhook_create`.

use hyper::header::LOCATION;
use serde_json::{Value, json};

use super::answer::Answer;
use super::api::{Caller, admit};
use super::call::{Call, Form};
use super::errors::{self, Denial, Detail};
use super::paging;
use super::seed::Role;
use super::state::State;
use super::subscriptions::{Subscription, SubscriptionScope};
use super::time;

pub(super) fn shown(state: &State, entry: &Subscription) -> Value {
    let user = matches!(entry.scope, SubscriptionScope::User).then(|| state.user_uri(entry.creator));
    let callback_url = match url::Url::parse(&entry.url) {
        Ok(parsed) if state.options.normalise_callback_url => parsed.to_string(),
        _ => entry.url.to_string(),
    };
    json!({
        "uri": state.subscription_uri(entry.uuid),
        "callback_url": callback_url,
        "created_at": time::written(state.shown(entry.created_at)),
        "updated_at": time::written(state.shown(entry.updated_at)),
        "retry_started_at": entry.retry_started_at.map(time::written),
        "state": if entry.disabled { "disabled" } else { "active" },
        "events": entry.events,
        "scope": entry.scope.text(),
        "organization": state.organization_uri(entry.organization),
        "user": user,
        "group": null,
        "creator": state.user_uri(entry.creator),
    })
}

pub(super) fn created(state: &State, entry: &Subscription) -> Answer {
    let uri = state.subscription_uri(entry.uuid);
    Answer::json(201, &json!({"resource": shown(state, entry)})).header(LOCATION, &uri)
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let caller = match admit(state, call, "webhooks:read") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    list_for(state, call, caller).with(caller.allowance)
}

fn list_for(state: &State, call: &Call, caller: Caller) -> Answer {
    let parameters = call.parameters();
    let (wanted, descending) = match wanted(&parameters) {
        Ok(wanted) => wanted,
        Err(details) => return errors::invalid_argument(&details),
    };
    let organization = parameters.get("organization").and_then(|uri| state.find_organization(uri));
    if organization != Some(caller.organization) {
        return errors::permission_denied(Denial::NotYours);
    }
    if wanted == "organization" && state.users[caller.user as usize].role == Role::User {
        return errors::permission_denied(Denial::Resource);
    }
    if wanted == "user" {
        let user = parameters.get("user").and_then(|uri| state.find_user(uri));
        if user != Some(caller.user) {
            return errors::permission_denied(Denial::Unauthorized);
        }
    }
    let of_organization = state.subscriptions.of_organization(caller.organization);
    let mut all: Vec<paging::Key> = of_organization
        .filter(|(_, entry)| {
            entry.scope.text() == wanted
                && (entry.scope == SubscriptionScope::Organization || entry.creator == caller.user)
        })
        // Numbers are given in the order of creation.
        .map(|(number, _)| (0, number))
        .collect();
    if descending {
        all.reverse();
    }
    let lifetime = state.options.page_token_lifetime;
    let page = match paging::page(&all, &parameters, descending, lifetime, time::now()) {
        Ok(page) => page,
        Err(detail) => return errors::invalid_argument(&[detail]),
    };
    let shown_items = page.items.iter().filter_map(|(_, number)| state.subscriptions.get(*number));
    let collection: Vec<Value> = shown_items.map(|entry| shown(state, entry)).collect();
    let path = format!("{}/webhook_subscriptions", state.base);
    Answer::json(200, &json!({"collection": collection, "pagination": page.pagination(&path, &parameters)}))
}

/// The scope to list and whether newest first, or what is wrong with the parameters.
fn wanted<'a>(parameters: &'a Form<'_>) -> Result<(&'a str, bool), Vec<Detail>> {
    let mut details = Vec::new();
    let scope = parameters.get("scope").unwrap_or_default();
    match scope {
        "" => details.push(("scope", "is missing".into())),
        "user" | "group" if parameters.get(scope).is_none() => {
            details.push((if scope == "user" { "user" } else { "group" }, "is missing".into()));
        }
        "user" | "group" | "organization" => {}
        _ => details.push(("scope", "must be one of: organization, user, group".into())),
    }
    if parameters.get("organization").is_none() {
        details.push(("organization", "is missing".into()));
    }
    let descending = match parameters.get("sort") {
        None | Some("created_at:asc") => false,
        Some("created_at:desc") => true,
        Some(_) => {
            details.push(("sort", "must be created_at:asc or created_at:desc".into()));
            false
        }
    };
    if details.is_empty() { Ok((scope, descending)) } else { Err(details) }
}

pub(super) fn get(state: &mut State, call: &Call) -> Answer {
    let caller = match admit(state, call, "webhooks:read") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let answer = match find(state, call, caller) {
        Ok((_, entry)) => Answer::json(200, &json!({"resource": shown(state, entry)})),
        Err(refusal) => *refusal,
    };
    answer.with(caller.allowance)
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let caller = match admit(state, call, "webhooks:write") {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let answer = match find(state, call, caller).map(|(number, _)| number) {
        Ok(number) => {
            state.delete_subscription(number, "api", Some(caller.user));
            Answer::empty(204)
        }
        Err(refusal) => *refusal,
    };
    answer.with(caller.allowance)
}

fn find<'a>(state: &'a State, call: &Call, caller: Caller) -> Result<(u32, &'a Subscription), Box<Answer>> {
    let number = state.subscriptions.find(&call.id);
    let found = number.and_then(|number| Some((number, state.subscriptions.get(number)?)));
    let Some((number, entry)) = found else {
        return Err(Box::new(errors::not_found()));
    };
    let denial = match entry.scope {
        _ if entry.organization != caller.organization => Some(Denial::Resource),
        SubscriptionScope::User if entry.creator != caller.user => Some(Denial::NotYours),
        SubscriptionScope::Organization if state.users[caller.user as usize].role == Role::User => {
            Some(Denial::Resource)
        }
        _ => None,
    };
    match denial {
        Some(denial) => Err(Box::new(errors::permission_denied(denial))),
        None => Ok((number, entry)),
    }
}
