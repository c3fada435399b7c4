//! Who may exchange next: at most so many at once, the most urgent first, slowly at the start, nobody while a fault holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::domain::decision::ASKED;
use crate::domain::ids::ConnectionId;
use crate::domain::slow_start::SlowStart;
use crate::domain::token_budget::TokenBudget;
use crate::registry::lock;

/// So many in a row that went well end the care after the database went back.
pub const PROVEN: u32 = 20;

/// Shared by all rotations of the process.
#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slow_start: SlowStart,
    under_way: usize,
    held: bool,
    gated: bool,
    /// One at a time, until so many more have gone well in a row.
    careful: u32,
    /// The next one is let through although a fault holds all.
    one_more: bool,
    closed: bool,
    waiting: BTreeMap<Rank, Waiting>,
    /// Where in it each connection stands.
    ranks: HashMap<ConnectionId, Rank>,
    sequence: u64,
    budgets: HashMap<Box<str>, TokenBudget>,
}

/// Urgency, then the soonest need, then first come.
type Rank = (u8, i64, u64);

#[derive(Debug)]
struct Waiting {
    id: ConnectionId,
    give: oneshot::Sender<Permit>,
}

/// One place among those that exchange at once; given back when dropped.
#[derive(Debug)]
pub struct Permit(Option<Arc<Limiter>>);

impl Limiter {
    /// At most `max` at once.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                slow_start: SlowStart::new(max),
                under_way: 0,
                held: false,
                gated: false,
                careful: 0,
                one_more: false,
                closed: false,
                waiting: BTreeMap::new(),
                ranks: HashMap::new(),
                sequence: 0,
                budgets: HashMap::new(),
            }),
        })
    }

    /// Waits for a place; `None` where the keeper is stopping.
    pub async fn permit(
        self: &Arc<Self>,
        urgency: u8,
        needed_by: Option<DateTime<Utc>>,
        id: &ConnectionId,
    ) -> Option<Permit> {
        let place = {
            let mut state = lock(&self.state);
            if state.closed {
                return None;
            }
            state.sequence += 1;
            let rank = (urgency, needed_by.map_or(i64::MIN, |at| at.timestamp_millis()), state.sequence);
            let (give, place) = oneshot::channel();
            state.waiting.insert(rank, Waiting { id: id.clone(), give });
            state.ranks.insert(id.clone(), rank);
            place
        };
        self.admit();
        place.await.ok()
    }

    /// Somebody waits for this connection's token: it goes before those that only expired.
    pub fn hurry(&self, id: &ConnectionId) {
        let mut state = lock(&self.state);
        let Some(rank) = state.ranks.get(id).copied().filter(|rank| rank.0 > ASKED) else { return };
        let Some(waiting) = state.waiting.remove(&rank) else { return };
        let rank = (ASKED, rank.1, rank.2);
        state.waiting.insert(rank, waiting);
        state.ranks.insert(id.clone(), rank);
    }

    /// Gives free places to those who wait. A waiter that has gone away gives its place back by dropping it.
    fn admit(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = lock(&self.state);
                let held = state.held && !state.one_more;
                let free = !held && !state.gated && (state.one_more || state.under_way < state.allowed());
                let first = state.waiting.first_key_value().map(|(rank, _)| *rank).filter(|_| free);
                let Some(next) = first.and_then(|rank| state.take(rank)) else { return };
                state.one_more = false;
                state.under_way += 1;
                next
            };
            let _ = next.send(Permit(Some(self.clone())));
        }
    }

    /// Lets one through although a fault holds all: the probe. False where nobody waits.
    ///
    /// Not the most urgent, but any (`draw`: 0 to 1): always the first would be the same dead grant each time.
    pub fn admit_probe(self: &Arc<Self>, draw: f64) -> bool {
        let next = {
            let mut state = lock(&self.state);
            let which = (draw * state.waiting.len() as f64) as usize;
            let rank = if state.gated { None } else { state.waiting.keys().nth(which).copied() };
            let Some(next) = rank.and_then(|rank| state.take(rank)) else { return false };
            state.under_way += 1;
            next
        };
        next.send(Permit(Some(self.clone()))).is_ok()
    }

    /// Lets the most urgent through although a fault holds all: who waits now, or who comes next.
    pub fn admit_next(self: &Arc<Self>) {
        lock(&self.state).one_more = true;
        self.admit();
    }

    /// One exchange went well: more may be under way.
    pub fn succeeded(self: &Arc<Self>) {
        {
            let mut state = lock(&self.state);
            state.slow_start.succeeded();
            state.careful = state.careful.saturating_sub(1);
        }
        self.admit();
    }

    /// Nobody starts until [`Limiter::resume`].
    pub fn hold(&self) {
        let mut state = lock(&self.state);
        state.held = true;
        state.one_more = false;
        state.slow_start.restart();
    }

    /// The fault is over: slow start.
    pub fn resume(self: &Arc<Self>) {
        lock(&self.state).held = false;
        self.admit();
    }

    /// One exchange at a time from now on, until [`PROVEN`] in a row have gone well: the database went back, and many tokens
    /// may be used up.
    pub fn be_careful(&self) {
        lock(&self.state).careful = PROVEN;
    }

    /// One was refused while care is taken.
    pub fn refused(&self) {
        let mut state = lock(&self.state);
        if state.careful > 0 {
            state.careful = PROVEN;
        }
    }

    /// Whether it is one at a time.
    #[must_use]
    pub fn is_careful(&self) -> bool {
        lock(&self.state).careful > 0
    }

    /// Whether this keeper may exchange at all: not before the keeper lock is held, and for long enough.
    pub fn gate(self: &Arc<Self>, closed: bool) {
        lock(&self.state).gated = closed;
        self.admit();
    }

    /// The keeper stops: nobody waits any longer, nobody starts.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.waiting.clear();
        state.ranks.clear();
    }

    /// How many exchanges are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        lock(&self.state).under_way
    }

    /// Takes one of the user's 8 tokens a minute.
    ///
    /// # Errors
    /// How long to wait, where the minute's tokens are used up.
    pub fn take_token(&self, user: &str, now: Duration) -> Result<(), Duration> {
        let mut state = lock(&self.state);
        if state.budgets.len() > 10_000 && state.sequence.is_multiple_of(1024) {
            state.budgets.retain(|_, budget| !budget.is_idle(now));
        }
        match state.budgets.get_mut(user) {
            Some(budget) => budget.take(now),
            None => state.budgets.entry(user.into()).or_default().take(now),
        }
    }
}

impl State {
    /// Whoever stands there waits no longer.
    fn take(&mut self, rank: Rank) -> Option<oneshot::Sender<Permit>> {
        let Waiting { id, give } = self.waiting.remove(&rank)?;
        self.ranks.remove(&id);
        Some(give)
    }

    fn allowed(&self) -> usize {
        if self.careful > 0 { 1 } else { self.slow_start.allowed() }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limiter) = self.0.take() {
            lock(&limiter.state).under_way -= 1;
            limiter.admit();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn id(name: &str) -> ConnectionId {
        name.parse().unwrap()
    }

    /// A connection that is called by when it is needed.
    fn wait(limiter: &Arc<Limiter>, urgency: u8, by: i64) -> impl Future<Output = Option<Permit>> + use<> {
        let (limiter, who) = (limiter.clone(), id(&by.to_string()));
        let mut waiting =
            Box::pin(async move { limiter.permit(urgency, DateTime::from_timestamp(by, 0), &who).await });
        assert!(waiting.as_mut().now_or_never().is_none());
        waiting
    }

    #[tokio::test]
    async fn the_most_urgent_and_then_the_soonest_needed_goes_first() {
        let limiter = Limiter::new(1);
        let first = limiter.permit(3, None, &id("first")).await.unwrap();
        let mut late = Box::pin(wait(&limiter, 3, 200));
        let mut soon = Box::pin(wait(&limiter, 3, 100));
        let mut urgent = Box::pin(wait(&limiter, 0, 900));
        drop(first);
        assert!(soon.as_mut().now_or_never().is_none());
        drop(urgent.as_mut().now_or_never().unwrap());
        drop(soon.as_mut().now_or_never().unwrap());
        assert!(late.as_mut().now_or_never().unwrap().is_some());
    }

    #[tokio::test]
    async fn whose_token_somebody_waits_for_goes_before_those_that_only_expired() {
        let limiter = Limiter::new(1);
        let first = limiter.permit(3, None, &id("first")).await.unwrap();
        let mut soon = Box::pin(wait(&limiter, 3, 100));
        let mut late = Box::pin(wait(&limiter, 4, 900));
        limiter.hurry(&id("900"));
        limiter.hurry(&id("900"));
        limiter.hurry(&id("first"));
        drop(first);
        assert!(soon.as_mut().now_or_never().is_none());
        drop(late.as_mut().now_or_never().unwrap());
        assert!(soon.as_mut().now_or_never().unwrap().is_some());
        assert!(lock(&limiter.state).ranks.is_empty());
    }

    #[tokio::test]
    async fn a_waiter_that_goes_away_keeps_no_place() {
        let limiter = Limiter::new(1);
        let first = limiter.permit(3, None, &id("first")).await.unwrap();
        drop(wait(&limiter, 0, 1));
        let mut second = Box::pin(wait(&limiter, 3, 1));
        drop(first);
        assert!(second.as_mut().now_or_never().unwrap().is_some());
        assert_eq!(limiter.under_way(), 0);
    }

    #[tokio::test]
    async fn a_fault_holds_all_but_the_probe_and_ends_in_a_slow_start() {
        let limiter = Limiter::new(8);
        for _ in 0..8 {
            limiter.succeeded();
        }
        limiter.hold();
        let mut waiting: Vec<_> = (0..4).map(|n| Box::pin(wait(&limiter, 3, n))).collect();
        assert!(limiter.admit_probe(0.0));
        let probe = waiting.remove(0).now_or_never().unwrap();
        limiter.succeeded();
        limiter.resume();
        drop(probe);
        let admitted: Vec<_> = waiting.iter_mut().filter_map(|w| w.as_mut().now_or_never()).collect();
        assert_eq!(admitted.len(), 2, "two at once after the first success");
    }

    #[tokio::test]
    async fn a_stop_ends_all_waiting() {
        let limiter = Limiter::new(1);
        let _first = limiter.permit(3, None, &id("first")).await.unwrap();
        let waiting = wait(&limiter, 0, 1);
        limiter.close();
        assert!(waiting.await.is_none());
        assert!(limiter.permit(0, None, &id("last")).await.is_none());
    }
}
