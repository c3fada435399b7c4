//! What every call of the API goes through first: the access token, the limit a minute, the scope.

use super::answer::Answer;
use super::call::Call;
use super::errors;
use super::grants::AccessTokenState;
use super::ledger::AccessUse;
use super::limits::Allowance;
use super::scopes;
use super::seed::Plan;
use super::state::State;
use super::time;

/// Whom the access token speaks for.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub user: u32,
    pub grant: u32,
    pub organization: u32,
    pub allowance: Allowance,
}

/// What a caller nobody knows is told: the documented limit of a paid plan.
pub(super) const STRANGER: u32 = 500;

pub(super) fn admit(state: &mut State, call: &Call, scope: &'static str) -> Result<Caller, Box<Answer>> {
    let now = time::now();
    let token = call.bearer().unwrap_or_default();
    let (worth, name) = state.access_token(token, now);
    let user = name.map(|name| state.grants[name.grant as usize].user);
    state.ledger.access(AccessUse { at: now, endpoint: call.endpoint, user, name, state: worth });
    let (Some(name), Some(user), AccessTokenState::Valid) = (name, user, worth) else {
        return Err(Box::new(errors::unauthenticated(worth)));
    };
    let (rotation, old_access) = (state.options.rotation, state.options.old_access_token);
    state.grants[name.grant as usize].access_used(name.generation, now, rotation, old_access);

    let limit = state.request_limit(user);
    let entry = &mut state.users[user as usize];
    let taken = entry.requests.take(limit, now);
    let allowance = match (limit, entry.plan) {
        (0, Plan::Paid) => Allowance::untouched(STRANGER),
        (0, _) => Allowance::untouched(50),
        _ => entry.requests.allowance(limit, now),
    };
    let organization = entry.organization;
    if !taken {
        state.ledger.counters.requests_throttled += 1;
        return Err(Box::new(errors::too_many_requests().with(allowance)));
    }
    if !scopes::holds(&state.grants[name.grant as usize].scope, scope) {
        return Err(Box::new(errors::insufficient_scope(&[scope]).with(allowance)));
    }
    Ok(Caller { user, grant: name.grant, organization, allowance })
}
