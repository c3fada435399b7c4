//! A notice, and what it says of a system fault.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::shown;
use crate::domain::notice::Kind;

/// What is posted to `notify.url`.
#[derive(Clone, Debug, Serialize)]
pub struct NoticeView {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When it was noticed; the same in every attempt.
    pub timestamp: DateTime<Utc>,
    /// How things stand now.
    pub data: Value,
    /// How many changes it sums up, where they were too many to be told one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<u32>,
    /// Which reminder it is, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder: Option<u32>,
}

impl NoticeView {
    /// Of a notice; 0 stands for none.
    #[must_use]
    pub fn new(kind: Kind, at: DateTime<Utc>, data: Value, changes: u32, reminder: u32) -> Self {
        Self {
            kind: kind.as_str(),
            timestamp: shown(at),
            data,
            changes: Some(changes).filter(|changes| *changes > 1),
            reminder: Some(reminder).filter(|reminder| *reminder > 0),
        }
    }
}

/// A system fault.
#[derive(Clone, Debug, Serialize)]
pub struct SystemFaultView<'a> {
    /// Its name.
    pub fault: &'a str,
    /// Since when it holds or held.
    pub since: DateTime<Utc>,
    /// When it was seen to be over.
    pub until: Option<DateTime<Utc>>,
    /// What to look at, while it holds.
    pub hint: Option<&'static str>,
}

impl<'a> SystemFaultView<'a> {
    /// Of a fault.
    #[must_use]
    pub fn new(
        fault: &'a str,
        since: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
        hint: Option<&'static str>,
    ) -> Self {
        Self { fault, since: shown(since), until: until.map(shown), hint }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shape_is_the_one_that_receivers_are_written_against() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let fault = SystemFaultView::new("database_away", at, None, Some("look at it"));
        let data = serde_json::to_value(fault).unwrap();
        let view = NoticeView::new(Kind::SystemFault, at, data.clone(), 1, 0);
        let expected = json!({
            "type": "system.fault",
            "timestamp": "2027-01-15T08:00:00Z",
            "data": { "fault": "database_away", "since": "2027-01-15T08:00:00Z", "until": null, "hint": "look at it" },
        });
        assert_eq!(serde_json::to_value(view).unwrap(), expected);
        let view = NoticeView::new(Kind::WebhookUnavailable, at, data, 7, 2);
        let view = serde_json::to_value(view).unwrap();
        assert_eq!((&view["changes"], &view["reminder"]), (&json!(7), &json!(2)));
    }
}
