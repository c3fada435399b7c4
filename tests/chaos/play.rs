//! One run: trouble after trouble, each until tokens are refreshed again, and at last everything in order.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::crew::Crew;
use crate::report::{Report, Span};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::support::wait::until;
use crate::troubles::{Chance, Meanwhile, Trouble};

/// A hold, and the time that the tokens which ended in it need.
const RECOVERY: Duration = Duration::from_secs(240);
/// For how long there is peace between two troubles, at most, in milliseconds.
const PEACE: u64 = 1_200;

struct Run {
    settings: Settings,
    stage: Stage,
    crew: Crew,
    chance: Chance,
    spans: Vec<Span>,
}

pub(crate) fn play(settings: Settings) -> Report {
    let began = Utc::now();
    let (stage, setups) = Stage::new(&settings);
    let mut run =
        Run { settings, stage, crew: Crew::start(setups), chance: Chance::new(settings), spans: vec![] };
    run.recovers("start", began, Utc::now());

    let start = Instant::now();
    while start.elapsed() < settings.length || !run.chance.has_opened() {
        let peace = run.chance.milliseconds(0..PEACE);
        std::thread::sleep(peace);
        run.crew.tend();
        let trouble = run.chance.next();
        run.trouble(trouble);
        run.stage.connect_again(&run.crew);
    }
    let last = run.chance.last();
    run.trouble(last);
    let failed = run.stage.clear_faults();
    run.come_into_order();
    run.end(failed)
}

impl Run {
    fn trouble(&mut self, trouble: Trouble) {
        let began = Utc::now();
        let since = self.spans.first().map_or(0, |start| (began - start.over).num_seconds());
        eprintln!("chaos on {}: {since:>4} s {trouble:?}", self.settings.backend.name());
        let anybody = self.chance.up_to(self.settings.keepers);
        let who = if self.chance.up_to(3) == 0 { anybody } else { self.crew.worker().unwrap_or(anybody) };
        let mut absent = false;
        match trouble {
            Trouble::Kill(away) => self.kill(who, true, away),
            Trouble::Terminate => self.terminate(who, true),
            Trouble::Pause(length) => self.crew.freeze(who, || std::thread::sleep(length)),
            Trouble::Supplant(length) => {
                let database = &self.stage.database;
                self.crew.freeze(who, || {
                    database.end_lock_session();
                    std::thread::sleep(length);
                });
            }
            Trouble::Outage { how, length, meanwhile } => {
                self.stage.lose_database_under_answers(how);
                let away = Instant::now();
                std::thread::sleep(length / 2);
                match meanwhile {
                    None => {}
                    // Who stands by on the same data directory has to do without it.
                    Some(Meanwhile::Kill) if !self.settings.has_holds() && !self.settings.alone() => {
                        self.crew.kill(who, || {});
                        absent = true;
                    }
                    Some(Meanwhile::Kill) => self.kill(who, false, Duration::ZERO),
                    Some(Meanwhile::Terminate) => self.terminate(who, false),
                    Some(Meanwhile::Pause) => self.crew.freeze(who, || std::thread::sleep(length / 4)),
                }
                std::thread::sleep(length.saturating_sub(away.elapsed()));
                self.stage.database.come_back();
            }
        }
        let over = Utc::now();
        if matches!(trouble, Trouble::Outage { .. }) && self.settings.has_holds() {
            self.level(began, over);
            if !self.settings.is_long() {
                // Nobody refreshes before the hold is over.
                let what = trouble.name(self.settings);
                return self.spans.push(Span { what, from: began, over, refreshed: None, to: None });
            }
        }
        self.recovers(trouble.name(self.settings), began, over);
        if absent {
            self.crew.run(who);
        }
    }

    fn kill(&mut self, who: usize, can_look: bool, away: Duration) {
        let simulator = &self.stage.simulator;
        if !self.settings.alone() {
            self.crew.kill(who, || {});
            std::thread::sleep(away);
            return self.crew.run(who);
        }
        // What is on its way goes with it, so that it shows what has arrived.
        self.crew.kill(who, || simulator.stop());
        self.stage.rest();
        if can_look {
            self.stage.compare(&self.crew);
        }
        self.stage.simulator.come_back().unwrap();
        self.crew.run(who);
    }

    fn terminate(&mut self, who: usize, can_look: bool) {
        self.crew.terminate(who);
        if self.settings.alone() && can_look {
            let lost = self.stage.compare(&self.crew);
            assert_eq!(lost, 0, "lost by a stop: {:?}", self.stage.book.lost);
        }
        self.crew.run(who);
    }

    /// Until the simulator sees the next refresh and, mostly, until everybody has a valid token: now and then the next
    /// trouble comes before.
    fn recovers(&mut self, what: &'static str, from: DateTime<Utc>, over: DateTime<Utc>) {
        let before = self.stage.simulator.counters().rotations;
        let over = over.max(self.stage.first_due(self.settings.lifetime()));
        self.wait(what, |stage| stage.simulator.counters().rotations > before);
        let refreshed = Utc::now();
        let valid = (self.chance.up_to(4) > 0).then(|| {
            self.wait(what, |stage| stage.without_valid_token(Utc::now()).is_empty());
            Utc::now()
        });
        self.spans.push(Span { what, from, over, refreshed: Some(refreshed), to: valid });
    }

    fn wait(&mut self, what: &str, over: impl Fn(&Stage) -> bool) {
        let waited = Instant::now();
        let mut looked = waited;
        while !over(&self.stage) {
            self.crew.tend();
            if looked.elapsed() > Duration::from_secs(1) {
                // Whose grant was lost has no token any more.
                self.stage.note_presented_again(&self.crew);
                looked = Instant::now();
            }
            let without = || self.stage.without_valid_token(Utc::now());
            let said = || format!("after {what}: {:?}\n{}", without(), self.crew.said());
            assert!(waited.elapsed() < RECOVERY, "not recovered {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Until the database, back again, has every pair that was durable elsewhere.
    fn level(&mut self, from: DateTime<Utc>, over: DateTime<Utc>) {
        let (stage, crew) = (&self.stage, &mut self.crew);
        until("all pairs in the database", RECOVERY, || {
            crew.tend();
            stage.is_level(crew).then_some(())
        });
        let to = Some(Utc::now());
        self.spans.push(Span { what: "pairs in the database", from, over, refreshed: None, to });
    }

    /// Left alone, keepers bring every grant into order, and say of the lost ones that they are.
    fn come_into_order(&mut self) {
        if self.settings.has_holds() && !self.settings.is_long() {
            return;
        }
        let over = Utc::now();
        let mut open = vec![];
        let waited = Instant::now();
        loop {
            self.crew.tend();
            let refused = self.stage.refused(&self.crew);
            let now = Utc::now();
            open.clear();
            open.extend(self.stage.rows().into_iter().filter(|row| {
                let living = row.expires_at.is_some_and(|at| at > now) && row.unknown_since.is_none();
                let lost = self.stage.book.open.contains(row.id.as_str());
                if lost { !refused.iter().any(|id| *id == row.id.as_str()) } else { !living }
            }));
            if open.is_empty() {
                break;
            }
            assert!(waited.elapsed() < RECOVERY, "not in order: {open:?}\n{}", self.crew.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        let to = Some(Utc::now());
        self.spans.push(Span { what: "left alone", from: over, over, refreshed: None, to });
    }

    fn end(mut self, failed: u64) -> Report {
        (0..self.settings.keepers).for_each(|n| self.crew.terminate(n));
        let ended = Utc::now();
        self.stage.refused(&self.crew);
        self.stage.compare(&self.crew);
        Report::new(self.settings, &self.stage, self.crew.record, self.spans, (ended, failed))
    }
}
