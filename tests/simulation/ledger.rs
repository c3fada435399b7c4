//! What Calendly knows: every grant and pair, who presented what, and which answers arrived.

use std::collections::VecDeque;
use std::time::Duration;

use calendly_keeper::domain::subscription::Found;

use super::plan::{ApiTrouble, Trouble};

/// So many token requests a user and minute are Calendly's limit.
const USERS_MINUTE: usize = 8;
/// An answer is repeated for so long, by a Calendly that repeats.
const REPEATED: Duration = Duration::from_secs(30);

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    pub(crate) at: Duration,
    pub(crate) of: Option<u32>,
    pub(crate) what: String,
}

/// Why nobody has a grant's tokens any more, or may not use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By the user.
    Revoked,
    /// By the keeper.
    GivenBack,
}

pub(crate) struct Grant {
    pub(crate) user: u32,
    /// The newest pair.
    pub(crate) latest: u32,
    /// The newest pair that arrived.
    pub(crate) arrived: u32,
    /// The answer with the newest pair was lost on its way, then.
    pub(crate) lost: Option<Duration>,
    pub(crate) ended: Option<(End, Duration)>,
}

impl Grant {
    /// Since when there are no tokens that somebody could use.
    pub(crate) fn gone(&self) -> Option<Duration> {
        self.lost.into_iter().chain(self.ended.map(|(_, at)| at)).min()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    OnItsWay,
    Arrived,
    Lost,
}

struct Pair {
    grant: u32,
    expires: Duration,
    spent: Option<(Answer, u32, Duration)>,
}

/// One Calendly user, who has one connection.
#[derive(Default)]
pub(crate) struct User {
    pub(crate) tokens_meet: VecDeque<Trouble>,
    pub(crate) calls_meet: VecDeque<ApiTrouble>,
    /// When something of this user's own last went wrong.
    pub(crate) troubled: Duration,
    pub(crate) subscriptions: Vec<Found>,
    in_flight: bool,
    recent: VecDeque<Duration>,
}

/// What presenting a refresh token leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// This new pair.
    Pair(u32),
    Refused,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) users: Vec<User>,
    pub(crate) grants: Vec<Grant>,
    pairs: Vec<Pair>,
    repeats: bool,
    lifetime: Duration,
    pub(crate) violation: Option<Violation>,
    pub(crate) requests: u64,
    pub(crate) calls: u64,
    pub(crate) subscribed: u64,
    /// Of who presented what when: two runs that are alike have the same.
    pub(crate) trace: u64,
    in_flight: usize,
    last_second: VecDeque<Duration>,
    pub(crate) peak: usize,
}

impl Ledger {
    /// Of `users` without a grant, whose access tokens will live for `lifetime`.
    pub(crate) fn new(users: u32, repeats: bool, lifetime: Duration) -> Self {
        let users = (0..users).map(|_| User::default()).collect();
        Self { users, repeats, lifetime, ..Self::default() }
    }

    /// Says that a promise is broken; the first one counts.
    pub(crate) fn broken(&mut self, promise: &'static str, at: Duration, of: Option<u32>, what: String) {
        self.violation.get_or_insert(Violation { promise, at, of, what });
    }

    /// A new authorization of a user; answers its grant and its pair.
    pub(crate) fn grant(&mut self, user: u32, expires: Duration) -> (u32, u32) {
        let (grant, pair) = (self.grants.len() as u32, self.pairs.len() as u32);
        self.grants.push(Grant { user, latest: pair, arrived: pair, lost: None, ended: None });
        self.pairs.push(Pair { grant, expires, spent: None });
        (grant, pair)
    }

    pub(crate) fn end(&mut self, grant: u32, how: End, at: Duration) {
        self.grants[grant as usize].ended.get_or_insert((how, at));
    }

    /// Uses the newest pair up behind everybody's back.
    pub(crate) fn take_back(&mut self, grant: u32) {
        let latest = self.grants[grant as usize].latest;
        let pair = &mut self.pairs[latest as usize];
        pair.spent.get_or_insert((Answer::Lost, u32::MAX, Duration::ZERO));
    }

    /// Which grant a token is of.
    pub(crate) fn grant_of(&self, pair: u32) -> Option<u32> {
        self.pairs.get(pair as usize).map(|pair| pair.grant)
    }

    /// The user of an access token that is accepted now; `Err(true)`: it has ended by time.
    pub(crate) fn accepts(&self, pair: u32, at: Duration) -> Result<u32, bool> {
        let pair = self.pairs.get(pair as usize).ok_or(false)?;
        let grant = &self.grants[pair.grant as usize];
        match grant.ended {
            None if pair.expires > at => Ok(grant.user),
            ended => Err(ended.is_none()),
        }
    }

    /// A token request has come in: counts it, and judges it by what was promised.
    pub(crate) fn comes_in(&mut self, pair: u32, at: Duration, at_once: usize, a_second: usize) {
        self.requests += 1;
        let Some(known) = self.pairs.get(pair as usize) else {
            return self.broken("P1", at, None, format!("refresh-{pair} was never given to anybody"));
        };
        let of = self.grants[known.grant as usize].user;
        if let Some((Answer::Arrived, successor, then)) = known.spent {
            let what = format!(
                "refresh-{pair} was presented again, after the answer with refresh-{successor} (asked for at {}) had arrived whole",
                super::plan::Time(then)
            );
            self.broken("P1", at, Some(of), what);
        }
        let word = u64::from(pair) << 32 ^ at.as_millis() as u64;
        self.trace = (self.trace ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
        let user = &mut self.users[of as usize];
        let twice = std::mem::replace(&mut user.in_flight, true);
        while user.recent.front().is_some_and(|then| at - *then >= Duration::from_secs(60)) {
            user.recent.pop_front();
        }
        user.recent.push_back(at);
        let minute = user.recent.len();
        self.in_flight += 1;
        while self.last_second.front().is_some_and(|then| at - *then >= Duration::from_secs(1)) {
            self.last_second.pop_front();
        }
        self.last_second.push_back(at);
        let second = self.last_second.len();
        self.peak = self.peak.max(second);
        if twice {
            self.broken("P1", at, Some(of), "two exchanges of one connection at once".into());
        }
        if minute > USERS_MINUTE {
            self.broken("P8", at, Some(of), format!("{minute} token requests of one user within a minute"));
        }
        if self.in_flight > at_once {
            let what = format!("{} token requests at once, {at_once} are configured", self.in_flight);
            self.broken("P8", at, Some(of), what);
        }
        if second > a_second {
            let what = format!("a herd: {second} token requests within a second, {a_second} are the most");
            self.broken("P8", at, Some(of), what);
        }
    }

    /// Uses a refresh token up.
    pub(crate) fn present(&mut self, pair: u32, at: Duration) -> Presented {
        let next = self.pairs.len() as u32;
        let Some(known) = self.pairs.get_mut(pair as usize) else { return Presented::Refused };
        let grant = &mut self.grants[known.grant as usize];
        match known.spent {
            _ if grant.ended.is_some() => Presented::Refused,
            None => {
                known.spent = Some((Answer::OnItsWay, next, at));
                grant.latest = next;
                let grant = known.grant;
                self.pairs.push(Pair { grant, expires: at + self.lifetime, spent: None });
                Presented::Pair(next)
            }
            Some((Answer::Lost, successor, then))
                if self.repeats && at - then < REPEATED && grant.latest == successor =>
            {
                Presented::Pair(successor)
            }
            Some(_) => Presented::Refused,
        }
    }

    /// The request has ended for whoever sent it: with the whole answer, or without it.
    pub(crate) fn ends(&mut self, presented: u32, gave: Option<u32>, arrived: bool, at: Duration) {
        self.in_flight -= 1;
        let Some(pair) = self.pairs.get_mut(presented as usize) else { return };
        let grant = &mut self.grants[pair.grant as usize];
        self.users[grant.user as usize].in_flight = false;
        let Some(gave) = gave else { return };
        let then = pair.spent.map_or(at, |(_, _, then)| then);
        let answer = if arrived { Answer::Arrived } else { Answer::Lost };
        pair.spent = Some((answer, gave, then));
        if arrived {
            grant.arrived = gave;
            grant.lost = None;
        } else {
            grant.lost = Some(at);
        }
    }
}
