//! What Calendly knows: every grant and pair, who presented what, and which answers arrived.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use calendly_keeper::domain::subscription::Found;

use super::plan::{ApiTrouble, Time, Trouble};

/// So many token requests a user and minute are Calendly's limit.
const USERS_MINUTE: usize = 8;
/// While nothing can succeed for anybody, so many requests a minute find out when that ends.
const PROBES: usize = 40;
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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {}, ", self.promise, Time(self.at))?;
        match self.of {
            Some(of) => write!(f, "connection c{of}: {}", self.what),
            None => write!(f, "for all: {}", self.what),
        }
    }
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
    /// Requests of the last minute that could not succeed.
    in_vain: VecDeque<Duration>,
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
                Time(then)
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

    /// The same while nobody's request can succeed, since then: after a minute it has been noticed.
    pub(crate) fn comes_in_vain(&mut self, since: Duration, at: Duration) {
        let minute = Duration::from_secs(60);
        self.in_vain.retain(|then| at - *then < minute);
        if at - since < minute {
            return;
        }
        self.in_vain.push_back(at);
        let count = self.in_vain.len();
        if count > PROBES {
            let since = Time(since);
            self.broken(
                "P8",
                at,
                None,
                format!("{count} token requests in a minute, in vain for all since {since}"),
            );
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

    /// Uses the newest pair up without anybody having presented it; answers the new one.
    pub(crate) fn use_up_unseen(&mut self, grant: u32, at: Duration) -> u32 {
        let latest = self.grants[grant as usize].latest;
        match self.present(latest, at) {
            Presented::Pair(next) => next,
            Presented::Refused => latest,
        }
    }

    /// Ends the newest access token now.
    pub(crate) fn end_early(&mut self, grant: u32, at: Duration) {
        let latest = self.grants[grant as usize].latest;
        self.pairs[latest as usize].expires = at;
    }

    /// The request has ended for whoever sent it: with the whole answer, or without it.
    pub(crate) fn ends(&mut self, presented: u32, gave: Option<u32>, arrived: bool, at: Duration) {
        self.in_flight -= 1;
        if let Some(grant) = self.grant_of(presented) {
            let user = self.grants[grant as usize].user;
            self.users[user as usize].in_flight = false;
        }
        match gave {
            Some(next) if arrived => self.hand_out(presented, next, at),
            Some(next) => self.lose(presented, next, at),
            None => {}
        }
    }

    /// The answer with a new pair has arrived whole.
    pub(crate) fn hand_out(&mut self, presented: u32, next: u32, at: Duration) {
        let pair = &mut self.pairs[presented as usize];
        let then = pair.spent.map_or(at, |(_, _, then)| then);
        pair.spent = Some((Answer::Arrived, next, then));
        let grant = &mut self.grants[pair.grant as usize];
        grant.arrived = next;
        grant.lost = None;
    }

    fn lose(&mut self, presented: u32, next: u32, at: Duration) {
        let pair = &mut self.pairs[presented as usize];
        let then = pair.spent.map_or(at, |(_, _, then)| then);
        pair.spent = Some((Answer::Lost, next, then));
        self.grants[pair.grant as usize].lost = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(2, false, second(7200));
        ledger.grant(0, second(7200));
        ledger.grant(1, second(7200));
        ledger
    }

    fn promise(ledger: &Ledger) -> Option<&'static str> {
        ledger.violation.as_ref().map(|violation| violation.promise)
    }

    #[test]
    fn the_ninth_request_of_a_user_within_a_minute_is_one_too_many() {
        let mut ledger = ledger();
        for n in 0..9 {
            assert_eq!(promise(&ledger), None);
            ledger.comes_in(0, second(7 * n), 4, 40);
            ledger.ends(0, None, false, second(7 * n + 1));
        }
        assert_eq!(promise(&ledger), Some("P8"));
    }

    #[test]
    fn more_at_once_than_are_allowed_and_a_herd_are_noticed() {
        let mut at_once = ledger();
        at_once.comes_in(0, second(1), 1, 40);
        at_once.comes_in(1, second(1), 1, 40);
        assert_eq!(promise(&at_once), Some("P8"));
        let mut herd = ledger();
        for pair in [0, 1, 0] {
            herd.comes_in(pair, second(1), 4, 2);
            herd.ends(pair, None, false, second(1));
        }
        assert_eq!(promise(&herd), Some("P8"));
    }

    #[test]
    fn two_exchanges_of_one_connection_at_once_are_noticed() {
        let mut ledger = ledger();
        ledger.comes_in(0, second(1), 4, 40);
        ledger.comes_in(0, second(2), 4, 40);
        assert_eq!(promise(&ledger), Some("P1"));
    }

    #[test]
    fn a_token_whose_answer_was_lost_may_be_presented_again_and_one_whose_answer_arrived_may_not() {
        for (arrived, broken) in [(false, None), (true, Some("P1"))] {
            let mut ledger = ledger();
            ledger.comes_in(0, second(1), 4, 40);
            let Presented::Pair(next) = ledger.present(0, second(1)) else { panic!("a living token") };
            ledger.ends(0, Some(next), arrived, second(2));
            ledger.comes_in(0, second(3), 4, 40);
            assert_eq!(promise(&ledger), broken);
        }
    }
}
