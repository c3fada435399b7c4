//! What a notice says: how its subject stands when it is sent.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::notice::{Announced, Kind, Open, Subject};
use crate::services::{Services, shown};
use crate::views::{NoticeView, RelayView, SystemFaultView};

/// The body; `None` where there is no such connection any more.
pub(super) fn of(
    services: &Services,
    subject: &Subject,
    open: &Open,
    known: &Announced,
    now: DateTime<Utc>,
) -> Option<Vec<u8>> {
    let data = match subject {
        Subject::Connection(id) => shown::connection(services, &*services.registry.get(id)?),
        Subject::Relay => relay(services),
        Subject::System(name) => system(services, name, open.kind, known, now),
    };
    let view = NoticeView::new(open.kind, open.at, data, open.changes, open.reminder);
    serde_json::to_vec(&view).ok()
}

fn relay(services: &Services) -> Value {
    let view = services.relay.view();
    let shown = RelayView {
        pending: view.backlog.pending,
        dead: view.backlog.dead,
        oldest_pending_at: view.backlog.oldest,
        down_since: view.down_since,
        paused: view.paused,
        error: view.error,
    };
    serde_json::to_value(shown.shown()).unwrap_or_default()
}

fn system(services: &Services, name: &str, kind: Kind, known: &Announced, now: DateTime<Utc>) -> Value {
    let fault = services.system.faults().into_iter().find(|fault| fault.kind.as_str() == name);
    let since = fault.map(|fault| fault.since).or(known.since).unwrap_or(now);
    let until = (kind == Kind::SystemRecovered).then_some(known.open.map_or(now, |open| open.at));
    let hint = fault.map(|fault| fault.kind.hint());
    serde_json::to_value(SystemFaultView::new(name, since, until, hint)).unwrap_or_default()
}
