//! Which scopes the wanted webhook events need, and which of them a grant lacks.
//!
//! Source: Calendly's scope catalog; a `:write` scope includes its `:read`, and grants older than scopes have full access.

use std::collections::BTreeSet;

const WEBHOOKS: &str = "webhooks:write";

/// The scopes that a grant lacks to subscribe to `events`; empty where it lacks none, or where nothing is known.
#[must_use]
pub fn missing_for_webhooks<'e>(
    granted: Option<&str>,
    events: impl IntoIterator<Item = &'e str>,
) -> Vec<String> {
    let Some(granted) = granted else { return vec![] };
    let granted: BTreeSet<&str> = granted.split_whitespace().collect();
    if granted.is_empty() || granted.contains("default") {
        return vec![]; // a grant from before scopes existed: full access
    }
    let mut needed: BTreeSet<&str> = events.into_iter().filter_map(read_scope).collect();
    needed.insert(WEBHOOKS);
    needed.into_iter().filter(|scope| !holds(&granted, scope)).map(Into::into).collect()
}

fn holds(granted: &BTreeSet<&str>, scope: &str) -> bool {
    granted.contains(scope)
        || scope
            .strip_suffix(":read")
            .is_some_and(|family| granted.contains(format!("{family}:write").as_str()))
}

/// The scope that an event's payload needs; `None` for events not known here, which are left to Calendly to judge.
fn read_scope(event: &str) -> Option<&'static str> {
    Some(match event.split('.').next()? {
        "invitee" | "invitee_no_show" => "scheduled_events:read",
        "event_type" => "event_types:read",
        "routing_form_submission" => "routing_forms:read",
        "meeting_recap" => "meeting_recaps:read",
        "contact" => "contacts:read",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [&str; 2] = ["invitee.created", "invitee.canceled"];

    #[test]
    fn a_full_grant_lacks_nothing() {
        let granted = "users:read webhooks:write scheduled_events:read";
        assert!(missing_for_webhooks(Some(granted), EVENTS).is_empty());
    }

    #[test]
    fn write_includes_read() {
        assert!(missing_for_webhooks(Some("webhooks:write scheduled_events:write"), EVENTS).is_empty());
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing =
            missing_for_webhooks(Some("users:read webhooks:read"), ["invitee.created", "contact.created"]);
        assert_eq!(missing, ["contacts:read", "scheduled_events:read", "webhooks:write"]);
    }

    #[test]
    fn grants_from_before_scopes_and_unknown_ones_are_left_alone() {
        for granted in [None, Some(""), Some("default")] {
            assert!(missing_for_webhooks(granted, EVENTS).is_empty());
        }
        assert!(missing_for_webhooks(Some("webhooks:write"), ["something.new"]).is_empty());
    }
}
