//! What is done to keepers and their database, as it is drawn from the seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::settings::Settings;
use crate::support::postgres::Stop;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// SIGKILL, and another start after this: where another one stands by, perhaps too late.
    Kill(Duration),
    /// SIGTERM, and another start.
    Terminate,
    /// SIGSTOP, and SIGCONT after this.
    Pause(Duration),
    /// The same, and meanwhile its session with the keeper lock is ended: another one takes over.
    Supplant(Duration),
    /// The database takes nothing for so long.
    Outage { how: Stop, length: Duration, meanwhile: Option<Meanwhile> },
}

/// What happens to the keeper while its database is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meanwhile {
    Kill,
    Terminate,
    Pause,
}

impl Trouble {
    /// Its row in the table.
    pub(crate) fn name(&self, settings: Settings) -> &'static str {
        match self {
            Self::Kill(_) => "SIGKILL",
            Self::Terminate => "SIGTERM",
            Self::Pause(_) => "SIGSTOP",
            Self::Supplant(_) => "SIGSTOP, lock lost",
            Self::Outage { .. } if !settings.has_holds() => "database locked",
            Self::Outage { how: Stop::Fast, .. } => "database stopped",
            Self::Outage { how: Stop::Immediate, .. } => "database crashed",
        }
    }
}

/// What comes next, and what else is a matter of chance.
pub(crate) struct Chance {
    chance: StdRng,
    settings: Settings,
    waiting: Vec<Trouble>,
    /// Everything of the first round has come.
    opened: bool,
}

impl Chance {
    pub(crate) fn new(settings: Settings) -> Self {
        let chance = StdRng::seed_from_u64(settings.seed);
        let mut this = Self { chance, settings, waiting: vec![], opened: false };
        let mut first = vec![this.kill(true), this.kill(false), Trouble::Terminate, this.pause(200..2_500)];
        first.shuffle(&mut this.chance);
        this.waiting = first;
        this
    }

    /// The next trouble; a round of each kind always comes to its end before the run may.
    pub(crate) fn next(&mut self) -> Trouble {
        if self.waiting.is_empty() {
            self.waiting = self.round();
        }
        let next = self.waiting.pop();
        self.opened |= self.waiting.is_empty();
        next.unwrap_or(Trouble::Kill(Duration::ZERO))
    }

    pub(crate) fn has_opened(&self) -> bool {
        self.opened
    }

    fn round(&mut self) -> Vec<Trouble> {
        let mut round = vec![self.kill(false), self.kill(false), self.kill(false), self.kill(true)];
        round.extend([Trouble::Terminate; 2]);
        round.push(self.pause(100..3_000));
        if self.settings.is_long() {
            // Longer than a claim may be acted on, than an answer is waited for, and than a claim lives.
            round.push(self.pause(5_500..9_000));
            round.push(self.pause(62_000..75_000));
            round.push(self.pause(92_000..110_000));
        }
        if self.settings.is_long() || !self.settings.has_holds() {
            round.push(self.outage());
        }
        if self.settings.is_long() && self.settings.has_holds() && !self.settings.alone() {
            let length = self.milliseconds(3_000..110_000);
            round.push(Trouble::Supplant(length));
        }
        round.shuffle(&mut self.chance);
        round
    }

    /// What each run ends with: in the short form on PostgreSQL nobody refreshes after it.
    pub(crate) fn last(&mut self) -> Trouble {
        let mut last = self.outage();
        if let Trouble::Outage { meanwhile, .. } = &mut last {
            *meanwhile = Some(Meanwhile::Kill);
        }
        last
    }

    fn outage(&mut self) -> Trouble {
        let how = if self.chance.random() { Stop::Fast } else { Stop::Immediate };
        let mut meanwhile = vec![None, Some(Meanwhile::Kill), Some(Meanwhile::Pause)];
        // A stop waits for its database for some 10 s.
        if self.settings.is_long() {
            meanwhile.push(Some(Meanwhile::Terminate));
        }
        let meanwhile = meanwhile[self.up_to(meanwhile.len())];
        // A kill in the middle comes long after every answer that was on its way at the beginning.
        let longest = if self.settings.is_long() { 20_000 } else { 3_500 };
        Trouble::Outage { how, length: self.milliseconds(2_600..longest), meanwhile }
    }

    fn kill(&mut self, take_over: bool) -> Trouble {
        // Who stands by asks for the lock every 2 s.
        let take_over = take_over && !self.settings.alone();
        Trouble::Kill(if take_over { self.milliseconds(2_200..5_000) } else { Duration::ZERO })
    }

    fn pause(&mut self, milliseconds: std::ops::Range<u64>) -> Trouble {
        Trouble::Pause(self.milliseconds(milliseconds))
    }

    pub(crate) fn milliseconds(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.chance.random_range(range))
    }

    pub(crate) fn up_to(&mut self, count: usize) -> usize {
        self.chance.random_range(0..count)
    }
}
