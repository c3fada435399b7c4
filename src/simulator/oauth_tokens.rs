//! `/oauth/revoke` and `/oauth/introspect`: what a token is worth, and the end of it.

use serde_json::json;

use super::answer::Answer;
use super::call::{Call, Form};
use super::errors;
use super::grants::{AccessTokenState, RefreshTokenState};
use super::oauth::client_is_known;
use super::state::State;
use super::time::{self, SECOND};

/// The first of the required fields that is not there; HTTP Basic stands for the credentials.
fn missing(call: &Call, form: &Form<'_>, native: bool) -> Option<&'static str> {
    let required: &[&str] = match call.basic() {
        Some(_) => &["token"],
        None if native => &["client_id", "token"],
        None => &["client_id", "client_secret", "token"],
    };
    required.iter().copied().find(|name| form.get(name).is_none())
}

/// Ends the pair that the token belongs to, and the grant when no living refresh token remains.
pub(super) fn revoke(state: &mut State, call: &Call) -> Answer {
    let form = call.form();
    if let Some(name) = missing(call, &form, state.options.native_app) {
        return errors::missing_parameter(name);
    }
    if !client_is_known(state, call, &form) {
        return errors::may_not_revoke();
    }
    let now = time::now();
    let token = form.get("token").unwrap_or_default();
    let found = state.refresh_token(token).1.or_else(|| state.access_token(token, now).1);
    if let Some(name) = found {
        let grant = &mut state.grants[name.grant as usize];
        if let Some(pair) = grant.pair_mut(name.generation) {
            pair.access_revoked = true;
            pair.spend(now);
        }
        if grant.living().is_empty() {
            state.revoke_grant(name.grant, "revocation");
        }
    }
    Answer::json(200, &json!({}))
}

pub(super) fn introspect(state: &mut State, call: &Call) -> Answer {
    let form = call.form();
    if let Some(name) = missing(call, &form, state.options.native_app) {
        return errors::missing_parameter(name);
    }
    if !client_is_known(state, call, &form) {
        return errors::invalid_client();
    }
    let token = form.get("token").unwrap_or_default();
    let (access, access_name) = state.access_token(token, time::now());
    let (refresh, refresh_name) = state.refresh_token(token);
    let is_access = access == AccessTokenState::Valid;
    let name = if is_access { access_name } else { refresh_name };
    let found = name.filter(|_| is_access || refresh == RefreshTokenState::Living);
    let Some(pair) = found.and_then(|name| state.pair_text(name)) else {
        return Answer::json(200, &json!({"active": false}));
    };
    let mut body = json!({
        "active": true,
        "scope": &*pair.scope,
        "client_id": state.options.client_id,
        "token_type": if is_access { "Bearer" } else { "refresh_token" },
        "iat": state.shown(pair.issued_at).div_euclid(SECOND),
        "owner": pair.owner,
        "organization": pair.organization,
    });
    if is_access {
        body["exp"] = json!(state.shown(pair.expires_at).div_euclid(SECOND));
    }
    Answer::json(200, &body)
}
