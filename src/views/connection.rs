//! A connection.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::shown;
use crate::domain::facts::WebhookState;
use crate::domain::grant::Connection;
use crate::domain::scopes;
use crate::domain::status::{Derived, derive};
use crate::domain::token;

/// What a connection's row does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// `webhook.events`, where subscriptions are kept at all.
    pub wanted_events: Option<&'a BTreeSet<String>>,
    /// `connect.scopes`.
    pub wanted_scopes: &'a [String],
    /// Since the keeper's start; 0 where only the database is asked.
    pub restarts: u64,
    /// The callback URL in use with its version, where it is known.
    pub callback_url: Option<&'a str>,
}

/// A connection.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionView<'a> {
    /// The application's id.
    pub id: &'a str,
    /// The first of the facts that applies.
    pub status: &'static str,
    /// Machine-readable.
    pub reason: Option<Box<str>>,
    /// A sentence that says what to do.
    pub hint: Option<&'static str>,
    /// Since when it has this status.
    pub since: DateTime<Utc>,
    /// Counts rotations and grants.
    pub generation: i64,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it is refreshed at the latest, before jitter.
    pub refresh_at: Option<DateTime<Utc>>,
    /// The user's URI.
    pub calendly_user: Option<&'a str>,
    /// The organization's URI.
    pub calendly_organization: Option<&'a str>,
    /// Granted.
    pub scopes: Vec<&'a str>,
    /// Wanted but not granted.
    pub missing_scopes: Vec<String>,
    /// How often its actor was started again.
    pub restarts: u64,
    /// Its subscription.
    pub webhook: WebhookView<'a>,
}

/// A connection's subscription.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView<'a> {
    /// As last seen; `off` where none is kept.
    pub state: &'static str,
    /// At Calendly.
    pub uri: Option<&'a str>,
    /// Where it delivers.
    pub callback_url: Option<&'a str>,
    /// When it was last seen right.
    pub verified_at: Option<DateTime<Utc>>,
    /// Machine-readable.
    pub reason: Option<&'a str>,
}

impl<'a> ConnectionView<'a> {
    /// Of a stored connection.
    #[must_use]
    pub fn of(connection: &'a Connection, beside: Beside<'a>) -> Self {
        let Derived { status, reason, hint, since } =
            derive(&connection.facts, connection.foreign_owner.is_some());
        let webhook = &connection.facts.webhook;
        let state = beside.wanted_events.map_or(WebhookState::Off, |_| webhook.state);
        let scope = connection.scope.as_deref();
        let events = beside.wanted_events.map(|events| events.iter().map(String::as_str));
        let refreshed = connection.expires_at.filter(|_| connection.facts.may_refresh());
        Self {
            id: connection.id.as_str(),
            status: status.as_str(),
            reason,
            hint,
            since: shown(since),
            generation: connection.generation.0,
            expires_at: connection.expires_at.map(shown),
            refresh_at: refreshed.map(|end| shown(token::refresh_at(end, connection.lifetime, 0.0))),
            calendly_user: connection.user.as_deref(),
            calendly_organization: connection.organization.as_deref(),
            scopes: scope.unwrap_or_default().split_whitespace().collect(),
            missing_scopes: scopes::missing(scope, beside.wanted_scopes, events),
            restarts: beside.restarts,
            webhook: WebhookView {
                state: state.as_str(),
                uri: webhook.uri.as_deref(),
                callback_url: beside.callback_url,
                verified_at: webhook.verified_at.map(shown),
                reason: webhook.reason.as_deref(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::facts::Facts;
    use crate::domain::ids::{Generation, GrantId};

    fn connection() -> Connection {
        let granted_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Connection {
            id: "anna".parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::nil()),
            generation: Generation(7),
            granted_generation: Generation(1),
            granted_at,
            client_id: None,
            access_token: None,
            expires_at: Some(granted_at + chrono::TimeDelta::hours(2)),
            lifetime: token::DEFAULT_LIFETIME,
            scope: Some("users:read webhooks:write".into()),
            user: Some("https://api.calendly.com/users/A".into()),
            organization: None,
            foreign_owner: None,
            facts: Facts::new(granted_at),
            claim: None,
            unknown_since: None,
            attempts: 0,
            next_attempt_at: None,
        }
    }

    #[test]
    fn the_shape_is_the_one_that_other_tools_are_written_against() {
        let mut connection = connection();
        connection.facts.webhook.state = WebhookState::Ok;
        connection.facts.webhook.uri = Some("https://api.calendly.com/webhook_subscriptions/W".into());
        let wanted = ["invitee.created".to_owned()].into();
        let beside = Beside { wanted_events: Some(&wanted), ..Beside::default() };
        assert_eq!(
            serde_json::to_value(ConnectionView::of(&connection, beside)).unwrap(),
            json!({
                "id": "anna",
                "status": "active",
                "reason": null,
                "hint": null,
                "since": "2027-01-15T08:00:00Z",
                "generation": 7,
                "expires_at": "2027-01-15T10:00:00Z",
                "refresh_at": "2027-01-15T09:45:00Z",
                "calendly_user": "https://api.calendly.com/users/A",
                "calendly_organization": null,
                "scopes": ["users:read", "webhooks:write"],
                "missing_scopes": ["scheduled_events:read"],
                "restarts": 0,
                "webhook": {
                    "state": "ok",
                    "uri": "https://api.calendly.com/webhook_subscriptions/W",
                    "callback_url": null,
                    "verified_at": null,
                    "reason": null,
                },
            })
        );
    }

    #[test]
    fn what_is_paused_has_no_time_of_its_next_refresh() {
        let mut connection = connection();
        connection.facts.paused = Some(connection.granted_at);
        let view = ConnectionView::of(&connection, Beside::default());
        assert_eq!((view.status, view.refresh_at), ("paused", None));
        assert!(view.missing_scopes.is_empty(), "no subscription is wanted");
    }
}
