//! The status that is shown: derived from the facts, the first that applies, with a reason and what to do.

use chrono::{DateTime, Utc};

use super::facts::{Facts, GrantFact, Refusal, WebhookState};

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Token fresh, webhook right or being seen to.
    Active,
    /// Token fine, but Calendly refuses subscriptions.
    WebhookUnavailable,
    /// Parked after too many restarts.
    Quarantined,
    /// The grant is gone: only the user can help.
    ReauthorizationRequired,
    /// Somebody paused it.
    Paused,
}

impl Status {
    /// In the order in which they are listed.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::WebhookUnavailable,
        Self::Quarantined,
        Self::ReauthorizationRequired,
        Self::Paused,
    ];

    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::WebhookUnavailable => "webhook_unavailable",
            Self::Quarantined => "quarantined",
            Self::ReauthorizationRequired => "reauthorization_required",
            Self::Paused => "paused",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A status with why, since when and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The status.
    pub status: Status,
    /// Machine-readable; `None` where all is well.
    pub reason: Option<Box<str>>,
    /// A sentence that says what to do; `None` where nothing is to be done.
    pub hint: Option<&'static str>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// The first that applies; `foreign`: the tokens turned out to be another user's. Paused, reauthorization required, quarantined, webhook unavailable, active.
#[must_use]
pub fn derive(facts: &Facts, foreign: bool) -> Derived {
    let with = |status, reason: Option<Box<str>>, hint, since| Derived { status, reason, hint, since };
    if let Some(since) = facts.paused {
        return with(
            Status::Paused,
            Some("paused".into()),
            Some("resume it when it is to work again"),
            since,
        );
    }
    let granted = match facts.grant {
        GrantFact::Refused { reason, since } => {
            return with(
                Status::ReauthorizationRequired,
                Some(reason.as_str().into()),
                Some(refusal_hint(reason)),
                since,
            );
        }
        GrantFact::Live { since } => since,
    };
    if foreign {
        let hint =
            "the tokens are another Calendly user's and are not served: ask the right user to connect again";
        return with(Status::ReauthorizationRequired, Some("different_user".into()), Some(hint), granted);
    }
    if let Some(parked) = &facts.quarantined {
        let hint = "read its last failure in the timeline; it is tried again by itself";
        return with(Status::Quarantined, Some(parked.reason.clone()), Some(hint), parked.since);
    }
    let webhook = &facts.webhook;
    if webhook.state == WebhookState::Unavailable {
        let hint = unavailable_hint(webhook.reason.as_deref().unwrap_or_default());
        return with(Status::WebhookUnavailable, webhook.reason.clone(), Some(hint), webhook.since);
    }
    let since = if webhook.state == WebhookState::Ok { webhook.since } else { granted };
    with(Status::Active, None, None, since)
}

fn refusal_hint(reason: Refusal) -> &'static str {
    match reason {
        Refusal::Revoked => "ask the user to connect again",
        Refusal::RotationLost => "an answer of Calendly never arrived; ask the user to connect again",
        Refusal::DeadOnArrival => {
            "revoked, or used up by another refresher: stop any other and ask the user to connect again"
        }
    }
}

fn unavailable_hint(reason: &str) -> &'static str {
    if reason.starts_with("missing_scopes") {
        "ask the user to connect again and grant the missing scopes"
    } else if reason.starts_with("invalid_request") {
        "check webhook.callback_url, webhook.events and webhook.scope"
    } else {
        "check the user's Calendly plan and role; the keeper looks again every day"
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Quarantined;
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_first_that_applies_is_shown_and_the_others_come_back_when_it_is_gone() {
        let mut facts = Facts::new(at(0));
        assert_eq!(derive(&facts, false).status, Status::Active);

        facts.webhook.state = WebhookState::Unavailable;
        facts.webhook.reason = Some("missing_scopes=webhooks:write".into());
        facts.webhook.since = at(5);
        let shown = derive(&facts, false);
        assert_eq!((shown.status, shown.since), (Status::WebhookUnavailable, at(5)));
        assert_eq!(shown.hint, Some("ask the user to connect again and grant the missing scopes"));

        facts.quarantined = Some(Quarantined { reason: "panic: x".into(), since: at(6) });
        assert_eq!(derive(&facts, false).status, Status::Quarantined);

        facts.grant = GrantFact::Refused { reason: Refusal::Revoked, since: at(7) };
        let shown = derive(&facts, false);
        assert_eq!(shown.status, Status::ReauthorizationRequired);
        assert_eq!(shown.reason.as_deref(), Some("revoked"));
        assert_eq!(shown.hint, Some("ask the user to connect again"));

        facts.paused = Some(at(8));
        assert_eq!(derive(&facts, false).status, Status::Paused);

        facts.paused = None;
        assert_eq!(
            derive(&facts, false).status,
            Status::ReauthorizationRequired,
            "a pause hides, it does not heal"
        );
    }

    #[test]
    fn every_status_but_active_says_what_to_do() {
        let mut facts = Facts::new(at(0));
        assert_eq!(derive(&facts, false).hint, None);
        for reason in [Refusal::Revoked, Refusal::RotationLost, Refusal::DeadOnArrival] {
            facts.grant = GrantFact::Refused { reason, since: at(0) };
            assert!(derive(&facts, false).hint.unwrap().contains("connect again"));
        }
    }

    #[test]
    fn tokens_of_another_user_need_the_right_one() {
        let shown = derive(&Facts::new(at(3)), true);
        assert_eq!(
            (shown.status, shown.reason.as_deref()),
            (Status::ReauthorizationRequired, Some("different_user"))
        );
    }

    #[test]
    fn a_broken_webhook_that_can_be_repaired_leaves_the_connection_active() {
        let mut facts = Facts::new(at(0));
        for state in [WebhookState::Missing, WebhookState::Disabled, WebhookState::Drifted, WebhookState::Off]
        {
            facts.webhook.state = state;
            assert_eq!(derive(&facts, false).status, Status::Active);
        }
    }
}
