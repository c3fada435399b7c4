//! Which scope opens what: of calls, of webhook events, and which subscription scopes an event allows.

/// Held by apps from before scopes: full access, until a refresh moves them to the scoped format.
pub(super) const LEGACY: &str = "default";

/// What a new user of the simulator grants.
pub const DEFAULT_SCOPES: [&str; 3] = ["users:read", "webhooks:write", "scheduled_events:read"];

/// Whether a space-separated scope holds `wanted`; `X:write` holds `X:read`.
pub(super) fn holds(scope: &str, wanted: &str) -> bool {
    let by_write = wanted.strip_suffix(":read");
    scope.split_ascii_whitespace().any(|held| {
        held == LEGACY || held == wanted || (by_write.is_some() && held.strip_suffix(":write") == by_write)
    })
}

/// A webhook event: the scope its payload needs, and the subscription scopes that may have it.
pub(super) struct Event {
    pub needs: &'static str,
    pub organization: bool,
    pub user: bool,
    /// Needs a plan that has the feature.
    pub paid: bool,
}

pub(super) fn event(name: &str) -> Option<Event> {
    let (needs, organization, user, paid) = match name {
        "invitee.created" | "invitee.canceled" => ("scheduled_events:read", true, true, false),
        "invitee_no_show.created" | "invitee_no_show.deleted" => ("scheduled_events:read", true, true, false),
        "event_type.created" | "event_type.updated" | "event_type.deleted" => {
            ("event_types:read", true, true, false)
        }
        "contact.created" | "contact.updated" | "contact.deleted" => ("contacts:read", true, true, false),
        "meeting_recap.created" | "meeting_recap.updated" | "meeting_recap.deleted" => {
            ("meeting_recaps:read", false, true, true)
        }
        "routing_form_submission.created" => ("routing_forms:read", true, false, true),
        _ => return None,
    };
    Some(Event { needs, organization, user, paid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_scope_includes_its_read_scope_and_no_other() {
        assert!(holds("users:read webhooks:write", "webhooks:read"));
        assert!(!holds("webhooks:read", "webhooks:write"));
        assert!(!holds("webhooks:write", "users:read"));
        assert!(holds("default", "users:read"), "an app from before scopes has full access");
    }
}
