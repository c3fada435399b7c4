//! `POST /v1/events/replay`: events are relayed again.

use actix_web::HttpResponse;
use log::info;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::super::auth::{Allowed, Events};
use super::super::super::described::Replaying;
use super::super::super::extract::{Json, invalid, works};
use super::super::super::problem::{NO_RELAY, Problem};
use super::super::super::state::Here;
use super::super::super::work;
use super::one::unknown;
use super::{connection, list, time};
use crate::domain::event::EventId;
use crate::ports::Selection;
use crate::services::events;

/// So many ids at once.
const MOST: usize = 1000;

/// Which: by their ids, or what fits all of the rest.
#[derive(Deserialize, ToSchema)]
#[schema(as = Replay)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Wanted {
    #[schema(max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Of this connection.
    connection: Option<String>,
    /// Received at or after then, RFC 3339.
    since: Option<String>,
    /// Received before then, RFC 3339.
    until: Option<String>,
    /// That stand so: `pending`, `delivered`, `dead` or `kept`.
    state: Option<String>,
}

/// How many.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct Replayed {
    /// Events that will be relayed again; what was erased is not among them.
    replayed: usize,
}

/// Relayed again, delivered ones too, under their ids.
#[utoipa::path(
    post,
    path = "/v1/events/replay",
    tag = "events",
    request_body = Wanted,
    responses(
        (status = 200, description = "They will be relayed", body = Replayed),
        Replaying,
    ),
    security(("token" = ["events"]))
)]
pub(in crate::server) async fn post(
    asked: Allowed<Events>,
    Json(body): Json<Wanted>,
    state: Here,
) -> Result<HttpResponse, Problem> {
    works(&state)?;
    let services = state.services().clone();
    let by = asked.name.clone();
    if services.settings.events.relay.is_none() {
        return Err(Problem::new(
            NO_RELAY,
            "events are not relayed, so none is again: set relay.url, or fetch them by GET /v1/events",
        ));
    }
    let selection = Selection {
        connection: body.connection.as_deref().map(connection).transpose()?,
        since: body.since.as_deref().map(|text| time("since", text)).transpose()?,
        until: body.until.as_deref().map(|text| time("until", text)).transpose()?,
        state: body.state.as_deref().map(list::state).transpose()?,
    };
    let replayed = match body.ids {
        Some(ids) if selection == Selection::default() => {
            let ids = known(&state, &ids).await?;
            work::tracked(&state, async move {
                let now = services.adapters.clock.now();
                let replayed = services.adapters.store.replay_events(ids, now).await;
                services.relay.look();
                replayed
            })
            .await?
        }
        None if selection != Selection::default() => {
            work::tracked(&state, async move { events::replay(&services, selection).await }).await?
        }
        _ => {
            return Err(invalid(
                "name events by ids, or all that fit connection, since, until and state; not both",
            ));
        }
    };
    info!(target: "relay", events = replayed, by:% = by; "relayed again as asked for");
    Ok(HttpResponse::Ok().json(Replayed { replayed }))
}

async fn known(state: &Here, ids: &[String]) -> Result<Vec<EventId>, Problem> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(invalid(format!("ids has 1 to {MOST} of them")));
    }
    let ids = ids.iter().map(|id| id.parse::<EventId>().map_err(|_| unknown(&shortened(id))));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let there = state.services().adapters.store.known_events(ids.clone()).await.map_err(work::of_store)?;
    match ids.iter().find(|id| !there.contains(*id)) {
        Some(id) => Err(unknown(id.as_str())),
        None => Ok(ids),
    }
}

/// What is no id may be anything.
fn shortened(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}
