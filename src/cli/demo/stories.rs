//! The stories that the demo tells: what is wrong with each connection before the keeper starts, and how it should end.

use anyhow::Result;

use crate::domain::status::Status;
use crate::simulator::{NewGrant, NewSubscription, SeedGrant, SeedUser, Simulator, SubscriptionScope};

/// What the demo's application wants to be told.
pub(super) const EVENTS: [&str; 2] = ["invitee.canceled", "invitee.created"];
/// Where to; nothing is ever sent there.
pub(super) const CALLBACK: &str = "https://crm.example/hooks/calendly/{connection}";

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Story {
    Healthy,
    Expired,
    Missing,
    Disabled,
    WrongEvents,
    Revoked,
}

impl Story {
    pub(super) const ALL: [Self; 6] =
        [Self::Healthy, Self::Expired, Self::Missing, Self::Disabled, Self::WrongEvents, Self::Revoked];
    const NAMES: [&str; 6] = ["anna", "ben", "carla", "dan", "eva", "finn"];

    /// The story and the id of the demo's connection number `n`.
    pub(super) fn number(n: usize) -> (Self, String) {
        let story = Self::ALL[n % Self::ALL.len()];
        let name = Self::NAMES[n % Self::NAMES.len()];
        (
            story,
            if n < Self::NAMES.len() { name.into() } else { format!("{name}-{}", n / Self::NAMES.len() + 1) },
        )
    }

    pub(super) fn what_was_wrong(self) -> &'static str {
        match self {
            Self::Healthy => "nothing",
            Self::Expired => "access token expired since yesterday",
            Self::Missing => "no webhook subscription",
            Self::Disabled => "webhook subscription disabled",
            Self::WrongEvents => "webhook subscription with wrong events",
            Self::Revoked => "grant revoked by its user",
        }
    }

    pub(super) fn should_end_as(self) -> Status {
        match self {
            Self::Revoked => Status::ReauthorizationRequired,
            _ => Status::Active,
        }
    }

    /// Sets the stage at the simulator; answers the grant that the application hands over.
    pub(super) fn stage(self, simulator: &Simulator, id: &str) -> Result<SeedGrant> {
        let user = simulator.add_user(&SeedUser::named(id));
        let expires_in = match self {
            Self::Expired => Some(-24 * 3600),
            _ => None,
        };
        let grant = simulator.add_grant(&user, &NewGrant { expires_in, scopes: None })?;
        let subscription = |events: &[&str]| NewSubscription {
            creator: user.0.clone(),
            callback_url: CALLBACK.replace("{connection}", id),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            scope: SubscriptionScope::User,
            foreign: false,
        };
        match self {
            Self::Missing => {}
            Self::Disabled => {
                let uri = simulator.add_subscription(subscription(&EVENTS))?;
                simulator.disable_subscription(&uri)?;
            }
            Self::WrongEvents => {
                simulator.add_subscription(subscription(&["invitee_no_show.created"]))?;
            }
            Self::Healthy | Self::Expired | Self::Revoked => {
                simulator.add_subscription(subscription(&EVENTS))?;
            }
        }
        if self == Self::Revoked {
            simulator.revoke_grant(&user)?;
        }
        Ok(grant)
    }
}
