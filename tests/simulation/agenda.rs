//! How each thing of a plan is brought about, and how it ends.

use std::time::Duration;

use calendly_keeper::store::MemorySnapshot;

use super::keeper::{Life, id};
use super::ledger::End;
use super::plan::{Crash, Fault, Weather};
use super::run::{Death, Simulation};

/// Fewer connections than this that all are refused are no fault of all: then each is believed to be gone.
const MANY: usize = 12;
/// Between two crashes of one actor.
const APART: Duration = Duration::from_secs(4);

/// What is to be done at its time.
pub(crate) enum Happening {
    Planned(Fault),
    Crash(u32, Crash),
    WeatherEnds(Weather),
    DatabaseIsBack,
    DatabaseGoesOn,
    /// It goes away, to come back after so long as it was then.
    FailsOver(Box<MemorySnapshot>, Duration),
    IsRestored(Box<MemorySnapshot>),
    JournalHasRoom,
    RowTaken(u32),
}

/// The agenda orders by time and sequence alone.
impl Ord for Happening {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Happening {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Happening {}

impl Simulation {
    /// Brings it about; answers where the keeper's life ends with it. `life`: `None` while no keeper runs.
    pub(crate) fn happens(&mut self, what: Happening, life: Option<&Life>) -> Option<Death> {
        let now = self.outside.clock.now();
        match what {
            Happening::Planned(fault) => return self.begins(fault, life),
            Happening::Crash(of, how) => self.crash(of, how, life),
            Happening::WeatherEnds(weather) => {
                self.weather -= 1;
                self.outside.calendly.ends(weather);
                self.rough = now;
            }
            Happening::DatabaseIsBack => self.away -= 1,
            Happening::DatabaseGoesOn => self.hanging -= 1,
            Happening::JournalHasRoom => self.full -= 1,
            Happening::RowTaken(of) => self.outside.store.accept_commits_of(&id(of)),
            Happening::FailsOver(then, away) => {
                self.away += 1;
                self.schedule(now + away, Happening::IsRestored(then));
            }
            Happening::IsRestored(then) => {
                self.away -= 1;
                self.outside.store.restore(&then);
            }
        }
        self.set_database();
        None
    }

    fn begins(&mut self, fault: Fault, life: Option<&Life>) -> Option<Death> {
        let now = self.outside.clock.now();
        let after = |seconds: u64| now + Duration::from_secs(seconds);
        match fault {
            Fault::Token { of, meets } => {
                self.outside.calendly.ledger().users[of as usize].tokens_meet.push_back(meets);
            }
            Fault::Api { of, meets } => {
                self.outside.calendly.ledger().users[of as usize].calls_meet.push_back(meets);
            }
            Fault::Revoked { of } => {
                let grant = self.people.get(&of).and_then(|person| person.grant);
                if let Some((grant, _)) = grant {
                    self.outside.calendly.ledger().end(grant, End::Revoked, now);
                }
            }
            Fault::Sabotage { of, how } => {
                let grant = self.people.get(&of).and_then(|person| person.grant);
                if let Some((grant, _)) = grant {
                    self.outside.calendly.sabotage(of, grant, how);
                }
            }
            Fault::Webhook { of, is } => {
                self.outside.calendly.tamper(of, is);
                if let Some(person) = self.people.get_mut(&of) {
                    person.tampered = now;
                }
            }
            Fault::User { of, does } => {
                if let Some(person) = self.people.get_mut(&of) {
                    person.wants.push_back(does);
                }
            }
            Fault::Actor { of, fails, times } => {
                self.crash(of, fails, life);
                for nth in 1..u32::from(times) {
                    self.schedule(now + APART * nth, Happening::Crash(of, fails));
                }
            }
            Fault::Top { which, fails } => {
                if let Some(life) = life {
                    life.crash_top(which, fails);
                }
            }
            Fault::Calendly { is, seconds } => {
                let living = self.people.values().filter(|person| self.may_be_refreshed(person)).count();
                if is != Weather::Refusing || living >= MANY {
                    self.weather += 1;
                    self.outside.calendly.begins(is);
                    self.schedule(after(seconds), Happening::WeatherEnds(is));
                }
            }
            Fault::DatabaseAway { seconds } => {
                self.away += 1;
                self.schedule(after(seconds), Happening::DatabaseIsBack);
            }
            Fault::DatabaseHangs { seconds } => {
                self.hanging += 1;
                self.schedule(after(seconds), Happening::DatabaseGoesOn);
            }
            Fault::DatabaseGoesBack { after: later, away } => {
                let then = Box::new(self.outside.store.snapshot());
                self.schedule(after(later), Happening::FailsOver(then, Duration::from_secs(away)));
            }
            Fault::RowRefused { of, seconds } => {
                self.outside.store.refuse_commits_of(id(of));
                self.schedule(after(seconds), Happening::RowTaken(of));
            }
            Fault::CommitsFail { times } => self.outside.store.fail_commits(times),
            Fault::CommitAnswersLost { times } => self.outside.store.lose_commit_answers(times),
            Fault::JournalFull { seconds } => {
                self.full += 1;
                self.schedule(after(seconds), Happening::JournalHasRoom);
            }
            // Nothing runs: there is nothing to stop.
            Fault::Stopped { .. } | Fault::Killed { .. } if life.is_none() => {}
            Fault::Stopped { seconds } => return Some(Death::Stopped(Duration::from_secs(seconds))),
            Fault::Killed { seconds } => return Some(Death::Killed(Duration::from_secs(seconds))),
        }
        self.set_database();
        None
    }

    fn crash(&mut self, of: u32, how: Crash, life: Option<&Life>) {
        if let (Some(person), Some(life)) = (self.people.get_mut(&of), life) {
            person.crashed = self.outside.clock.now();
            life.crash(of, how);
        }
    }

    fn may_be_refreshed(&self, person: &super::people::Person) -> bool {
        let ledger = self.outside.calendly.ledger();
        !person.paused
            && person.grant.is_some_and(|(grant, _)| ledger.grants[grant as usize].gone().is_none())
    }
}
