//! The keepers: started, killed, stopped, frozen, and what each life of theirs has said.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;

use crate::support::exposures::{Exposures, last_status};
use crate::support::keeper_process::{KeeperProcess, Setup};
use crate::support::wait::until;

/// A stop waits for what is in flight.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
/// Between the consumption of a token and the durable write lies no more, on a machine that has other things to do.
const EXPOSED: TimeDelta = TimeDelta::milliseconds(1_000);

pub(crate) struct Crew {
    keepers: Vec<Keeper>,
    /// In which times an answer may have been lost.
    deaths: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(crate) record: Record,
}

struct Keeper {
    setup: Setup,
    running: Option<KeeperProcess>,
    /// The last time that it was frozen.
    frozen: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// What the lives came to.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) starts: usize,
    pub(crate) killed: usize,
    pub(crate) stopped: usize,
    /// Ended by themselves, because another one works.
    pub(crate) supplanted: usize,
    pub(crate) frozen: Vec<Duration>,
    /// Actors that were started again.
    pub(crate) actors: u64,
    pub(crate) exposures: Exposures,
}

impl Crew {
    pub(crate) fn start(setups: Vec<Setup>) -> Self {
        let keepers: Vec<_> =
            setups.into_iter().map(|setup| Keeper { setup, running: None, frozen: None }).collect();
        let mut crew = Self { keepers, deaths: vec![], record: Record::default() };
        (0..crew.keepers.len()).for_each(|n| crew.run(n));
        crew.record.starts = 0;
        crew
    }

    /// Starts one that does not run.
    pub(crate) fn run(&mut self, n: usize) {
        self.keepers[n].running = Some(self.keepers[n].setup.run());
        self.record.starts += 1;
    }

    /// The one that works, so far as it has said so.
    pub(crate) fn worker(&self) -> Option<usize> {
        let works = |keeper: &Keeper| keeper.running.as_ref().is_some_and(|running| worked(&running.log()));
        self.keepers.iter().position(works)
    }

    /// SIGKILL and, in the same moment, what `with_it` does.
    pub(crate) fn kill(&mut self, n: usize, with_it: impl FnOnce()) {
        let running = self.keepers[n].running.take().unwrap();
        let said = running.log();
        let before = Utc::now();
        running.kill(with_it);
        self.record.killed += 1;
        if self.record.life(&said) {
            // Whoever was frozen in that time was so in the middle of it.
            let from = before - EXPOSED;
            let frozen = self.keepers[n].frozen.filter(|(_, woken)| *woken > from);
            let from = frozen.map_or(from, |(frozen, _)| frozen - EXPOSED);
            self.deaths.push((from, Utc::now()));
        }
    }

    /// SIGTERM: it ends well, with nothing left undone.
    pub(crate) fn terminate(&mut self, n: usize) {
        let mut running = self.keepers[n].running.take().unwrap();
        running.signal(Signal::TERM);
        let status = until("the end after SIGTERM", DEADLINE, || running.ended());
        let said = running.log();
        assert!(status.success(), "{status}:\n{}", tail(&said));
        self.record.stopped += 1;
        self.record.life(&said);
    }

    /// SIGSTOP, `meanwhile`, SIGCONT.
    pub(crate) fn freeze(&mut self, n: usize, meanwhile: impl FnOnce()) {
        let keeper = &mut self.keepers[n];
        let running = keeper.running.as_ref().unwrap();
        let from = Utc::now();
        running.signal(Signal::STOP);
        meanwhile();
        running.signal(Signal::CONT);
        keeper.frozen = Some((from, Utc::now()));
        self.record.frozen.push((Utc::now() - from).to_std().unwrap());
    }

    /// As a service manager does: whoever ended because another one works is started again. Nobody else may end.
    pub(crate) fn tend(&mut self) {
        for n in 0..self.keepers.len() {
            let Some(running) = &mut self.keepers[n].running else { continue };
            let Some(status) = running.ended() else { continue };
            let said = running.log();
            let supplanted = status.code() == Some(1) && said.contains("the keeper lock is lost to");
            assert!(supplanted, "ended by itself with {status}:\n{}", tail(&said));
            self.record.life(&said);
            self.record.supplanted += 1;
            self.run(n);
        }
    }

    /// How long before the death of a keeper that worked this pair was made, where that may have cost it.
    pub(crate) fn died_over(&self, issued_at: DateTime<Utc>) -> Option<TimeDelta> {
        let mut deaths = self.deaths.iter();
        deaths.find(|(from, to)| (*from..=*to).contains(&issued_at)).map(|(_, to)| *to - issued_at)
    }

    /// The ends of all logs, for a failing test to print.
    pub(crate) fn said(&self) -> String {
        let logs = self.keepers.iter().flat_map(|keeper| &keeper.running).map(|running| tail(&running.log()));
        logs.collect::<Vec<_>>().join("\n---\n")
    }
}

impl Record {
    /// Takes down what a process has said; whether it worked, or stood by.
    fn life(&mut self, said: &str) -> bool {
        for bad in ["panicked", "quarantined connection", "reason=revoked", "reason=dead_on_arrival"] {
            assert!(!said.contains(bad), "{bad}:\n{}", tail(said));
        }
        self.actors += last_status(said, "restarts=").map_or(0, |restarts| restarts.parse().unwrap());
        self.exposures.life(said);
        worked(said)
    }
}

fn worked(said: &str) -> bool {
    said.contains(" started connections=")
}

fn tail(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
