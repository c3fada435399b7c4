//! What comes next for a connection, as far as its row tells: for whoever looks without a keeper, or before one starts.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::decision::{Next, TokenView, Why, next_refresh};
use super::facts::WebhookState;
use super::grant::Connection;
use super::status::{Status, derive};

/// What the keeper is asked to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants<'a> {
    /// The OAuth client that is configured, where one is.
    pub client_id: Option<&'a str>,
    /// How often a subscription is verified; `None`: the keeper keeps tokens only.
    pub verify_every: Option<Duration>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// For the token.
    pub token: Token,
    /// For the webhook subscription.
    pub webhook: Webhook,
}

/// What comes next for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// It is refreshed, now.
    Now(Why),
    /// It is refreshed then.
    At(DateTime<Utc>, Why),
    /// Nothing, until somebody resumes it.
    Paused,
    /// Nothing, until its user connects again.
    Refused,
    /// Nothing: the grant is another OAuth client's.
    ForeignClient,
}

/// What comes next for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Webhook {
    /// It is verified, now: it never was, or the last time is too long ago.
    Now,
    /// It is verified then, or a little earlier.
    At(DateTime<Utc>),
    /// Calendly refuses it; it is asked for again every day.
    Daily,
    /// Nothing, until there is a token to ask with.
    AfterToken,
    /// Nothing, until the connection works again.
    Never,
    /// None is wanted.
    Off,
}

/// Says what comes next.
#[must_use]
pub fn outlook(row: &Connection, wants: Wants<'_>, now: DateTime<Utc>) -> Outlook {
    Outlook { token: token(row, wants, now), webhook: webhook(row, wants, now) }
}

/// Before jitter: the latest.
fn token(row: &Connection, wants: Wants<'_>, now: DateTime<Utc>) -> Token {
    let view = TokenView::of(row, 0.0);
    let is_foreign =
        matches!((row.client_id.as_deref(), wants.client_id), (Some(its), Some(ours)) if its != ours);
    match next_refresh(&view, now) {
        Next::Never if row.facts.paused.is_some() => Token::Paused,
        Next::Never => Token::Refused,
        _ if is_foreign => Token::ForeignClient,
        Next::Now(why) => Token::Now(why),
        Next::At(then) => match next_refresh(&view, then) {
            Next::Now(why) => Token::At(then, why),
            Next::At(_) | Next::Never => Token::At(then, Why::Due), // what is due then is due then
        },
    }
}

fn webhook(row: &Connection, wants: Wants<'_>, now: DateTime<Utc>) -> Webhook {
    let Some(every) = wants.verify_every.and_then(|every| TimeDelta::from_std(every).ok()) else {
        return Webhook::Off;
    };
    let status = derive(&row.facts, row.foreign_owner.is_some()).status;
    if matches!(status, Status::Paused | Status::ReauthorizationRequired) {
        return Webhook::Never;
    }
    if row.access_token.is_none() || row.expires_at.is_none_or(|at| at <= now) {
        return Webhook::AfterToken;
    }
    let fact = &row.facts.webhook;
    match (fact.state, fact.verified_at.map(|at| at + every)) {
        (WebhookState::Unavailable, _) => Webhook::Daily,
        (_, Some(at)) if at > now => Webhook::At(at),
        (_, Some(_) | None) => Webhook::Now,
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, GrantFact, Refusal};
    use super::super::ids::{Generation, GrantId};
    use super::super::secrets::AccessToken;
    use super::super::token::DEFAULT_LIFETIME;
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    /// With a token that ends in two hours.
    fn row() -> Connection {
        Connection {
            id: "anna".parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::nil()),
            generation: Generation(1),
            granted_generation: Generation(1),
            granted_at: at(0),
            client_id: Some("ours".into()),
            access_token: Some(AccessToken::new("a")),
            expires_at: Some(at(120)),
            lifetime: DEFAULT_LIFETIME,
            scope: None,
            user: None,
            organization: None,
            foreign_owner: None,
            facts: Facts::new(at(0)),
            claim: None,
            unknown_since: None,
            attempts: 0,
            next_attempt_at: None,
        }
    }

    fn wants() -> Wants<'static> {
        Wants { client_id: Some("ours"), verify_every: Some(Duration::from_secs(900)) }
    }

    #[test]
    fn a_living_token_is_refreshed_ahead_of_its_end_and_a_new_subscription_looked_at_now() {
        let outlook = outlook(&row(), wants(), at(0));
        assert_eq!(outlook, Outlook { token: Token::At(at(105), Why::Due), webhook: Webhook::Now });
    }

    #[test]
    fn a_failed_attempt_is_made_again_for_the_same_reason_at_its_time() {
        let mut doubtful = row();
        doubtful.unknown_since = Some(at(0));
        doubtful.next_attempt_at = Some(at(1));
        assert_eq!(token(&doubtful, wants(), at(0)), Token::At(at(1), Why::Unknown));
        assert_eq!(token(&doubtful, wants(), at(1)), Token::Now(Why::Unknown));
    }

    #[test]
    fn what_is_paused_refused_or_another_clients_is_left_alone() {
        let (mut paused, mut refused, mut foreign) = (row(), row(), row());
        paused.facts.paused = Some(at(0));
        refused.facts.grant = GrantFact::Refused { reason: Refusal::Revoked, since: at(0) };
        foreign.client_id = Some("theirs".into());
        let all = [paused, refused, foreign].map(|row| outlook(&row, wants(), at(0)));
        assert_eq!(all.map(|one| one.token), [Token::Paused, Token::Refused, Token::ForeignClient]);
        assert_eq!(all.map(|one| one.webhook), [Webhook::Never, Webhook::Never, Webhook::Now]);
        assert_eq!(
            token(&row(), Wants::default(), at(200)),
            Token::Now(Why::Expired),
            "nobody knows which client"
        );
    }

    #[test]
    fn a_subscription_is_verified_every_so_often_and_a_refused_one_daily() {
        let mut row = row();
        row.facts.webhook.verified_at = Some(at(0));
        assert_eq!(webhook(&row, wants(), at(5)), Webhook::At(at(15)));
        assert_eq!(webhook(&row, wants(), at(15)), Webhook::Now);
        assert_eq!(webhook(&row, wants(), at(120)), Webhook::AfterToken);
        assert_eq!(webhook(&row, Wants::default(), at(5)), Webhook::Off);
        row.facts.webhook.state = WebhookState::Unavailable;
        assert_eq!(webhook(&row, wants(), at(15)), Webhook::Daily);
    }
}
