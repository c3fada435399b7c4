//! How the stories came out: what was wrong, what was done, and whether it ended as it should.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::cli::table;
use crate::domain::facts::WebhookState;
use crate::domain::ids::ConnectionId;
use crate::domain::status::Status;
use crate::domain::timeline::Kind;
use crate::services::Services;
use crate::simulator::Simulator;

use super::stories::{EVENTS, Story};

/// More connections than these are summed up by story.
const LISTED: usize = 24;

/// One connection's end.
pub(super) struct Outcome {
    id: ConnectionId,
    story: Story,
    status: Status,
    done: Vec<&'static str>,
    /// `None` where it ended as it should.
    wrong: Option<String>,
}

/// Whether a connection has ended as it should, by the keeper's word and by the simulator's.
pub(super) fn judge(
    services: &Services,
    simulator: &Simulator,
    id: &ConnectionId,
    story: Story,
) -> Result<(), String> {
    let cell = services.registry.get(id).ok_or("not loaded yet")?;
    let status = cell.status().status;
    if status != story.should_end_as() {
        return Err(format!("is {status}, should be {}", story.should_end_as()));
    }
    if status != Status::Active {
        return Ok(());
    }
    if cell.living(services.adapters.clock.now()).is_none() {
        return Err("has no living token".into());
    }
    let webhook = cell.facts().webhook.state;
    if webhook != WebhookState::Ok {
        return Err(format!("its webhook is {}", webhook.as_str()));
    }
    let subscriptions = simulator.subscriptions(id.as_str()).map_err(|error| error.to_string())?;
    let [subscription] = subscriptions.as_slice() else {
        return Err(format!("has {} webhook subscriptions, should have 1", subscriptions.len()));
    };
    let mut events: Vec<_> =
        subscription["events"].as_array().into_iter().flatten().filter_map(|e| e.as_str()).collect();
    events.sort_unstable();
    if subscription["state"] != "active" || events != EVENTS {
        return Err("its webhook subscription is not as wanted at Calendly".into());
    }
    Ok(())
}

impl Outcome {
    pub(super) async fn of(
        services: &Services,
        simulator: &Simulator,
        id: &ConnectionId,
        story: Story,
    ) -> Self {
        let status = services.registry.get(id).map_or(Status::Paused, |cell| cell.status().status);
        let mut entries = services.adapters.store.timeline(id, None, 50).await.unwrap_or_default().entries;
        entries.reverse();
        let mut done: Vec<_> = entries.iter().filter_map(|entry| what_was_done(entry.kind)).collect();
        done.dedup();
        let wrong = judge(services, simulator, id, story).err();
        Self { id: id.clone(), story, status, done, wrong }
    }

    pub(super) fn is_right(&self) -> bool {
        self.wrong.is_none()
    }
}

fn what_was_done(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Refreshed => "token refreshed",
        Kind::RefreshFailed => "refresh tried again",
        Kind::WebhookFound => "webhook verified",
        Kind::WebhookCreated => "webhook created",
        Kind::WebhookReplaced => "webhook replaced",
        Kind::WebhookDeleted => "duplicates deleted",
        Kind::Revoked | Kind::DeadOnArrival | Kind::RotationLost => "user must connect again",
        Kind::Restarted => "actor restarted",
        Kind::Quarantined => "actor parked",
        _ => return None,
    })
}

/// Prints the table; of many connections one line a story.
pub(super) fn print(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let heads = |first: &str| {
        [first, "what was wrong", "what was done", "status", "as it should be"].map(String::from)
    };
    writeln!(out)?;
    if outcomes.len() <= LISTED {
        let rows = outcomes.iter().map(|outcome| {
            [
                outcome.id.to_string(),
                outcome.story.what_was_wrong().into(),
                if outcome.done.is_empty() { "-".into() } else { outcome.done.join(", ") },
                outcome.status.to_string(),
                outcome.wrong.as_ref().map_or("yes".into(), |wrong| format!("NO: {wrong}")),
            ]
        });
        let rows: Vec<_> = std::iter::once(heads("connection")).chain(rows).collect();
        return table::print(out, &rows);
    }
    let mut by_story: BTreeMap<Story, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_story.entry(outcome.story).or_default().push(outcome);
    }
    let rows = by_story.iter().map(|(story, outcomes)| {
        let right = outcomes.iter().filter(|outcome| outcome.is_right()).count();
        let mut done: Vec<_> = outcomes.iter().flat_map(|outcome| outcome.done.iter().copied()).collect();
        done.sort_unstable();
        done.dedup();
        [
            outcomes.len().to_string(),
            story.what_was_wrong().into(),
            done.join(", "),
            story.should_end_as().to_string(),
            if right == outcomes.len() {
                "yes".into()
            } else {
                format!("NO: {} are not", outcomes.len() - right)
            },
        ]
    });
    let rows: Vec<_> = std::iter::once(heads("connections")).chain(rows).collect();
    table::print(out, &rows)
}
