//! The token endpoint: refresh tokens and authorization codes exchanged for pairs, by the rules of `grants`.
//! Revocation and introspection stand in `oauth_tokens`, the consent page in `authorize`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::call::{Call, Form};
use super::errors;
use super::grants::RefreshTokenState;
use super::ledger::{Issued, PresentationOutcome, Presented};
use super::limits::Allowance;
use super::options::Reuse;
use super::scopes;
use super::state::State;
use super::time::{self, SECOND};
use super::tokens::TokenName;

/// What a consent gave: good for one exchange, for ten minutes.
pub(super) struct Code {
    pub user: u32,
    pub redirect_uri: String,
    /// The S256 challenge, where PKCE was used.
    pub challenge: Option<String>,
    pub scope: std::sync::Arc<str>,
    pub expires_at: i64,
}

/// How a fault changes a token answer.
pub(super) struct Twist<'a> {
    pub set: &'a Map<String, Value>,
    pub remove: &'a [String],
    pub status: u16,
    pub spend: bool,
}

impl Twist<'_> {
    fn hides_refresh_token(&self) -> bool {
        self.remove.iter().any(|name| name == "refresh_token")
            || self.set.get("refresh_token").is_some_and(|value| value.as_str().is_none_or(str::is_empty))
    }
}

#[derive(Serialize)]
struct TokenBody<'a> {
    token_type: &'static str,
    access_token: &'a str,
    refresh_token: &'a str,
    expires_in: i64,
    created_at: i64,
    scope: &'a str,
    owner: &'a str,
    organization: &'a str,
}

pub(super) fn token(state: &mut State, call: &Call, twist: Option<&Twist<'_>>) -> Answer {
    let form = call.form();
    let Some(grant_type) = form.get("grant_type") else {
        return errors::missing_parameter("grant_type");
    };
    if !matches!(grant_type, "refresh_token" | "authorization_code") {
        return errors::unsupported_grant_type();
    }
    if !client_is_known(state, call, &form) {
        return errors::invalid_client();
    }
    if grant_type == "refresh_token" {
        let Some(token) = form.get("refresh_token") else {
            return errors::missing_parameter("refresh_token");
        };
        refresh(state, token, twist)
    } else {
        exchange_code(state, &form, twist)
    }
}

/// Client credentials by HTTP Basic or in the body; a native app has no secret.
pub(super) fn client_is_known(state: &mut State, call: &Call, form: &Form<'_>) -> bool {
    let options = &state.options;
    let known = match call.basic() {
        Some((id, secret)) => id == options.client_id && secret == options.client_secret,
        None => {
            let secret = form.get("client_secret");
            let secret_fits =
                secret == Some(&options.client_secret) || (options.native_app && secret.is_none());
            form.get("client_id") == Some(&options.client_id) && secret_fits
        }
    };
    if !known {
        state.ledger.counters.wrong_client_credentials += 1;
    }
    known
}

fn refresh(state: &mut State, token: &str, twist: Option<&Twist<'_>>) -> Answer {
    let now = time::now();
    let (worth, name) = state.refresh_token(token);
    let Some(name) = name else {
        state.ledger.presented(Presented {
            at: now,
            user: None,
            name: None,
            outcome: PresentationOutcome::Unknown,
            times: 1,
            after_whole_answer: false,
        });
        return errors::invalid_grant(state.options.invalid_grant_status);
    };
    let grant = &mut state.grants[name.grant as usize];
    let user = grant.user;
    let after_whole_answer = grant.answered_whole(name.generation);
    let times = grant.pair_mut(name.generation).map_or(1, |pair| {
        pair.presented += 1;
        pair.presented
    });
    let (outcome, made) = match worth {
        RefreshTokenState::Unknown => (PresentationOutcome::Unknown, None),
        RefreshTokenState::Revoked => (PresentationOutcome::GrantRevoked, None),
        RefreshTokenState::Spent => match grant.repeated(name.generation, now, state.options.repeat_pair) {
            Some(again) => (PresentationOutcome::RepeatedPair, Some(again)),
            None => {
                grant.reused += 1;
                (PresentationOutcome::Reused, None)
            }
        },
        RefreshTokenState::Living => {
            let options = &state.options;
            if state.users[user as usize].tokens.take(options.tokens_per_minute, now) {
                let keep = twist.is_some_and(|twist| !twist.spend && twist.hides_refresh_token());
                let (rotation, old) = (options.rotation, options.old_access_token);
                let lifetime = options.lifetime_of(name);
                let made = grant.rotate(name.generation, now, lifetime, rotation, old, keep);
                if &*grant.scope == scopes::LEGACY {
                    grant.scope = std::sync::Arc::clone(&state.users[user as usize].scope);
                }
                (PresentationOutcome::Rotated, Some(made))
            } else {
                (PresentationOutcome::Throttled, None)
            }
        }
    };
    state.ledger.presented(Presented {
        at: now,
        user: Some(user),
        name: Some(name),
        outcome,
        times,
        after_whole_answer,
    });
    match (outcome, made) {
        (_, Some(generation)) => {
            let made = TokenName { grant: name.grant, generation };
            issue(state, made, outcome != PresentationOutcome::RepeatedPair, now, twist)
        }
        (PresentationOutcome::Throttled, None) => throttled(state, user, now),
        (PresentationOutcome::Reused, None) if state.options.reuse == Reuse::RevokeGrant => {
            state.revoke_grant(name.grant, "revocation");
            errors::invalid_grant(state.options.invalid_grant_status)
        }
        _ => errors::invalid_grant(state.options.invalid_grant_status),
    }
}

fn exchange_code(state: &mut State, form: &Form<'_>, twist: Option<&Twist<'_>>) -> Answer {
    let now = time::now();
    let Some(text) = form.get("code") else {
        return errors::missing_parameter("code");
    };
    let verifier = form.get("code_verifier");
    let fits = state.codes.get(text).is_some_and(|code| {
        code.expires_at > now
            && form.get("redirect_uri") == Some(&code.redirect_uri)
            && match (code.challenge.as_deref(), verifier) {
                (None, None) => true,
                (Some(challenge), Some(verifier)) => {
                    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == challenge
                }
                // One without the other: somebody has cut PKCE off (RFC 9700, section 2.1.1).
                _ => false,
            }
    });
    let code = if fits { state.codes.remove(text) } else { None };
    let Some(code) = code else {
        state.ledger.counters.codes_refused += 1;
        return errors::invalid_grant(state.options.invalid_grant_status);
    };
    if !state.users[code.user as usize].tokens.take(state.options.tokens_per_minute, now) {
        let user = code.user;
        state.codes.insert(text.to_owned(), code);
        return throttled(state, user, now);
    }
    let made = state.add_grant(code.user, code.scope, state.options.expires_in, false);
    state.ledger.counters.codes_exchanged += 1;
    issue(state, made, true, now, twist)
}

fn issue(state: &mut State, made: TokenName, is_new: bool, now: i64, twist: Option<&Twist<'_>>) -> Answer {
    let Some(pair) = state.pair_text(made) else {
        return errors::invalid_grant(state.options.invalid_grant_status);
    };
    let user = state.grants[made.grant as usize].user;
    if is_new {
        let whole = std::sync::Arc::clone(&pair.whole);
        state.ledger.issued(Issued { at: now, expires_at: pair.expires_at, user, name: made, whole });
    }
    let body = TokenBody {
        token_type: "Bearer",
        access_token: &pair.access_token,
        refresh_token: &pair.refresh_token,
        // A repeated pair says what is left, not what there was.
        expires_in: (pair.expires_at - now).div_euclid(SECOND).max(0),
        created_at: state.shown(pair.issued_at).div_euclid(SECOND),
        scope: &pair.scope,
        owner: &pair.owner,
        organization: &pair.organization,
    };
    let mut answer = match twist {
        None => Answer::json(200, &body),
        Some(twist) => twisted(&body, twist),
    };
    answer.whole = Some(pair.whole);
    answer.with(allowance(state, user, now))
}

fn twisted(body: &TokenBody<'_>, twist: &Twist<'_>) -> Answer {
    let mut body = serde_json::to_value(body).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.extend(twist.set.clone());
        for name in twist.remove {
            members.remove(name);
        }
    }
    Answer::json(twist.status, &body)
}

fn throttled(state: &mut State, user: u32, now: i64) -> Answer {
    errors::too_many_tokens().with(allowance(state, user, now))
}

fn allowance(state: &mut State, user: u32, now: i64) -> Allowance {
    match state.options.tokens_per_minute {
        0 => Allowance::untouched(8),
        limit => state.users[user as usize].tokens.allowance(limit, now),
    }
}
