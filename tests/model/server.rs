//! The token server: a refresh token works once. What its replies mean is asked of the keeper's own table of outcomes.

use std::sync::LazyLock;

use calendly_keeper::domain::outcome::{Outcome, Reply, judge};

use super::world::{Request, Token, World};

/// What came of a request, as far as a rotation goes on differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Pair,
    Gone,
    NotConsumed,
    Unknown,
}

/// What a server does besides giving each token once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// A refresh token presented again kills its grant.
    ReuseKills,
    /// A new authorization ends the user's grant before it.
    OneGrant,
}

/// The replies that the server can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Pair,
    InvalidGrant,
    ServerError,
    Reset,
    NoConnection,
}

pub(crate) fn meaning(answer: Answer) -> Meaning {
    static TABLE: LazyLock<[Meaning; 5]> = LazyLock::new(|| {
        let whole = |status, body: &'static str| Reply::Whole { status, body: body.as_bytes(), wait: None };
        [
            whole(200, r#"{"access_token":"a","refresh_token":"r","expires_in":7200}"#),
            whole(400, r#"{"error":"invalid_grant"}"#),
            whole(503, "<html>"),
            Reply::Lost,
            Reply::NotSent,
        ]
        .map(|reply| match judge(&reply) {
            Outcome::Success(_) => Meaning::Pair,
            Outcome::InvalidGrant => Meaning::Gone,
            Outcome::ClientRefused(_) | Outcome::Throttled { .. } | Outcome::NotSent => Meaning::NotConsumed,
            Outcome::Unknown(_) => Meaning::Unknown,
        })
    });
    TABLE[answer as usize]
}

/// Consumes the token, or refuses it; reuse may kill the grant.
pub(crate) fn process(world: &mut World, token: Token, kind: Kind) -> Request {
    let grant = usize::from(token.grant);
    let server = &mut world.server;
    if server.dead[grant] {
        return Request::Refused;
    }
    if server.current[grant] == token.number {
        server.current[grant] += 1;
        server.due[grant] = super::world::Due::Nothing;
        return Request::Pair;
    }
    server.dead[grant] |= kind == Kind::ReuseKills;
    Request::Refused
}

/// Nobody waits for it any more, the server may work on it all the same. False where there is no room left.
pub(crate) fn orphan(world: &mut World, token: Token) -> bool {
    let Some(place) = world.server.orphans.iter_mut().find(|place| place.is_none()) else { return false };
    *place = Some(token);
    world.server.orphans.sort_unstable_by_key(|token| token.map(|token| (token.grant, token.number)));
    true
}
