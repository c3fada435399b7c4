//! `GET /oauth/callback`: the browser comes back from the consent page, with what its user decided.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, HeaderMap, LOCATION, VARY};
use actix_web::{HttpRequest, HttpResponse};

use super::super::described::ComingBack;
use super::super::page;
use super::super::problem::{
    FLOW_EXPIRED, INTERNAL, INVALID_REQUEST, LINK_USED, NOT_WORKING, Problem, UNKNOWN_FLOW,
};
use super::super::state::{Here, State};
use super::super::work;
use crate::domain::connect::ending::{Ending, Reason};
use crate::domain::connect::return_url;
use crate::services::connect::{self, Asked, NoFlow, Progress};

/// Until the actors know a connection that needs no confirmation.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a browser says of a request that nobody made yet, and what it may hold.
const AHEAD: [(&str, &[&str]); 4] = [
    ("sec-purpose", &["prefetch", "prerender"]),
    ("purpose", &["prefetch", "preview"]),
    ("x-purpose", &["preview"]),
    ("x-moz", &["prefetch"]),
];

/// `HEAD`: somebody looks whether it is there. Nothing is used up.
pub(in crate::server) async fn looked_at() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    page::keep_to_itself(&mut response);
    response.finish()
}

/// The browser itself.
#[utoipa::path(
    get,
    path = "/oauth/callback",
    tag = "connect",
    params(
        ("state" = Option<String>, Query, description = "Of the link"),
        ("code" = Option<String>, Query, description = "Where the user said yes"),
        ("error" = Option<String>, Query, description = "Where the user said no"),
    ),
    responses(
        (status = 200, description = "A page for the browser, where the flow has no return URL", body = String, content_type = "text/html"),
        (status = 303, description = "To the return URL, with connection, outcome, reason and ticket"),
        ComingBack,
    ),
    security(())
)]
pub(in crate::server) async fn get(request: HttpRequest, state: Here) -> Result<HttpResponse, Problem> {
    if is_ahead(request.headers()) {
        // Refused, so that the browser asks again when its user really goes there.
        let mut response = HttpResponse::ServiceUnavailable();
        page::keep_to_itself(&mut response);
        return Ok(response.insert_header((VARY, "Sec-Purpose, Purpose")).finish());
    }
    let came = connect::came_back(state.services(), request.query_string()).await;
    let (asked, progress) = came.map_err(|none| problem(none).page(wants_a_page(request.headers())))?;
    if progress.ending == Ending::Connected && progress.ticket.is_none() {
        work::known_to_actors(&state, PATIENCE).await;
    }
    Ok(answer(&state, &asked, &progress))
}

fn answer(state: &State, asked: &Asked, progress: &Progress) -> HttpResponse {
    let ending = &progress.ending;
    let Some(url) = &asked.return_url else { return told(state, ending) };
    let mut added = vec![("connection", asked.connection.as_str()), ("outcome", ending.outcome())];
    added.extend(ending.reason().map(|reason| ("reason", reason.as_str())));
    added.extend(progress.ticket.as_ref().map(|ticket| ("ticket", ticket.expose())));
    let mut response = HttpResponse::build(StatusCode::SEE_OTHER);
    page::keep_to_itself(&mut response);
    response.insert_header((LOCATION, return_url::with(url, &added).as_str())).finish()
}

/// Where nobody waits for the browser.
fn told(state: &State, ending: &Ending) -> HttpResponse {
    let confirm = state.services().settings.connect.confirm;
    let (title, sentence) = match ending {
        Ending::Connected if confirm => {
            ("Almost connected", "This window can be closed: whoever gave you the link goes on from here.")
        }
        Ending::Connected => ("Connected", "This window can be closed."),
        Ending::Denied => ("Not connected", "You said no, and nothing was stored."),
        Ending::Failed(reason) => ("Not connected", reason.hint()),
    };
    let beside = ending.reason().map(Reason::as_str);
    page::write(&mut HttpResponse::Ok(), title, sentence, beside)
}

fn is_ahead(headers: &HeaderMap) -> bool {
    AHEAD.iter().any(|(name, words)| {
        let said = headers.get_all(*name).filter_map(|value| value.to_str().ok());
        said.into_iter().any(|said| words.iter().any(|word| said.to_ascii_lowercase().contains(word)))
    })
}

fn wants_a_page(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

pub(super) fn problem(none: NoFlow) -> Problem {
    let (kind, detail) = match none {
        NoFlow::Unknown => (
            UNKNOWN_FLOW,
            "the state is missing, is none of this keeper's, or is from before its last start: open a new link",
        ),
        NoFlow::Expired => {
            (FLOW_EXPIRED, "ten minutes are over, or another link took its place: open a new link")
        }
        NoFlow::Used => (LINK_USED, "this link was answered already, and otherwise: open a new link"),
        NoFlow::Unreadable => {
            (INVALID_REQUEST, "there is neither one code nor an error: open the link once more")
        }
        NoFlow::Stopping => (NOT_WORKING, "this keeper is stopping: open a new link in a moment"),
        NoFlow::Failed => (INTERNAL, "the flow failed; the log says why. Open a new link"),
    };
    Problem::new(kind, detail)
}
