//! Every query that both databases understand. Nothing here names one of them: `super` does, and its macros
//! `write_transaction!`, `for_update!` and `rows!` say what differs.

pub(crate) mod connections;
pub(crate) mod forward;
pub(crate) mod gaps;
pub(crate) mod grants;
pub(crate) mod inbox;
pub(crate) mod keys;
pub(crate) mod meta;
pub(crate) mod notices;
pub(crate) mod rotation;
pub(crate) mod subscriptions;
pub(crate) mod timeline;

use super::{Conn, Database, commit_rows, write_attempts, write_entries, write_events, write_grants};
