//! One request from its head to its answer, faults included. The socket's side is `server` and `departure`.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{Request, Response};

use super::answer::Answer;
use super::api::STRANGER;
use super::call::Call;
use super::control;
use super::departure::{AnswerBody, Notes};
use super::errors;
use super::fault_book::Verdict;
use super::faults::{Endpoint, FaultKind};
use super::ledger::{PresentationOutcome, Presented};
use super::limits::Allowance;
use super::oauth::Twist;
use super::routes::{self, Route};
use super::shared::Shared;
use super::time;

const MAX_BODY: usize = 1 << 20;

/// The connection ends here, without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection ended without an answer")]
pub(super) struct HangUp;

pub(super) async fn serve(
    shared: Arc<Shared>,
    notes: Arc<Notes>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, HangUp> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(departing(&shared, &notes, errors::too_large()));
        }
        Err(_) => return Err(HangUp),
    };
    let route = routes::find(&head.method, head.uri.path());
    let (endpoint, id) = match route {
        Route::Endpoint(endpoint, id) => (endpoint, id),
        _ => (Endpoint::Any, ""),
    };
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let accept = head.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let call = Call {
        endpoint,
        id: id.to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: head.headers.get(AUTHORIZATION).cloned(),
        browser: accept.is_some_and(|kinds| kinds.contains("text/html")),
        json: content_type.is_some_and(|kind| kind.starts_with("application/json")),
        body,
    };
    let answer = match route {
        Route::Control(path) => control::answer(&shared, &head.method, path, &call),
        Route::Authorize => routes::visit(&mut shared.state(), &call),
        Route::Endpoint(..) if shared.is_armed() => match with_faults(&shared, call).await {
            Some(answer) => answer,
            None => {
                notes.reset();
                return Err(HangUp);
            }
        },
        Route::Endpoint(..) | Route::Nothing => take_effect(&shared, &call, None),
    };
    Ok(departing(&shared, &notes, answer))
}

fn take_effect(shared: &Shared, call: &Call, twist: Option<&Twist<'_>>) -> Answer {
    let mut state = shared.state();
    let user = call.user(&state);
    state.ledger.request(call.endpoint, user, time::now());
    let mut answer = routes::perform(&mut state, call, twist);
    // Calendly sends these headers with every answer, also where it is nobody's.
    answer.allowance.get_or_insert(Allowance::untouched(STRANGER));
    answer
}

/// The answer, or none where the connection is to be reset.
async fn with_faults(shared: &Arc<Shared>, call: Call) -> Option<Answer> {
    let user = call.user(&shared.state());
    let verdict = shared.faults(|faults| faults.judge(call.endpoint, user));
    let Verdict { delay, delay_answer, kind } = verdict;
    let fired = u64::from(kind.is_some()) + u64::from(!delay.is_zero()) + u64::from(!delay_answer.is_zero());
    shared.state().ledger.counters.faults_fired += fired;

    let holds = matches!(kind, Some(FaultKind::Hold));
    let answer = if delay.is_zero() {
        effect(shared, &call, kind)
    } else {
        // A task of its own: a server that has read a request works it off, whoever hangs up meanwhile.
        let shared = Arc::clone(shared);
        let late = tokio::spawn(async move {
            pause(delay).await;
            effect(&shared, &call, kind)
        });
        late.await.ok()?
    };
    if !delay_answer.is_zero() {
        pause(delay_answer).await;
    }
    if holds {
        shared.hold().await;
    }
    answer
}

async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// What the fault makes of a call: the effect or not, and the answer, or none for a reset.
fn effect(shared: &Shared, call: &Call, kind: Option<FaultKind>) -> Option<Answer> {
    let Some(kind) = kind else {
        return Some(take_effect(shared, call, None));
    };
    match kind {
        FaultKind::Hold | FaultKind::Delay { .. } | FaultKind::DelayAnswer { .. } => {
            Some(take_effect(shared, call, None))
        }
        FaultKind::GatewayAfterEffect { code } => {
            take_effect(shared, call, None);
            Some(gateway_page(code))
        }
        FaultKind::NotJson => {
            take_effect(shared, call, None);
            Some(Answer::html(200, "One moment please"))
        }
        FaultKind::ResetAfter => {
            take_effect(shared, call, None);
            None
        }
        FaultKind::Truncate => {
            let answer = take_effect(shared, call, None);
            Some(Answer { truncated: true, whole: None, ..answer })
        }
        FaultKind::OddToken { set, remove, status, spend } => {
            let status = status.unwrap_or(200);
            let twist = Twist { set: &set, remove: &remove, status, spend };
            Some(take_effect(shared, call, Some(&twist)))
        }
        without_effect => {
            note_without_effect(shared, call);
            instead(shared, without_effect)
        }
    }
}

/// The answers that stand in place of the effect.
fn instead(shared: &Shared, kind: FaultKind) -> Option<Answer> {
    let answer = match kind {
        FaultKind::Status { code, body, headers } => {
            let mut answer = match body {
                None => Answer::empty(code),
                Some(serde_json::Value::String(text)) => Answer::text(code, text),
                Some(json) => Answer::json(code, &json),
            };
            for (name, value) in headers {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    answer = answer.header(name, &value);
                }
            }
            answer
        }
        FaultKind::RateLimited { retry_after, reset } => {
            let reset = reset.unwrap_or(60).min(u64::from(u32::MAX)) as u32;
            let answer = errors::too_many_requests().with(Allowance { limit: STRANGER, remaining: 0, reset });
            match retry_after {
                Some(seconds) => answer.header(RETRY_AFTER, &seconds.to_string()),
                None => answer,
            }
        }
        FaultKind::Redirect { code, location } => Answer::empty(code).header(LOCATION, &location),
        FaultKind::HtmlBefore => Answer::html(200, "One moment please"),
        FaultKind::InvalidGrantOnce => errors::invalid_grant(shared.state().options.invalid_grant_status),
        FaultKind::InvalidClient => errors::invalid_client(),
        _ => return None,
    };
    Some(answer)
}

fn gateway_page(code: u16) -> Answer {
    let reason = hyper::StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
    Answer::html(code, &format!("{code} {}", reason.unwrap_or("Gateway Error")))
}

fn note_without_effect(shared: &Shared, call: &Call) {
    let now = time::now();
    let mut state = shared.state();
    let user = call.user(&state);
    state.ledger.request(call.endpoint, user, now);
    if call.endpoint != Endpoint::Token {
        return;
    }
    let form = call.form();
    let Some(name) = form.get("refresh_token").and_then(|token| state.refresh_token(token).1) else { return };
    let grant = &state.grants[name.grant as usize];
    let times = grant.pair(name.generation).map_or(0, |pair| pair.presented);
    let after_whole_answer = grant.answered_whole(name.generation);
    state.ledger.presented(Presented {
        at: now,
        user,
        name: Some(name),
        outcome: PresentationOutcome::FaultBeforeEffect,
        times,
        after_whole_answer,
    });
}

fn departing(shared: &Shared, notes: &Arc<Notes>, mut answer: Answer) -> Response<AnswerBody> {
    let (whole, truncated) = (answer.whole.take(), answer.truncated);
    let mut response = answer.into_response();
    if shared.date_skew_seconds() != 0 {
        let shown = time::now() + shared.date_skew_seconds().saturating_mul(time::SECOND);
        if let Ok(date) = HeaderValue::from_str(&time::http_date(shown)) {
            response.headers_mut().insert(DATE, date);
        }
    }
    response.map(|body| AnswerBody::new(body, truncated, whole, Arc::clone(notes)))
}
