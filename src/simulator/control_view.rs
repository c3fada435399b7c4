//! What the control API shows: users and their grants, the worth of tokens, the ledger, the switches.
//! It changes nothing, and shows fingerprints where a token is not asked for by itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use super::SimulatorError;
use super::call::Call;
use super::grants::Grant;
use super::ledger_view::{self, Selection};
use super::shared::Shared;
use super::state::State;
use super::time;
use super::tokens::{TokenName, fingerprint};

/// Ledger entries of each kind that are shown unless asked otherwise.
const NEWEST: usize = 1000;

pub(super) fn health(shared: &Shared) -> Value {
    let seed = shared.faults(|faults| faults.seed());
    let state = shared.state();
    json!({
        "url": state.base,
        "client_id": state.options.client_id,
        "seed": seed,
        "users": state.users.len(),
        "held": shared.held(),
    })
}

pub(super) fn shown_user(state: &State, number: u32) -> Value {
    let user = &state.users[number as usize];
    let rate = state.ledger.users.get(number as usize).copied().unwrap_or_default();
    let grants = user.grants.iter();
    json!({
        "name": user.name,
        "uri": state.user_uri(number),
        "organization": state.organization_uri(user.organization),
        "plan": user.plan,
        "role": user.role,
        "scope": &*user.scope,
        "requests": rate.requests,
        "peak_per_second": rate.peak,
        "grants": grants.map(|grant| shown_grant(state, *grant)).collect::<Vec<_>>(),
        "subscriptions": state.subscriptions_of(number),
    })
}

fn shown_grant(state: &State, number: u32) -> Value {
    let grant: &Grant = &state.grants[number as usize];
    let generation = grant.current();
    let pair = grant.pair(generation);
    let prints = grant.living().into_iter().map(|generation| {
        let token = state.text.refresh(TokenName { grant: number, generation });
        json!({"generation": generation, "fingerprint": fingerprint(&token)})
    });
    json!({
        "grant": number,
        "revoked": grant.revoked,
        "scope": &*grant.scope,
        "generation": generation,
        "rotations": grant.rotations,
        "reused": grant.reused,
        "expires_at": pair.map(|pair| time::date_time(pair.expires_at)),
        "answer_whole": pair.map(|pair| pair.whole.load(std::sync::atomic::Ordering::Acquire)),
        "living_refresh_tokens": prints.collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckBody {
    refresh_token: Option<String>,
    access_token: Option<String>,
}

pub(super) fn check(state: &State, body: &CheckBody) -> Value {
    let refresh = body.refresh_token.as_deref();
    let access = body.access_token.as_deref();
    json!({
        "refresh_token": refresh.map(|token| state.refresh_token(token).0),
        "facts": refresh.and_then(|token| state.refresh_token_facts(token)),
        "access_token": access.map(|token| state.access_token(token, time::now()).0),
    })
}

pub(super) fn ledger(state: &State, call: &Call) -> Result<Value> {
    let parameters = call.parameters();
    let newest = match parameters.get("newest").map(str::parse) {
        None => NEWEST,
        Some(Ok(newest)) => newest,
        Some(Err(_)) => return Err(SimulatorError::Invalid("newest: not a number, use 0 or more".into())),
    };
    let user = parameters.get("user").map(|user| state.user_or_error(user)).transpose()?;
    Ok(json!(ledger_view::view(state, Selection { newest, user })))
}

pub(super) fn shown_options(state: &State) -> Value {
    let mut options = json!(state.options);
    if let Some(options) = options.as_object_mut() {
        options.remove("client_secret");
    }
    if let Some(deliveries) = options["deliveries"].as_object_mut() {
        deliveries.remove("signing_key");
    }
    options
}
