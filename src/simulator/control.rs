//! The control API under `/simulator/`: JSON in, JSON out, no credentials, no faults, no limits.
//! It only translates; what it does is `seed`, `state` and `faults`, what it shows `control_view`.
//!
//! A user is named by URI, uuid or name; a subscription by URI or uuid. Answers are 200 (201 where something was
//! made); a mistake is 400 `{"error": "field: value, remedy"}` and changes nothing.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /simulator/health` | | `{"url","client_id","seed","users","held"}` |
//! | `POST /simulator/users` | a `SeedUser`, each field optional, and `"count": N` for many called `NAME-1`... | `{"grants": [...]}`, one each |
//! | `POST /simulator/grants` | `{"user", "expires_in"?, "scopes"?}` | a grant: `access_token`, `refresh_token`, `expires_at`, `calendly_user`, ... |
//! | `POST /simulator/codes` | `{"user", "redirect_uri", "code_challenge"?}` | `{"code"}` |
//! | `POST /simulator/consent` | `{"user"?, "denies"?, "scope"?}` | what `/oauth/authorize` does from now on |
//! | `GET /simulator/users/{user}` | | plan, role, scopes, grants with fingerprints, subscriptions |
//! | `POST /simulator/users/{user}/expire` | | ends its access tokens' lifetime |
//! | `POST /simulator/users/{user}/revoke` | | ends its grants |
//! | `POST /simulator/users/{user}/plan` | `{"plan": "paid"\|"free"\|"free_without_webhooks"}` | |
//! | `POST /simulator/users/{user}/remove-scope` | `{"scope"}` | |
//! | `POST /simulator/subscriptions` | `{"creator","callback_url","events","scope","foreign"?}` | `{"uri"}` |
//! | `POST /simulator/subscriptions/{uuid}/disable` | | |
//! | `POST /simulator/subscriptions/{uuid}/retrying` | `{"since": time\|null}` | sets `retry_started_at` |
//! | `DELETE /simulator/subscriptions/{uuid}` | | |
//! | `POST /simulator/check` | `{"refresh_token"}` and/or `{"access_token"}` | `{"refresh_token": "living"\|"spent"\|"revoked"\|"unknown", "access_token": "valid"\|"expired"\|"revoked"\|"unknown", "facts": {...}\|null}`, facts as `RefreshTokenFacts` |
//! | `POST /simulator/faults` | `{"endpoint","user"?,"probability"?,"times"?,"fault":{"kind",...}}`; `times` is 1 where neither is given | `{"id"}` |
//! | `GET /simulator/faults` | | `{"faults": [...]}` |
//! | `DELETE /simulator/faults[/{id}]` | | `{"cleared"}` |
//! | `POST /simulator/release` | | `{"released"}`: held answers go |
//! | `GET /simulator/ledger?newest=1000&user=` | | counters, entries, rates |
//! | `GET /simulator/counters` | | counters alone |
//! | `GET`, `PATCH /simulator/options` | some switches | all switches |
//!
//! Meetings have their calls in `meetings/control.rs`, deliveries and the due events in `deliveries/control.rs`.

use std::fmt::Display;

use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use super::authorize::{self, Consent};
use super::call::{Call, form_decoded};
use super::control_view::{check, health, ledger, shown_options, shown_user};
use super::deliveries;
use super::faults::{Endpoint, Fault, FaultKind};
use super::meetings;
use super::seed::{NewGrant, NewSubscription, Plan, SeedUser};
use super::shared::Shared;
use super::state::State;
use super::{Result, SimulatorError};

pub(super) fn answer(shared: &Shared, method: &Method, path: &str, call: &Call) -> Answer {
    let decoded: Vec<String> = path.split('/').map(form_decoded).collect();
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match answered(shared, method.as_str(), &segments, call) {
        Ok(Some((status, body))) => Answer::json(status, &body),
        Ok(None) => Answer::json(404, &json!({"error": format!("{method} /simulator/{path}: no such call")})),
        Err(error) => Answer::json(400, &json!({"error": error.to_string()})),
    }
}

type Answered = Result<Option<(u16, Value)>>;

fn answered(shared: &Shared, method: &str, segments: &[&str], call: &Call) -> Answered {
    let body = &call.body;
    let value = match (method, segments) {
        ("POST", ["users"]) => return made(add_users(&mut shared.state(), read(body)?)?),
        ("POST", ["grants"]) => return made(add_grant(&mut shared.state(), read(body)?)?),
        ("POST", ["codes"]) => return made(add_code(&mut shared.state(), read(body)?)?),
        ("POST", ["subscriptions"]) => {
            return made(add_subscription(&mut shared.state(), read(body)?)?);
        }
        ("POST", ["faults"]) => {
            let fault = read::<FaultBody>(body)?.fault()?;
            return made(json!({"id": set_fault(shared, fault)?}));
        }
        ("GET", ["health"]) => health(shared),
        ("POST", ["consent"]) => consent(&mut shared.state(), read(body)?)?,
        ("GET", ["users", user]) => {
            let state = shared.state();
            shown_user(&state, state.user_or_error(user)?)
        }
        ("POST", ["users", user, act]) => {
            let mut state = shared.state();
            let number = state.user_or_error(user)?;
            match *act {
                "expire" => state.expire_access_tokens(number),
                "revoke" => state.revoke_grants(number),
                "plan" => state.users[number as usize].plan = read::<PlanBody>(body)?.plan,
                "remove-scope" => state.take_scope(number, &read::<ScopeBody>(body)?.scope),
                _ => return Ok(None),
            }
            shown_user(&state, number)
        }
        ("POST" | "DELETE", ["subscriptions", subscription, act @ ..]) => {
            let mut state = shared.state();
            let number = state.subscription_or_error(subscription)?;
            match (method, act) {
                ("POST", ["disable"]) => state.disable_subscription(number, "control"),
                ("POST", ["retrying"]) => {
                    let since = read::<RetryingBody>(body)?.since.map(|since| since.timestamp_micros());
                    state.set_retry_started_at(number, since);
                }
                ("DELETE", []) => state.delete_subscription(number, "control", None),
                _ => return Ok(None),
            }
            json!({})
        }
        ("POST", ["check"]) => check(&shared.state(), &read(body)?),
        ("GET", ["faults"]) => json!({"faults": shared.faults(|faults| faults.all())}),
        ("DELETE", ["faults"]) => json!({"cleared": shared.faults(|faults| faults.clear(None))}),
        ("DELETE", ["faults", id]) => {
            let id = id.parse().map_err(|_| invalid("id", id, "use a fault's number"))?;
            json!({"cleared": shared.faults(|faults| faults.clear(Some(id)))})
        }
        ("POST", ["release"]) => json!({"released": shared.release()}),
        ("GET", ["ledger"]) => ledger(&shared.state(), call)?,
        ("GET", ["counters"]) => json!(shared.state().ledger.counters),
        ("GET", ["options"]) => shown_options(&shared.state()),
        ("PATCH", ["options"]) => {
            let change = read(body)?;
            let mut state = shared.state();
            state.options = state.options.changed_by(&change).map_err(SimulatorError::Invalid)?;
            let shown = shown_options(&state);
            drop(state);
            shared.options_changed();
            shown
        }
        (_, ["meetings" | "invitees" | "bookings", ..]) => {
            return meetings::control::answered(shared, method, segments, body);
        }
        _ => return deliveries::control::answered(shared, method, segments, &call.parameters(), body),
    };
    Ok(Some((200, value)))
}

fn made(value: Value) -> Answered {
    Ok(Some((201, value)))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| SimulatorError::Invalid(format!("body: {error}")))
}

fn invalid(field: &str, value: impl Display, remedy: &str) -> SimulatorError {
    SimulatorError::Invalid(format!("{field}: `{value}`, {remedy}"))
}

// === seeding ===

#[derive(Deserialize)]
struct UsersBody {
    count: Option<usize>,
    #[serde(flatten)]
    user: serde_json::Map<String, Value>,
}

fn add_users(state: &mut State, body: UsersBody) -> Result<Value> {
    let user: SeedUser = serde_json::from_value(Value::Object(body.user))
        .map_err(|error| SimulatorError::Invalid(format!("body: {error}")))?;
    let count = body.count.unwrap_or(1);
    if !(1..=1_000_000).contains(&count) {
        return Err(invalid("count", count, "use a number from 1 to 1000000"));
    }
    let names = (1..=count).map(|number| match body.count {
        None => user.name.clone(),
        Some(_) => format!("{}-{number}", user.name),
    });
    let grants: Result<Vec<_>> = names
        .map(|name| {
            let number = state.seed_user(&SeedUser { name, ..user.clone() });
            state.seed_grant(number, &NewGrant::default())
        })
        .collect();
    Ok(json!({"grants": grants?}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    user: String,
    expires_in: Option<i64>,
    scopes: Option<Vec<String>>,
}

fn add_grant(state: &mut State, body: GrantBody) -> Result<Value> {
    let user = state.user_or_error(&body.user)?;
    let GrantBody { expires_in, scopes, .. } = body;
    Ok(json!(state.seed_grant(user, &NewGrant { expires_in, scopes })?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    user: String,
    redirect_uri: String,
    code_challenge: Option<String>,
}

fn add_code(state: &mut State, body: CodeBody) -> Result<Value> {
    let user = state.user_or_error(&body.user)?;
    let scope = state.users[user as usize].scope.to_string();
    let code = authorize::add_code(state, user, &body.redirect_uri, body.code_challenge, &scope);
    Ok(json!({"code": code}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentBody {
    user: Option<String>,
    #[serde(default)]
    denies: bool,
    scope: Option<String>,
}

fn consent(state: &mut State, body: ConsentBody) -> Result<Value> {
    let user = body.user.map(|user| state.user_or_error(&user)).transpose()?;
    state.consent = Consent { user, denies: body.denies, scope: body.scope };
    Ok(json!({}))
}

fn add_subscription(state: &mut State, body: NewSubscription) -> Result<Value> {
    let number = state.seed_subscription(body)?;
    let uuid = state.subscriptions.get(number).map(|entry| entry.uuid).unwrap_or_default();
    Ok(json!({"uri": state.subscription_uri(uuid)}))
}

#[derive(Deserialize)]
struct PlanBody {
    plan: Plan,
}

#[derive(Deserialize)]
struct ScopeBody {
    scope: String,
}

#[derive(Deserialize)]
struct RetryingBody {
    since: Option<chrono::DateTime<chrono::Utc>>,
}

// === faults ===

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultBody {
    endpoint: String,
    user: Option<String>,
    probability: Option<f64>,
    times: Option<u64>,
    fault: FaultKind,
}

impl FaultBody {
    fn fault(self) -> Result<Fault> {
        let known = Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == self.endpoint);
        let endpoint = known.ok_or_else(|| {
            let names = Endpoint::ALL.map(Endpoint::name).join(", ");
            invalid("endpoint", &self.endpoint, &format!("use one of {names}"))
        })?;
        let once = self.probability.is_none().then_some(1);
        Ok(Fault {
            endpoint,
            user: self.user,
            probability: self.probability,
            times: self.times.or(once),
            kind: self.fault,
        })
    }
}

pub(super) fn set_fault(shared: &Shared, fault: Fault) -> Result<u64> {
    fault.validate().map_err(SimulatorError::Invalid)?;
    let user = fault.user.as_deref().map(|user| shared.state().user_or_error(user)).transpose()?;
    Ok(shared.faults(|faults| faults.add(fault, user)))
}
