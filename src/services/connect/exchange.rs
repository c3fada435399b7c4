//! The code sent once, and who it was that agreed.

use chrono::TimeDelta;
use log::warn;
use uuid::Uuid;

use super::Asked;
use crate::domain::connect::ending::Reason;
use crate::domain::grant::NewGrant;
use crate::domain::ids::GrantId;
use crate::domain::outcome::{Outcome, TokenAnswer};
use crate::domain::secrets::{AccessToken, AuthorizationCode, RefreshToken};
use crate::domain::token::DEFAULT_LIFETIME;
use crate::ports::{Caller, CodeExchange, Me};
use crate::services::Services;

/// What came of a code.
pub(super) enum Exchanged {
    /// A grant that can be kept; whose it is, is still to be judged.
    Grant(Box<NewGrant>),
    /// Tokens that cannot: to be given back.
    Useless(AccessToken),
    /// None.
    Nothing(Reason),
}

/// Buys the pair.
pub(super) async fn exchange(services: &Services, asked: &Asked, code: &AuthorizationCode) -> Exchanged {
    let clock = &services.adapters.clock;
    let (sent_at, sent_boot) = (clock.now(), clock.boot());
    let redirect_uri = asked.redirect_uri.as_str();
    let exchange = CodeExchange { code, redirect_uri, verifier: &asked.verifier };
    let reason = match services.adapters.tokens.exchange_code(exchange).await {
        Outcome::Success(answer) => {
            // By the clock that says older, should it have been set meanwhile.
            let took = TimeDelta::from_std(clock.boot().saturating_sub(sent_boot)).unwrap_or_default();
            let sent_at = sent_at.min(clock.now() - took);
            let mut answer = *answer;
            return match answer.refresh_token.take() {
                None => Exchanged::Useless(answer.access_token),
                Some(refresh_token) => {
                    Exchanged::Grant(Box::new(grant(services, asked, answer, refresh_token, sent_at)))
                }
            };
        }
        Outcome::InvalidGrant => Reason::InvalidGrant,
        Outcome::ClientRefused(fault) => {
            warn!(target: &asked.target(), reason = fault.reason(), hint = fault.hint();
                "Calendly refuses the client in a connect flow");
            Reason::ClientRefused
        }
        Outcome::Throttled { .. } => Reason::Throttled,
        Outcome::NotSent => Reason::CalendlyUnreachable,
        Outcome::Unknown(doubt) => {
            // Tokens may have been issued; nobody has them, and they end with the code that they came of.
            warn!(target: &asked.target(), reason:% = doubt; "no usable answer to an authorization code");
            Reason::CalendlyFailing
        }
    };
    Exchanged::Nothing(reason)
}

fn grant(
    services: &Services,
    asked: &Asked,
    answer: TokenAnswer,
    refresh_token: RefreshToken,
    sent_at: chrono::DateTime<chrono::Utc>,
) -> NewGrant {
    let lifetime = answer.lifetime.unwrap_or(DEFAULT_LIFETIME);
    NewGrant {
        id: asked.connection.clone(),
        grant_id: GrantId::new(Uuid::new_v4()),
        granted_at: sent_at,
        client_id: Some(services.settings.client_id.clone()),
        access_token: Some(answer.access_token),
        refresh_token,
        expires_at: Some(sent_at + lifetime.delta()),
        lifetime,
        scope: answer.scope.map(Into::into),
        user: answer.owner.map(Into::into),
        organization: answer.organization.map(Into::into),
        replace: true,
    }
}

/// Fills in whose tokens these are, by asking with them; what the token endpoint said stands where nothing comes of it.
pub(super) async fn learn_user(services: &Services, asked: &Asked, grant: &mut NewGrant) {
    let Some(token) = &grant.access_token else { return };
    let rate_key = grant.user.as_deref().unwrap_or(asked.connection.as_str()).to_owned();
    match services.adapters.subscriptions.me(Caller { rate_key: &rate_key, token }).await {
        Ok(Me { user, organization }) => {
            grant.user = Some(user.into());
            grant.organization = Some(organization.into());
        }
        Err(error) => {
            warn!(target: &asked.target(), error:% = error; "Calendly did not say who the user is");
        }
    }
    if let Some(user) = &grant.user {
        // It is one of the tokens that this user gets in a minute.
        let _ = services.limiter.take_token(user, services.adapters.clock.boot());
    }
}
