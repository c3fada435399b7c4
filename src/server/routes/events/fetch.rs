//! `GET /v1/events`: the application fetches events, and waits for the next.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Events};
use super::super::super::described;
use super::super::super::extract::{Query, duration, invalid, works};
use super::super::super::problem::Problem;
use super::super::super::state::Here;
use super::cursor::{self, Way};
use super::{connection, consumer, limit, problem};
use crate::services::events::{Ask, From, fetch};
use crate::views::EventView;

/// Nobody waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Asked {
    cursor: Option<String>,
    consumer: Option<String>,
    connection: Option<String>,
    limit: Option<usize>,
    wait: Option<String>,
}

/// Events in order.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub(in crate::server) struct Page<'a> {
    events: Vec<EventView<'a>>,
    /// Where to go on, also where there were none.
    next_cursor: String,
}

/// Events, oldest first, in an order that no cursor passes one in. What was erased, and what is no event, is passed over.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    params(
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before; without it, and without consumer, the oldest event that is kept is the first"),
        ("consumer" = Option<String>, Query, description = "Instead of a cursor: where this consumer has acknowledged; one not seen before starts at the oldest event that is kept"),
        ("connection" = Option<String>, Query, description = "Only its events"),
        ("limit" = Option<usize>, Query, description = "100 where absent; large bodies make fewer", minimum = 1, maximum = 1000),
        ("wait" = Option<String>, Query, description = "Where there is none, for the first that comes: so long, at most `60s`"),
    ),
    responses(
        (status = 200, description = "Events; none where none came in that time", body = Page),
        described::Events,
    ),
    security(("token" = ["events"]))
)]
pub(in crate::server) async fn get(
    _: Allowed<Events>,
    Query(asked): Query<Asked>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let wait = asked.wait.as_deref().map(|text| duration("wait", text)).transpose()?.unwrap_or_default();
    if wait > LONGEST_WAIT {
        return Err(invalid(format!("wait is at most {} s", LONGEST_WAIT.as_secs())));
    }
    let from = match (asked.cursor.as_deref(), asked.consumer.as_deref()) {
        (None, None) => From::Oldest,
        (Some(text), None) => From::After(cursor::read(Way::On, text)?),
        (None, Some(name)) => From::Consumer(consumer(name)?),
        (Some(_), Some(_)) => {
            return Err(invalid(
                "cursor and consumer do not go together: a consumer goes on where it has acknowledged",
            ));
        }
    };
    let connection = asked.connection.as_deref().map(connection).transpose()?;
    let ask = Ask { from, connection, limit: limit(asked.limit)?, wait };
    let fetched = fetch(state.services(), ask).await.map_err(problem)?;
    let next_cursor = cursor::write(Way::On, fetched.next);
    let events = fetched.events.iter().map(EventView::of).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Page { events, next_cursor }))
}
