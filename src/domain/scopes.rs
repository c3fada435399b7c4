//! Which scopes the wanted webhook events need, and which of them a grant lacks.
//!
//! Source: Calendly's scope catalog; a `:write` scope includes its `:read`, and grants older than scopes have full access.

use std::collections::BTreeSet;

const WEBHOOKS: &str = "webhooks:write";

/// The scopes that a grant lacks of those that are `wanted`, and of those that it takes to subscribe to `events`.
#[must_use]
pub fn missing<'e>(
    granted: Option<&str>,
    wanted: &[String],
    events: Option<impl IntoIterator<Item = &'e str>>,
) -> Vec<String> {
    let Some(granted) = limited(granted) else { return vec![] };
    let for_events = events.into_iter().flat_map(needed);
    lacking(granted, wanted.iter().map(String::as_str).chain(for_events))
}

/// The scopes that a grant lacks to subscribe to `events`; empty where it lacks none, or where nothing is known.
#[must_use]
pub fn missing_for_webhooks<'e>(
    granted: Option<&str>,
    events: impl IntoIterator<Item = &'e str>,
) -> Vec<String> {
    limited(granted).map(|granted| lacking(granted, needed(events))).unwrap_or_default()
}

/// What it takes to subscribe to `events`.
fn needed<'s, 'e>(events: impl IntoIterator<Item = &'e str>) -> impl Iterator<Item = &'s str> {
    events.into_iter().filter_map(|event| -> Option<&'s str> { read_scope(event) }).chain([WEBHOOKS])
}

/// In order, each once. Asked for with every token that is served: where nothing is missing, nothing is allocated.
fn lacking<'s>(granted: &str, needed: impl Iterator<Item = &'s str>) -> Vec<String> {
    let missing: BTreeSet<_> = needed.filter(|scope| !holds(granted, scope)).collect();
    missing.into_iter().map(Into::into).collect()
}

/// The scopes of a grant, where they are known and limit it.
fn limited(granted: Option<&str>) -> Option<&str> {
    // A grant from before scopes existed has full access.
    granted.filter(|granted| {
        let mut scopes = granted.split_ascii_whitespace().peekable();
        scopes.peek().is_some() && scopes.all(|scope| scope != "default")
    })
}

fn holds(granted: &str, scope: &str) -> bool {
    let family = scope.strip_suffix(":read");
    granted
        .split_ascii_whitespace()
        .any(|one| one == scope || family.is_some_and(|family| one.strip_suffix(":write") == Some(family)))
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
    fn what_the_application_wants_and_what_its_events_need_are_both_missed() {
        let wanted = ["users:read".to_owned(), "contacts:write".to_owned()];
        let granted = Some("users:read webhooks:write");
        let lacks = missing(granted, &wanted, Some(EVENTS));
        assert_eq!(lacks, ["contacts:write", "scheduled_events:read"]);
        assert_eq!(missing(granted, &wanted, None::<[&str; 0]>), ["contacts:write"]);
        assert!(missing(None, &wanted, Some(EVENTS)).is_empty(), "nothing is known");
    }

    #[test]
    fn grants_from_before_scopes_and_unknown_ones_are_left_alone() {
        for granted in [None, Some(""), Some("default")] {
            assert!(missing_for_webhooks(granted, EVENTS).is_empty());
        }
        assert!(missing_for_webhooks(Some("webhooks:write"), ["something.new"]).is_empty());
    }
}
