//! Calendly under virtual time: single-use refresh tokens, answers that take their time, and every trouble of a plan.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::outcome::{ClientFault, Doubt, Outcome, TokenAnswer};
use calendly_keeper::domain::secrets::{AccessToken, RefreshToken};
use calendly_keeper::domain::token::Lifetime;
use calendly_keeper::ports::{
    ApiError, ApiErrorClass, Caller, CodeExchange, ListPage, Meetings, MeetingsQuery, TokenEndpoint,
};
use calendly_keeper::runtime::sleep;

use super::clock::SimClock;
use super::ledger::{End, Ledger, Presented};
use super::plan::{Plan, Trouble, Weather};

pub(crate) const LIFETIME: Duration = Duration::from_secs(7200);
pub(crate) const SCOPE: &str = "users:read webhooks:write scheduled_events:read";
pub(crate) const ORGANIZATION: &str = "https://api.calendly.com/organizations/ORG";
/// The keeper's `refresh.max_concurrent`.
pub(crate) const AT_ONCE: usize = 16;
/// No answer comes sooner.
const FASTEST: Duration = Duration::from_millis(100);
/// So many requests a second are possible with `AT_ONCE` at once, and no more: each second begins with those under way.
const A_SECOND: usize = AT_ONCE * 10 + AT_ONCE;
/// As long as the keeper waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Calendly {
    pub(super) clock: Arc<SimClock>,
    ledger: Mutex<Ledger>,
    /// What holds, and since when.
    weather: Mutex<Vec<(Weather, Duration)>>,
    seed: u64,
}

pub(crate) fn user_uri(user: u32) -> String {
    format!("https://api.calendly.com/users/c{user}")
}

/// The number in `refresh-7`, `access-7`.
pub(crate) fn number(token: &str) -> u32 {
    token.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

impl Calendly {
    pub(crate) fn new(clock: Arc<SimClock>, plan: &Plan) -> Arc<Self> {
        let users = plan.connections.iter().max().map_or(0, |last| last + 1);
        let ledger = Ledger::new(users, plan.repeats, LIFETIME);
        Arc::new(Self { clock, ledger: Mutex::new(ledger), weather: Mutex::default(), seed: plan.seed })
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begins(&self, weather: Weather) {
        self.all_weather().push((weather, self.clock.now()));
    }

    pub(crate) fn ends(&self, weather: Weather) {
        let mut all = self.all_weather();
        if let Some(place) = all.iter().position(|(one, _)| *one == weather) {
            all.remove(place);
        }
    }

    /// What everybody meets now.
    pub(crate) fn weather(&self) -> Option<Weather> {
        self.all_weather().first().map(|(weather, _)| *weather)
    }

    /// Since when nobody can be refreshed, whatever he sends.
    fn in_vain(&self) -> Option<Duration> {
        let helps = |weather| matches!(weather, Weather::Slow | Weather::Away);
        self.all_weather().first().filter(|(weather, _)| !helps(*weather)).map(|(_, since)| *since)
    }

    fn all_weather(&self) -> MutexGuard<'_, Vec<(Weather, Duration)>> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Between 0 and `below`, the same for the same request of the same plan.
    fn chance(&self, pair: u32, below: u64) -> u64 {
        let mut word = (self.seed ^ u64::from(pair)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31) % below
    }

    /// The request comes in and has its effect; answers what the sender will hear, and after how long.
    fn arrive(&self, pair: u32) -> Reply {
        let now = self.clock.now();
        let soon = FASTEST + Duration::from_millis(self.chance(pair, 200));
        let (weather, in_vain) = (self.weather(), self.in_vain());
        let mut ledger = self.ledger();
        let user = ledger.grant_of(pair).map(|grant| ledger.grants[grant as usize].user);
        let trouble = user.and_then(|user| {
            let user = &mut ledger.users[user as usize];
            let trouble = user.tokens_meet.pop_front()?;
            user.troubled = now;
            Some(trouble)
        });
        let without = |after: Duration, outcome: Outcome| Reply { after, outcome, gave: None };
        if weather == Some(Weather::Away) || trouble == Some(Trouble::NotSent) {
            let after = if pair.is_multiple_of(2) { Duration::from_secs(10) } else { soon };
            return without(after, Outcome::NotSent);
        }
        ledger.comes_in(pair, now, AT_ONCE, A_SECOND);
        if let Some(since) = in_vain {
            ledger.comes_in_vain(since, now);
        }
        let wait = Some(Duration::from_secs(20));
        let no_effect = match (weather, trouble) {
            (Some(Weather::Failing), _) | (None, Some(Trouble::FailsBefore)) => {
                Some(Outcome::Unknown(Doubt::Status(503)))
            }
            (Some(Weather::Html), _) => Some(Outcome::Unknown(Doubt::Unreadable)),
            (Some(Weather::Refusing), _) => Some(Outcome::InvalidGrant),
            (Some(Weather::WrongClient), _) => Some(Outcome::ClientRefused(ClientFault::InvalidClient)),
            (Some(Weather::Throttling), _) | (None, Some(Trouble::Throttled)) => {
                Some(Outcome::Throttled { wait })
            }
            (None, Some(Trouble::ResetBefore)) => Some(Outcome::Unknown(Doubt::Lost)),
            _ => None,
        };
        if let Some(outcome) = no_effect {
            return without(soon, outcome);
        }
        let (gave, outcome) = match ledger.present(pair, now) {
            Presented::Pair(next) => (Some(next), success(next, user.unwrap_or_default())),
            Presented::Refused => (None, Outcome::InvalidGrant),
        };
        let slow = Duration::from_secs(5 + self.chance(pair, 50));
        match trouble {
            Some(Trouble::FailsAfter) => {
                Reply { after: soon, outcome: Outcome::Unknown(Doubt::Status(502)), gave }
            }
            Some(Trouble::ResetAfter) => Reply { after: soon, outcome: Outcome::Unknown(Doubt::Lost), gave },
            Some(Trouble::UnreadableAfter) => {
                Reply { after: soon, outcome: Outcome::Unknown(Doubt::Unreadable), gave }
            }
            Some(Trouble::TimesOut) => {
                Reply { after: PATIENCE, outcome: Outcome::Unknown(Doubt::Lost), gave }
            }
            Some(Trouble::Slow(seconds)) => Reply { after: Duration::from_secs(seconds), outcome, gave },
            _ if weather == Some(Weather::Slow) => Reply { after: slow, outcome, gave },
            _ => Reply { after: soon, outcome, gave },
        }
    }
}

struct Reply {
    after: Duration,
    outcome: Outcome,
    gave: Option<u32>,
}

/// A request under way. Dropped before its answer came, that is lost: the keeper was killed.
struct Flight<'a> {
    calendly: &'a Calendly,
    pair: u32,
    gave: Option<u32>,
    arrived: bool,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let now = self.calendly.clock.now();
        self.calendly.ledger().ends(self.pair, self.gave, self.arrived, now);
    }
}

#[async_trait]
impl TokenEndpoint for Calendly {
    async fn refresh(&self, token: &RefreshToken) -> Outcome {
        let pair = number(token.expose());
        let Reply { after, outcome, gave } = self.arrive(pair);
        if matches!(outcome, Outcome::NotSent) {
            sleep(after).await;
            return outcome;
        }
        let mut flight = Flight { calendly: self, pair, gave, arrived: false };
        sleep(after).await;
        flight.arrived = matches!(outcome, Outcome::Success(_));
        outcome
    }

    /// Nobody is asked for consent here.
    async fn exchange_code(&self, _: CodeExchange<'_>) -> Outcome {
        Outcome::InvalidGrant
    }

    async fn check_client(&self) -> Result<(), ApiError> {
        Ok(())
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ApiError> {
        sleep(FASTEST).await;
        let now = self.clock.now();
        if matches!(self.weather(), Some(Weather::Away | Weather::Failing | Weather::Html)) {
            return Err(failed(ApiErrorClass::Unavailable, "revoke"));
        }
        let mut ledger = self.ledger();
        if let Some(grant) = ledger.grant_of(number(token.expose())) {
            ledger.end(grant, End::GivenBack, now);
        }
        Ok(())
    }
}

/// Nobody asks: there is no inbox.
#[async_trait]
impl Meetings for Calendly {
    async fn scheduled_events(
        &self,
        _: Caller<'_>,
        _: MeetingsQuery<'_>,
        _: Option<&str>,
    ) -> Result<ListPage, ApiError> {
        Err(failed(ApiErrorClass::Unavailable, "scheduled_events"))
    }

    async fn invitees(&self, _: Caller<'_>, _: &str, _: Option<&str>) -> Result<ListPage, ApiError> {
        Err(failed(ApiErrorClass::Unavailable, "invitees"))
    }
}

pub(super) fn failed(class: ApiErrorClass, what: &'static str) -> ApiError {
    ApiError { class, what, detail: "said the simulation".into() }
}

fn success(pair: u32, user: u32) -> Outcome {
    Outcome::Success(Box::new(TokenAnswer {
        access_token: AccessToken::new(format!("access-{pair}")),
        refresh_token: Some(RefreshToken::new(format!("refresh-{pair}"))),
        lifetime: Lifetime::from_seconds(LIFETIME.as_secs() as i64),
        scope: Some(SCOPE.into()),
        owner: Some(user_uri(user)),
        organization: Some(ORGANIZATION.into()),
        created_at: None,
        oddities: vec![],
    }))
}
