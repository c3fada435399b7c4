//! `GET /oauth/authorize`: the consent page, whose visitor agrees (or not) at once; one with a browser is asked first.
//! Sessions: none.

use hyper::header::LOCATION;

use super::answer::Answer;
use super::call::Call;
use super::consent_page::{self, ALLOW, DECISION, DENY};
use super::errors;
use super::oauth::Code;
use super::scopes::DEFAULT_SCOPES;
use super::seed::{Plan, Role};
use super::state::State;
use super::time::{self, SECOND};

const CODE_LIFETIME: i64 = 600;

/// What the visitor of the consent page does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Consent {
    /// Who visits; none: a new user each time.
    pub user: Option<u32>,
    pub denies: bool,
    /// What is granted; none: what is asked for.
    pub scope: Option<String>,
}

pub(super) fn authorize(state: &mut State, call: &Call) -> Answer {
    let parameters = call.parameters();
    if parameters.get("client_id") != Some(&state.options.client_id) {
        return errors::invalid_client();
    }
    if parameters.get("response_type") != Some("code") {
        return errors::missing_parameter("response_type");
    }
    let Some(redirect_uri) = parameters.get("redirect_uri") else {
        return errors::missing_parameter("redirect_uri");
    };
    let registered = &state.options.redirect_uri;
    if !registered.is_empty() && !registered.iter().any(|known| known == redirect_uri) {
        return errors::invalid_redirect_uri();
    }
    let Ok(mut location) = url::Url::parse(redirect_uri) else {
        return errors::missing_parameter("redirect_uri");
    };
    if parameters.get("code_challenge").is_some() && parameters.get("code_challenge_method") != Some("S256") {
        return errors::missing_parameter("code_challenge_method");
    }
    let asked = parameters.get("scope").map(str::to_owned);
    if asked.as_deref().is_some_and(|scope| scope.split(' ').any(|part| !is_scope(part))) {
        return errors::invalid_scope();
    }
    let shown = || asked.clone().unwrap_or_else(|| DEFAULT_SCOPES.join(" "));
    let decision = parameters.get(DECISION);
    if call.browser && !matches!(decision, Some(ALLOW | DENY)) {
        return consent_page::show(&parameters, &shown());
    }
    if state.consent.denies || decision == Some(DENY) {
        location.query_pairs_mut().append_pair("error", "access_denied").append_pair(
            "error_description",
            "The resource owner or authorization server denied the request.",
        );
    } else {
        let scope = state.consent.scope.clone().unwrap_or_else(shown);
        let user = match state.consent.user {
            Some(user) => user,
            None => {
                let name = format!("visitor-{}", state.users.len() + 1);
                state.add_user(name, scope.as_str().into(), Plan::Paid, Role::Owner, None)
            }
        };
        let challenge = parameters.get("code_challenge").map(str::to_owned);
        let code = add_code(state, user, redirect_uri, challenge, &scope);
        location.query_pairs_mut().append_pair("code", &code);
    }
    if let Some(value) = parameters.get("state") {
        location.query_pairs_mut().append_pair("state", value);
    }
    Answer::empty(302).header(LOCATION, location.as_str())
}

pub(super) fn add_code(
    state: &mut State,
    user: u32,
    redirect_uri: &str,
    challenge: Option<String>,
    scope: &str,
) -> String {
    let number = state.codes.len() as u64 ^ (time::now() as u64) << 16;
    let text = format!("{:032x}{:032x}", state.text.id("code", number), state.text.id("code", !number));
    let code = Code {
        user,
        redirect_uri: redirect_uri.to_owned(),
        challenge,
        scope: scope.into(),
        expires_at: time::now() + CODE_LIFETIME * SECOND,
    };
    state.codes.insert(text.clone(), code);
    text
}

fn is_scope(part: &str) -> bool {
    let Some((family, access)) = part.split_once(':') else { return false };
    let named =
        !family.is_empty() && family.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    named && matches!(access, "read" | "write")
}
