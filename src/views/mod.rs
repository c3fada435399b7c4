//! What the outside is shown: the one place where things become JSON, the same in HTTP answers, `--json` and notices.
//! Times are RFC 3339 in UTC; keys that do not apply are `null`.

mod access_token;
mod connection;
mod event;
mod notice;
mod relay;
mod timeline;

use chrono::{DateTime, SubsecRound as _, Utc};

pub use access_token::AccessTokenView;
pub use connection::{Beside, ConnectionView, WebhookView};
pub use event::{AttemptView, EventInFullView, EventView, SummaryView};
pub use notice::{NoticeView, SystemFaultView};
pub use relay::RelayView;
pub use timeline::EntryView;

/// A time as the database has it: what is in memory is shown no other than what was stored.
fn shown(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}
