//! An entry of a connection's timeline.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::timeline::Entry;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct EntryView<'a> {
    /// When.
    pub at: DateTime<Utc>,
    /// Machine-readable; `docs/TIMELINE.md` lists them all.
    pub kind: &'static str,
    /// A sentence.
    pub text: &'a str,
    /// More.
    pub detail: &'a serde_json::Value,
}

impl<'a> EntryView<'a> {
    /// Of an entry.
    #[must_use]
    pub fn of(entry: &'a Entry) -> Self {
        Self { at: entry.at, kind: entry.kind.as_str(), text: &entry.text, detail: &entry.detail }
    }
}
