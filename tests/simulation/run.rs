//! A plan played: the keeper's lives one after another, what happens at its time, and a look at everybody each minute.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use actix::System;
use calendly_keeper::domain::status::Status;
use calendly_keeper::runtime::sleep;
use calendly_keeper::store::MemoryStore;

use super::agenda::Happening;
use super::calendly::Calendly;
use super::clock::SimClock;
use super::draw::QUIET;
use super::invariants::Watch;
use super::journal::SimJournal;
use super::keeper::{Life, Outside, number_of};
use super::ledger::Violation;
use super::panics;
use super::people::{People, act, connects_again};
use super::plan::{Act, Plan};

/// Between two looks at everybody.
const STEP: Duration = Duration::from_secs(60);

/// Between two looks at everybody's subscription.
const WEBHOOKS: Duration = Duration::from_secs(1200);

/// What came of a simulation.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) violation: Option<Violation>,

    /// Token requests and calls of the API.
    pub(crate) requests: u64,
    pub(crate) calls: u64,
    pub(crate) grants: usize,
    pub(crate) lost: usize,
    pub(crate) lives: u64,
    /// The most token requests in a second.
    pub(crate) peak: usize,
    /// Alike where two runs were.
    pub(crate) trace: u64,
}

/// How a keeper's life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Stopped(Duration),
    Killed(Duration),
    /// The simulation is over.
    Over,
}

/// A simulation under way.
pub(crate) struct Simulation {
    pub(crate) outside: Outside,
    pub(crate) people: People,
    pub(crate) agenda: BinaryHeap<Reverse<(Duration, usize, Happening)>>,
    pub(crate) scheduled: usize,
    /// How many of each hold now.
    pub(crate) away: usize,
    pub(crate) hanging: usize,
    pub(crate) full: usize,
    pub(crate) weather: usize,
    pub(crate) rough: Duration,
    ends: Duration,
    seed: u64,
    lives: u64,
    found: Option<Violation>,
}

/// Plays a plan to its end, or to the first promise that is broken.
pub(crate) fn play(plan: &Plan) -> Report {
    panics::watch();
    let clock = std::sync::Arc::new(SimClock::new());
    let calendly = Calendly::new(clock.clone(), plan);
    let journal = SimJournal::new(clock.clone());
    let outside = Outside { clock, calendly, store: MemoryStore::new(), journal };
    let mut simulation = Simulation {
        outside,
        people: plan.connections.iter().map(|number| (*number, Default::default())).collect(),
        agenda: BinaryHeap::new(),
        scheduled: 0,
        away: 0,
        hanging: 0,
        full: 0,
        weather: 0,
        rough: Duration::ZERO,
        ends: plan.ends,
        seed: plan.seed,
        lives: 0,
        found: None,
    };
    for person in simulation.people.values_mut() {
        person.wants.push_back(Act::Connect);
    }
    for event in &plan.events {
        simulation.schedule(event.at, Happening::Planned(event.fault));
    }
    while !simulation.live() {}
    simulation.report()
}

impl Simulation {
    pub(crate) fn schedule(&mut self, at: Duration, what: Happening) {
        self.scheduled += 1;
        self.agenda.push(Reverse((at, self.scheduled, what)));
    }

    /// One life of the keeper and the time until the next; true where the simulation is over.
    fn live(&mut self) -> bool {
        self.lives += 1;
        let runtime = || {
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
        };
        let death = System::with_tokio_rt(runtime).block_on(async {
            self.outside.clock.run();
            let life = Life::begin(&self.outside, self.seed.wrapping_add(self.lives));
            let mut death = self.until_death(&life).await;
            if let Death::Stopped(_) | Death::Over = death
                && self.found.is_none()
                && life.stop().await > 0
                && self.away + self.hanging == 0
            {
                self.break_promise("P2", "a stop did not end, something went on for ever");
                death = Death::Over;
            }
            self.outside.clock.stop();
            death
        });
        // The keeper has gone with its runtime, wherever it was.
        self.found = self.found.take().or_else(|| self.outside.calendly.ledger().violation.clone());
        if let Some(panic) = panics::taken() {
            self.break_promise("P6", &format!("a panic that nobody asked for: {panic}"));
        }
        self.open_database();
        self.found = self.found.take().or_else(|| self.watch().kept());
        self.set_database();
        let (Death::Stopped(down) | Death::Killed(down)) = death else { return true };
        if self.found.is_some() {
            return true;
        }
        let up = self.outside.clock.now() + down;
        while self.agenda.peek().is_some_and(|Reverse((at, ..))| *at < up) {
            let Some(Reverse((at, _, what))) = self.agenda.pop() else { break };
            self.outside.clock.jump(at.max(self.outside.clock.now()));
            self.happens(what, None);
        }
        self.outside.clock.jump(up);
        self.rough = up;
        false
    }

    async fn until_death(&mut self, life: &Life) -> Death {
        loop {
            let now = self.outside.clock.now();
            if now >= self.ends {
                return Death::Over;
            }
            let step = Duration::from_secs((now.as_secs() / STEP.as_secs() + 1) * STEP.as_secs());
            let next = self.agenda.peek().map_or(step, |Reverse((at, ..))| step.min(*at)).min(self.ends);
            sleep(next.saturating_sub(now)).await;
            let now = self.outside.clock.now();
            if self.away + self.hanging + self.weather > 0 {
                self.rough = now;
            }
            while self.agenda.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
                let Some(Reverse((_, _, what))) = self.agenda.pop() else { break };
                if let Some(death) = self.happens(what, Some(life)) {
                    return death;
                }
            }
            self.found = self.found.take().or_else(|| self.outside.calendly.ledger().violation.clone());
            if self.found.is_none() && (now >= step || now >= self.ends) {
                self.step(life).await;
                self.found = self.found.take().or_else(|| self.watch().look(life));
            }
            if self.found.is_some() {
                return Death::Over;
            }
        }
    }

    /// Notes who is parked, and does what the users want, where it can be done.
    async fn step(&mut self, life: &Life) {
        let now = self.outside.clock.now();
        for cell in life.services.registry.cells() {
            if cell.read(|c| c.facts.quarantined.is_some())
                && cell.status().status == Status::Quarantined
                && let Some(person) = self.people.get_mut(&number_of(cell.id()))
            {
                person.crashed = now;
            }
        }
        if self.away + self.hanging > 0 || !life.keeper.shared.is_started() {
            return;
        }
        let quiet = now + Duration::from_secs(QUIET) >= self.ends;
        let mut wrong = None;
        for (&of, person) in &mut self.people {
            if !quiet && connects_again(&self.outside, life, of, person) {
                person.wants.push_back(Act::Connect);
            }
            while let Some(does) = person.wants.pop_front() {
                match act(&self.outside, life, of, person, does).await {
                    Ok(true) => {}
                    Ok(false) => {
                        person.wants.push_front(does);
                        break;
                    }
                    Err(why) => {
                        wrong.get_or_insert((of, why));
                        break;
                    }
                }
            }
        }
        if let Some((of, what)) = wrong {
            self.found.get_or_insert(Violation { promise: "P2", at: now, of: Some(of), what });
        }
    }

    pub(crate) fn watch(&self) -> Watch<'_> {
        let now = self.outside.clock.now();
        let webhooks = now >= self.ends || now.as_secs().is_multiple_of(WEBHOOKS.as_secs());
        Watch { outside: &self.outside, people: &self.people, rough: self.rough, webhooks }
    }

    /// As all that holds now leaves it.
    pub(crate) fn set_database(&self) {
        self.outside.store.set_available(self.away == 0);
        self.outside.store.set_hanging(self.hanging > 0);
        self.outside.journal.set_full(self.full > 0);
    }

    fn open_database(&self) {
        self.outside.store.set_available(true);
        self.outside.store.set_hanging(false);
    }

    fn break_promise(&mut self, promise: &'static str, what: &str) {
        let at = self.outside.clock.now();
        self.found.get_or_insert(Violation { promise, at, of: None, what: what.into() });
    }

    fn report(self) -> Report {
        let ledger = self.outside.calendly.ledger();
        Report {
            violation: self.found,

            requests: ledger.requests,
            calls: ledger.calls,
            grants: ledger.grants.len(),
            lost: ledger.grants.iter().filter(|grant| grant.lost.is_some()).count(),
            lives: self.lives,
            peak: ledger.peak,
            trace: ledger.trace,
        }
    }
}
