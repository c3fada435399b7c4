//! The one task that relays.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use log::{debug, error, info, warn};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::send::send;
use super::{RelaySettings, told};
use crate::domain::event::{Attempt, Attempted, Kept, Settled};
use crate::domain::relay::{Allowed, Changed, Failure, Target, delivered};
use crate::ports::StoreError;
use crate::runtime::sleep;
use crate::services::Services;

/// Attempts side by side.
const AT_ONCE: usize = 16;
/// Events fetched at once, for the next attempts.
const FETCH: usize = 64;
/// More results than these wait for the database: nothing is sent then.
const UNWRITTEN: usize = 256;
/// The database is asked so often where nobody says that something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what is on its way is counted.
const COUNT_EVERY: TimeDelta = TimeDelta::seconds(10);
/// A stop does not wait for a database that is away: what was taken may then be sent once more.
const LAST_TRIES: u32 = 3;
/// A clock that is corrected by so little was not set back.
const SET_BACK: TimeDelta = TimeDelta::seconds(5);
/// The answer to whoever wants no more.
const GONE: u16 = 410;

pub(super) async fn run(services: Arc<Services>, settings: RelaySettings, mut works: watch::Receiver<bool>) {
    tokio::select! {
        begun = works.wait_for(|works| *works) => if begun.is_err() { return },
        () = services.shutdown.requested() => return,
    }
    let mut news = services.inbox.arrivals.subscribe();
    let mut work = Work {
        services,
        settings,
        target: Target::new(AT_ONCE),
        ready: VecDeque::new(),
        busy: HashSet::new(),
        attempts: FuturesUnordered::new(),
        fetching: None,
        settled: vec![],
        writing: None,
        look_at: DateTime::<Utc>::MIN_UTC,
        count_at: DateTime::<Utc>::MIN_UTC,
        counting: None,
        latest: DateTime::<Utc>::MIN_UTC,
        stopping: false,
        last_tries: 0,
    };
    let shared = work.services.clone();
    loop {
        work.step();
        if work.is_done() {
            return;
        }
        let pause = work.pause();
        tokio::select! {
            Some((event, attempt)) = work.attempts.next() => work.ended(event, attempt),
            fetched = ready(&mut work.fetching) => work.fetched(fetched),
            written = ready_writing(&mut work.writing) => work.written(written),
            changed = news.changed() => if changed.is_ok() { work.look_now() },
            () = shared.relay.wake.notified() => work.woken(),
            () = shared.shutdown.requested(), if !work.stopping => work.stop(),
            () = sleep(pause) => {}
        }
    }
}

type Fetching = JoinHandle<Result<Vec<Kept>, StoreError>>;
type Writing = (JoinHandle<Result<(), StoreError>>, Vec<Attempted>);

struct Work {
    services: Arc<Services>,
    settings: RelaySettings,
    target: Target,
    /// Fetched, and not sent yet.
    ready: VecDeque<Kept>,
    /// Everything between a fetch and the writing down of what came of it.
    busy: HashSet<i64>,
    attempts: FuturesUnordered<BoxFuture<'static, (Kept, Attempt)>>,
    fetching: Option<Fetching>,
    settled: Vec<Attempted>,
    writing: Option<Writing>,
    look_at: DateTime<Utc>,
    count_at: DateTime<Utc>,
    counting: Option<JoinHandle<()>>,
    /// The latest time that was seen: one before it means that the clock was set back.
    latest: DateTime<Utc>,
    stopping: bool,
    /// Tries to write what came of events, since the stop began.
    last_tries: u32,
}

impl Work {
    fn now(&self) -> DateTime<Utc> {
        self.services.adapters.clock.now()
    }

    /// Nothing new; what is under way ends, and what came of it is written.
    fn stop(&mut self) {
        self.stopping = true;
        self.put_back();
    }

    fn is_done(&self) -> bool {
        let written = self.settled.is_empty() && self.writing.is_none();
        self.stopping && self.attempts.is_empty() && (written || self.last_tries >= LAST_TRIES)
    }

    /// What was fetched and not sent is nobody's: it is fetched again when it is due.
    fn put_back(&mut self) {
        self.put_back_all_but(0);
    }

    fn put_back_all_but(&mut self, some: usize) {
        for event in self.ready.drain(some.min(self.ready.len())..) {
            self.busy.remove(&event.summary.ordinal);
        }
    }

    /// Until there may be something to do that nobody tells of.
    fn pause(&self) -> Duration {
        let now = self.now();
        match self.target.allowed(now) {
            Allowed::Due(_) | Allowed::Probe => LOOK_EVERY,
            Allowed::NotBefore(then) => (then - now).to_std().unwrap_or(LOOK_EVERY),
            Allowed::Paused => COUNT_EVERY.to_std().unwrap_or(LOOK_EVERY),
        }
    }

    fn look_now(&mut self) {
        self.look_at = DateTime::<Utc>::MIN_UTC;
    }

    fn woken(&mut self) {
        self.look_now();
        if self.services.relay.take_resume() && self.target.resume() {
            info!(target: "relay", "resumed, events are passed on again");
        }
    }

    /// Starts whatever can be started now.
    fn step(&mut self) {
        let now = self.now();
        if now + SET_BACK < self.latest {
            self.hurry(); // what waits would wait for as long as that
        }
        self.latest = now;
        if self.writing.is_none() && !self.settled.is_empty() {
            let some = std::mem::take(&mut self.settled);
            let (store, rows) = (self.services.adapters.store.clone(), some.clone());
            self.writing =
                Some((self.services.io.spawn(async move { store.settle_events(rows).await }), some));
        }
        let sending = self.settled.len() < UNWRITTEN && !self.stopping;
        match self.target.allowed(now) {
            Allowed::Due(most) if sending => {
                while self.attempts.len() < most
                    && let Some(event) = self.ready.pop_front()
                {
                    self.send(event);
                }
                if self.ready.len() < FETCH / 2 {
                    self.fetch(now, now, FETCH);
                }
            }
            Allowed::Probe if sending && self.attempts.is_empty() => match self.ready.pop_front() {
                Some(event) => {
                    self.target.probing(now);
                    self.send(event);
                }
                None => self.fetch(now, DateTime::<Utc>::MAX_UTC, 1),
            },
            _ => {}
        }
        self.count(now);
        let (down_since, paused) = (self.target.down_since(), self.target.is_paused());
        self.services.relay.show(|view| (view.down_since, view.paused) = (down_since, paused));
    }

    /// `due` by then.
    fn fetch(&mut self, now: DateTime<Utc>, due: DateTime<Utc>, most: usize) {
        let soon = self.look_at - now <= TimeDelta::from_std(LOOK_EVERY * 2).unwrap_or_default();
        if self.fetching.is_some() || (now < self.look_at && soon) {
            return;
        }
        let (store, busy) = (self.services.adapters.store.clone(), self.busy.iter().copied().collect());
        self.fetching = Some(self.services.io.spawn(async move { store.due_events(due, busy, most).await }));
    }

    fn fetched(&mut self, fetched: Result<Vec<Kept>, String>) {
        self.fetching = None;
        let again = self.now() + TimeDelta::from_std(LOOK_EVERY).unwrap_or_default();
        match fetched {
            Ok(events) => {
                // Where there are no more, whoever adds one says so.
                self.look_at = if events.len() < FETCH { again } else { DateTime::<Utc>::MIN_UTC };
                self.busy.extend(events.iter().map(|event| event.summary.ordinal));
                self.ready.extend(events);
                // Asked for before it went down: what is not sent soon is fetched as it is then.
                match self.target.allowed(self.now()) {
                    Allowed::Due(_) => {}
                    Allowed::Probe => self.put_back_all_but(1),
                    Allowed::NotBefore(_) | Allowed::Paused => self.put_back(),
                }
            }
            Err(error) => {
                debug!(target: "relay", error:% = error; "events could not be fetched, trying again");
                self.look_at = again;
            }
        }
    }

    fn send(&mut self, event: Kept) {
        self.attempts.push(Box::pin(send(self.services.clone(), self.settings.clone(), event)));
    }

    fn ended(&mut self, event: Kept, attempt: Attempt) {
        let (now, counters) = (self.now(), self.services.counters());
        let took = attempt.status.is_some_and(delivered);
        let changed = if took {
            self.target.took(now)
        } else if attempt.status == Some(GONE) {
            self.target.gone()
        } else {
            self.target.failed(now, Failure::of(attempt.status), &event.line)
        };
        let why = told::failure(&attempt);
        let settled = if took {
            counters.events_relayed.add_one();
            Settled::Delivered
        } else {
            counters.relay_failures.add_one();
            self.settings.policy.after_failure(&event.summary, now, self.services.adapters.jitter.draw())
        };
        told::event(&event, &settled, &why);
        if settled == Settled::Dead {
            counters.events_given_up.add_one();
        }
        self.services.relay.show(|view| {
            if settled == Settled::Dead {
                view.gave_up_at = Some(now);
            }
            view.error = (!took).then(|| why.as_str().into());
        });
        self.settled.push(Attempted { ordinal: event.summary.ordinal, attempt, settled });
        self.changed(changed, &why);
    }

    fn changed(&mut self, changed: Changed, why: &str) {
        match changed {
            Changed::Nothing => {}
            Changed::Down => {
                warn!(target: "relay", error = why, hint = "see that relay.url answers with 2xx in time";
                    "the application takes no events, one is tried every 10 s");
                self.put_back();
            }
            Changed::Paused => {
                error!(target: "relay", hint = "`calendly-keeper inbox resume`, or restart";
                    "the application answers 410, no events are passed on");
                self.put_back();
            }
            Changed::Back(after) => {
                info!(target: "relay", down_s = after.as_secs(); "the application takes events again");
                self.hurry();
            }
        }
    }

    /// Whatever waits is due now.
    fn hurry(&self) {
        let (services, now) = (self.services.clone(), self.now());
        self.services.io.spawn(async move {
            if let Err(error) = services.adapters.store.hurry_events(now).await {
                debug!(target: "relay", error:% = error; "what waits could not be called up, it comes in its time");
            }
            services.relay.look();
        });
    }

    fn written(&mut self, written: Result<(), String>) {
        let Some((_, rows)) = self.writing.take() else { return };
        match written {
            Ok(()) => {
                for row in rows {
                    self.busy.remove(&row.ordinal);
                }
                self.look_now(); // the next of these lines
            }
            Err(error) => {
                debug!(target: "relay", error:% = error; "what came of events could not be written, trying again");
                self.settled.splice(..0, rows);
                self.last_tries += u32::from(self.stopping);
                let pause = self.services.io.spawn(async {
                    sleep(LOOK_EVERY).await;
                    Ok(())
                });
                self.writing = Some((pause, vec![]));
            }
        }
    }

    fn count(&mut self, now: DateTime<Utc>) {
        let soon = self.count_at - now <= COUNT_EVERY;
        let counts = self.counting.as_ref().is_some_and(|counting| !counting.is_finished());
        if (now < self.count_at && soon) || counts {
            return;
        }
        self.count_at = now + COUNT_EVERY;
        let services = self.services.clone();
        self.counting = Some(self.services.io.spawn_loop(async move {
            if let Ok(backlog) = services.adapters.store.backlog().await {
                services.relay.show(|view| view.backlog = backlog);
            }
        }));
    }
}

async fn ready(fetching: &mut Option<Fetching>) -> Result<Vec<Kept>, String> {
    match fetching {
        Some(task) => task.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string()),
        None => std::future::pending().await,
    }
}

async fn ready_writing(writing: &mut Option<Writing>) -> Result<(), String> {
    match writing {
        Some((task, _)) => task.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string()),
        None => std::future::pending().await,
    }
}
