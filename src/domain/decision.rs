//! When a connection's token is to be refreshed, and how urgently: derived from what is known now, never from a chain of events.

use chrono::{DateTime, Utc};

use super::grant::Connection;
use super::token::refresh_at;

/// What is known about a connection's token.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenView {
    /// The grant lives and is not paused.
    pub may_refresh: bool,
    /// There is an access token.
    pub has_access_token: bool,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it is to be refreshed.
    pub refresh_at: Option<DateTime<Utc>>,
    /// An earlier attempt's outcome is not known.
    pub unknown: bool,
    /// Calendly has refused the access token although it should live.
    pub rejected: bool,
    /// It was refused while nobody knew whether everybody is: asked again.
    pub withheld: bool,
    /// Somebody asked for a fresh one.
    pub asked: bool,
    /// No attempt before.
    pub not_before: Option<DateTime<Utc>>,
}

impl TokenView {
    /// What a row tells; `jitter`, between 0 and 1, places the refresh in the time there is for it.
    #[must_use]
    pub fn of(row: &Connection, jitter: f64) -> Self {
        Self {
            may_refresh: row.facts.may_refresh(),
            has_access_token: row.access_token.is_some(),
            expires_at: row.expires_at,
            refresh_at: row.expires_at.map(|at| refresh_at(at, row.lifetime, jitter)),
            unknown: row.unknown_since.is_some() || row.claim.is_some(),
            not_before: row.next_attempt_at,
            ..Self::default()
        }
    }
}

/// Why a token is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is about to end.
    Due,
    /// It ended before anybody refreshed it.
    Expired,
    /// There is none yet, or its end is not known.
    NoToken,
    /// An earlier attempt's outcome is not known.
    Unknown,
    /// Calendly refused it although it should live.
    Rejected,
    /// Somebody waits for it.
    Asked,
    /// Its own refusal is to be confirmed.
    Withheld,
    /// Another connection was refused, and nobody knows yet whether everybody is.
    Witness,
}

impl Why {
    /// The reason in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Expired => "expired_while_down",
            Self::NoToken => "no_access_token",
            Self::Unknown => "unknown_outcome",
            Self::Rejected => "rejected_by_calendly",
            Self::Asked => "asked_for",
            Self::Withheld => "refusal_to_confirm",
            Self::Witness => "witness",
        }
    }

    /// Which goes first when not all can: lower is sooner.
    #[must_use]
    pub fn urgency(self) -> u8 {
        match self {
            Self::Witness => 0,
            Self::Unknown => 1,
            Self::Rejected | Self::Asked => ASKED,
            Self::Expired | Self::NoToken => 3,
            Self::Due | Self::Withheld => 4,
        }
    }
}

/// The urgency of what somebody waits for.
pub const ASKED: u8 = 2;

/// What to do about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until facts change.
    Never,
    /// Refresh it.
    Now(Why),
    /// Look again then.
    At(DateTime<Utc>),
}

/// Decides. Due means at or before `now`, without a lower bound: what ended while nobody looked is due.
#[must_use]
pub fn next_refresh(view: &TokenView, now: DateTime<Utc>) -> Next {
    if !view.may_refresh {
        return Next::Never;
    }
    let (due_at, why) = match (view.expires_at, view.refresh_at) {
        _ if view.unknown => (DateTime::<Utc>::MIN_UTC, Why::Unknown),
        _ if view.rejected => (DateTime::<Utc>::MIN_UTC, Why::Rejected),
        _ if view.asked => (DateTime::<Utc>::MIN_UTC, Why::Asked),
        (Some(expires_at), Some(_)) if view.has_access_token && expires_at <= now => {
            (expires_at, Why::Expired)
        }
        _ if view.withheld => (DateTime::<Utc>::MIN_UTC, Why::Withheld),
        (Some(_), Some(refresh_at)) if view.has_access_token => (refresh_at, Why::Due),
        _ => (DateTime::<Utc>::MIN_UTC, Why::NoToken),
    };
    let due_at = view.not_before.map_or(due_at, |not_before| due_at.max(not_before));
    if due_at <= now { Next::Now(why) } else { Next::At(due_at) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::seconds(seconds)
    }

    fn view(expires: i64) -> TokenView {
        TokenView {
            may_refresh: true,
            has_access_token: true,
            expires_at: Some(at(expires)),
            refresh_at: Some(at(expires - 900)),
            ..TokenView::default()
        }
    }

    #[test]
    fn a_living_token_waits_for_its_time() {
        assert_eq!(next_refresh(&view(7200), at(0)), Next::At(at(6300)));
        assert_eq!(next_refresh(&view(7200), at(6300)), Next::Now(Why::Due));
    }

    /// Tokens that expired while the process was down were never selected again (nango#3727).
    #[test]
    fn a_token_that_ended_years_ago_is_due() {
        assert_eq!(next_refresh(&view(-100_000_000), at(0)), Next::Now(Why::Expired));
    }

    #[test]
    fn without_a_token_or_an_expiry_it_is_due_at_once() {
        let none = TokenView { may_refresh: true, ..TokenView::default() };
        assert_eq!(next_refresh(&none, at(0)), Next::Now(Why::NoToken));
        let mut no_expiry = view(0);
        no_expiry.expires_at = None;
        assert_eq!(next_refresh(&no_expiry, at(0)), Next::Now(Why::NoToken));
    }

    #[test]
    fn an_unknown_outcome_is_tried_again_even_while_the_token_lives_but_not_before_its_time() {
        let mut doubtful = view(7200);
        doubtful.unknown = true;
        assert_eq!(next_refresh(&doubtful, at(0)), Next::Now(Why::Unknown));
        doubtful.not_before = Some(at(3));
        assert_eq!(next_refresh(&doubtful, at(0)), Next::At(at(3)));
    }

    #[test]
    fn a_rejected_token_is_refreshed_though_it_should_live() {
        let mut rejected = view(7200);
        rejected.rejected = true;
        assert_eq!(next_refresh(&rejected, at(0)), Next::Now(Why::Rejected));
    }

    #[test]
    fn what_somebody_asked_for_is_due_unless_an_attempt_has_just_failed() {
        let mut asked = view(7200);
        asked.asked = true;
        assert_eq!(next_refresh(&asked, at(0)), Next::Now(Why::Asked));
        assert_eq!(
            next_refresh(&asked, at(7300)),
            Next::Now(Why::Asked),
            "before all those that only expired"
        );
        asked.not_before = Some(at(15));
        assert_eq!(next_refresh(&asked, at(0)), Next::At(at(15)));
    }

    #[test]
    fn a_refusal_that_was_withheld_is_asked_about_again_though_nothing_is_due() {
        let mut withheld = view(7200);
        withheld.withheld = true;
        withheld.not_before = Some(at(15));
        assert_eq!(next_refresh(&withheld, at(0)), Next::At(at(15)));
        assert_eq!(next_refresh(&withheld, at(15)), Next::Now(Why::Withheld));
    }

    /// Dead tokens retried for ever: 100,686 requests in five hours (ADE#1137).
    #[test]
    fn a_paused_or_refused_connection_is_left_alone() {
        let mut refused = view(-1);
        refused.may_refresh = false;
        assert_eq!(next_refresh(&refused, at(0)), Next::Never);
    }

    proptest! {
        #[test]
        fn a_time_to_look_again_is_always_in_the_future(
            expires in prop::option::of(-10_000_i64..10_000), lead in 0_i64..5_000, now in -10_000_i64..10_000,
            not_before in prop::option::of(-10_000_i64..10_000), unknown: bool, rejected: bool, has_access_token: bool, withheld: bool, asked: bool,
        ) {
            let view = TokenView {
                may_refresh: true, has_access_token, unknown, rejected, withheld, asked,
                expires_at: expires.map(at), refresh_at: expires.map(|e| at(e - lead)), not_before: not_before.map(at),
            };
            match next_refresh(&view, at(now)) {
                Next::At(then) => prop_assert!(then > at(now)),
                Next::Now(_) => prop_assert!(view.not_before.is_none_or(|n| n <= at(now))),
                Next::Never => prop_assert!(false, "an active connection always has a next refresh"),
            }
        }
    }
}
