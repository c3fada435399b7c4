//! The one task that looks at the ledger and has gaps backfilled and connections swept, a few at once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use log::{debug, error, warn};
use tokio::sync::watch;

use super::BackfillSettings;
use super::asker::{Barred, End};
use super::down;
use super::gaps::{Done, Gaps, Outcome, backfill};
use super::group::{owner, waits};
use super::sweep::{sweep, turns};
use crate::domain::backoff::Backoff;
use crate::domain::ids::{ConnectionId, GrantId};
use crate::domain::subscription::Owner;
use crate::ports::{OpenGap, Store, StoreError};
use crate::runtime::sleep;
use crate::services::Services;

/// So many owners' meetings are read at once.
const AT_ONCE: usize = 16;
/// The ledger is looked at so often, whether anybody said that there is a new gap or not.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(30);
/// That somebody takes deliveries is noted so often.
const ALIVE_EVERY: TimeDelta = TimeDelta::seconds(60);
/// What could not be done is tried again.
const RETRY: Backoff = Backoff { min: Duration::from_secs(10), max: Duration::from_secs(600) };
/// Whose token does not do is asked again, unless it has a new grant before.
const BARRED_FOR: TimeDelta = TimeDelta::days(1);
const PAGE: usize = 1000;
/// More open gaps than these are seen to after the first of them.
const MOST_GAPS: usize = 200_000;

/// One owner's work that has ended.
type Ended = (Owner, Result<Option<Outcome>, tokio::task::JoinError>);

struct Work {
    services: Arc<Services>,
    settings: BackfillSettings,
    visits: FuturesUnordered<BoxFuture<'static, Ended>>,
    running: HashSet<Owner>,
    gaps: VecDeque<(Owner, Vec<Gaps>)>,
    sweeps: VecDeque<Owner>,
    /// Connections with open gaps.
    open: HashSet<ConnectionId>,
    /// Owners who wait, until when and after how many attempts in vain.
    waiting: HashMap<Owner, (DateTime<Utc>, u32)>,
    /// Whose token does not do, with which grant and until when that counts.
    barred: HashMap<ConnectionId, (GrantId, DateTime<Utc>)>,
    look_at: DateTime<Utc>,
    alive_again: DateTime<Utc>,
    swept_until: DateTime<Utc>,
}

/// Begins when this keeper works.
pub(super) async fn work(
    services: Arc<Services>,
    settings: BackfillSettings,
    mut works: watch::Receiver<bool>,
) {
    let begun = async {
        let _ = works.wait_for(|works| *works).await;
        if settings.own_callback {
            down::at_first(&services).await;
        }
    };
    tokio::select! {
        () = begun => {}
        () = services.shutdown.requested() => return,
    }
    let now = services.adapters.clock.now();
    let work = Work {
        services,
        settings,
        visits: FuturesUnordered::new(),
        running: HashSet::new(),
        gaps: VecDeque::new(),
        sweeps: VecDeque::new(),
        open: HashSet::new(),
        waiting: HashMap::new(),
        barred: HashMap::new(),
        look_at: now,
        alive_again: now + ALIVE_EVERY,
        swept_until: now,
    };
    work.run().await;
    drop(works);
}

impl Work {
    async fn run(mut self) {
        let services = self.services.clone();
        loop {
            self.look().await;
            self.start();
            let wait = (self.look_at - self.now()).to_std().unwrap_or_default();
            tokio::select! {
                Some(ended) = self.visits.next(), if !self.visits.is_empty() => self.ended(ended),
                () = services.backfill.wake.notified() => self.look_at = self.now(),
                () = sleep(wait + Duration::from_millis(1)) => {}
                () = services.shutdown.requested() => return,
            }
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.services.adapters.clock.now()
    }

    /// At the ledger, at whose turn it is, and at the time.
    async fn look(&mut self) {
        let now = self.now();
        // Also where the clock was set back.
        if now < self.look_at && self.look_at - now <= LOOK_EVERY {
            return;
        }
        if self.settings.own_callback && (now >= self.alive_again || self.alive_again - now > ALIVE_EVERY) {
            self.alive_again = now + ALIVE_EVERY;
            if let Err(error) = self.services.adapters.store.note_alive(now).await {
                debug!(target: "backfill", error:% = error; "that deliveries are taken could not be noted, next time");
            }
        }
        self.barred.retain(|id, _| self.services.registry.get(id).is_some());
        if let Err(error) = self.load(now).await {
            debug!(target: "backfill", error:% = error; "the open gaps could not be read, trying again");
        }
        if self.settings.own_callback {
            let due = turns(&self.services, self.settings, self.swept_until, now);
            self.sweeps
                .extend(due.into_iter().filter(|owner| !self.sweeps.contains(owner)).collect::<Vec<_>>());
            self.swept_until = now;
        }
        let next = self.waiting.values().map(|(at, _)| *at).filter(|at| *at > now).min();
        self.look_at = next.map_or(now + LOOK_EVERY, |next| next.min(now + LOOK_EVERY));
    }

    /// Reads the ledger anew, and whose gaps can be seen to now.
    async fn load(&mut self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let store = &self.services.adapters.store;
        let mut all: Vec<OpenGap> = vec![];
        loop {
            let some = store.open_gaps(all.last().map_or(0, |open| open.number), PAGE).await?;
            let is_last = some.len() < PAGE;
            all.extend(some);
            if is_last || all.len() >= MOST_GAPS {
                break;
            }
        }
        self.open = all.iter().map(|open| open.gap.connection.clone()).collect();
        let mut of: BTreeMap<Owner, BTreeMap<ConnectionId, Gaps>> = BTreeMap::new();
        let mut nobodys: Vec<OpenGap> = vec![];
        for open in all {
            let id = open.gap.connection.clone();
            let Some(cell) = self.services.registry.get(&id) else {
                nobodys.push(open);
                continue;
            };
            let Some(owner) = owner(&self.services, &cell).filter(|_| !waits(&cell)) else { continue };
            if !self.running.contains(&owner) {
                of.entry(owner).or_default().entry(id).or_insert_with(|| (cell, vec![])).1.push(open);
            }
        }
        self.waiting.retain(|owner, _| of.contains_key(owner) || self.running.contains(owner));
        of.retain(|owner, _| self.waiting.get(owner).is_none_or(|(at, _)| *at <= now));
        self.gaps = of.into_iter().map(|(owner, gaps)| (owner, gaps.into_values().collect())).collect();
        close_nobodys(&*self.services.adapters.store, nobodys, now).await
    }

    /// As much as may be under way at once, gaps first.
    fn start(&mut self) {
        while self.running.len() < AT_ONCE && !self.services.shutdown.is_requested() {
            let services = self.services.clone();
            if let Some((owner, gaps)) = self.gaps.pop_front() {
                if !self.running.insert(owner.clone()) {
                    continue;
                }
                let barred = self.still_barred();
                let whose = owner.clone();
                self.spawn(owner, async move {
                    tokio::select! {
                        ended = backfill(&services, &whose, gaps, barred) => Some(ended),
                        () = services.shutdown.requested() => None,
                    }
                });
            } else if let Some(owner) = self.sweeps.pop_front() {
                if !self.running.insert(owner.clone()) {
                    continue;
                }
                let (whose, open) = (owner.clone(), self.open.clone());
                self.spawn(owner, async move {
                    tokio::select! {
                        () = sweep(&services, &whose, open) => {}
                        () = services.shutdown.requested() => {}
                    }
                    None
                });
            } else {
                return;
            }
        }
    }

    /// A task of its own, so that a panic in it ends nothing else.
    fn spawn(&self, owner: Owner, visit: impl Future<Output = Option<Outcome>> + Send + 'static) {
        let visit = self.services.io.spawn(visit);
        self.visits.push(Box::pin(async move { (owner, visit.await) }));
    }

    /// What follows for the owner.
    fn ended(&mut self, (owner, ended): Ended) {
        self.running.remove(&owner);
        let now = self.now();
        let outcome = match ended {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return,
            Err(error) => {
                error!(target: "backfill", owner = owner.uri(), error:% = error; "the backfill's task failed");
                return self.wait(owner, None, now);
            }
        };
        for Barred { cell, grant, reason } in outcome.barred {
            let before = self.barred.insert(cell.id().clone(), (grant, now + BARRED_FOR));
            let is_news = before.is_none_or(|(known, _)| known != grant);
            if is_news {
                let reason = &*reason;
                warn!(target: "backfill", connection:% = cell.id(), reason;
                    "meetings may not be read, the gap stays open; looking again in a day, or when the user connects again");
            }
        }
        match outcome.end {
            Ok(Done::Closed) => drop(self.waiting.remove(&owner)),
            Ok(Done::SecondLook(at)) => drop(self.waiting.insert(owner, (at, 0))),
            // A new grant is seen at the next look.
            Err(End::NotAllowed) => drop(self.waiting.insert(owner, (now + LOOK_EVERY, 0))),
            Err(End::Later(after, why)) => {
                debug!(target: "backfill", owner = owner.uri(), reason = &*why; "backfill put off");
                self.wait(owner, after, now);
            }
        }
        let next = self.waiting.values().map(|(at, _)| *at).filter(|at| *at > now).min();
        self.look_at = next.map_or(self.look_at, |next| next.min(self.look_at));
    }

    /// So long, or longer and longer.
    fn wait(&mut self, owner: Owner, after: Option<Duration>, now: DateTime<Utc>) {
        let attempts = self.waiting.get(&owner).map_or(0, |(_, attempts)| *attempts) + 1;
        let spaced = RETRY.delay(attempts, self.services.adapters.jitter.draw());
        let after = TimeDelta::from_std(after.unwrap_or_default().max(spaced)).unwrap_or(BARRED_FOR);
        self.waiting.insert(owner, (now + after, attempts));
    }

    /// Those whose token does not do, as long as they have the grant with which it did not.
    fn still_barred(&self) -> HashSet<ConnectionId> {
        let now = self.now();
        let has_it = |id: &ConnectionId, grant: GrantId| {
            self.services.registry.get(id).is_some_and(|cell| cell.read(|c| c.grant_id) == grant)
        };
        let barred = self.barred.iter().filter(|(_, (_, until))| *until > now);
        barred.filter(|(id, (grant, _))| has_it(id, *grant)).map(|(id, _)| id.clone()).collect()
    }
}

/// Of connections that were deleted nobody wants to know anything any more.
async fn close_nobodys(store: &dyn Store, gaps: Vec<OpenGap>, now: DateTime<Utc>) -> Result<(), StoreError> {
    if gaps.is_empty() {
        return Ok(());
    }
    let ids = gaps.iter().map(|open| open.gap.connection.clone()).collect();
    let living: HashSet<_> = store.addressees(ids, vec![]).await?.into_iter().map(|one| one.id).collect();
    let gone = gaps.into_iter().filter(|open| !living.contains(&open.gap.connection));
    store.close_gaps(gone.map(|open| open.number).collect(), now).await
}
