//! What is explored: how much may happen, against which rules.

use super::actions::Rules;
use super::guards::{Guard, Removed};
use super::invariants::Residual;
use super::search::{Found, search};
use super::server::Kind;

/// What may still happen, of each kind and altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) faults: u8,
    pub(crate) kills: u8,
    pub(crate) machines: u8,
    pub(crate) locks: u8,
    pub(crate) freezes: u8,
    pub(crate) outages: u8,
    pub(crate) failovers: u8,
    pub(crate) answers: u8,
    pub(crate) errors: u8,
    pub(crate) slow: u8,
    pub(crate) acts: u8,
}

/// Bounds and rules of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    pub(crate) left: Left,
    pub(crate) rules: Rules,
    /// Whether each state must lead to calm once faults have ended.
    pub(crate) progress: bool,
    /// Ends where this one is found.
    pub(crate) sought: Option<Residual>,
    /// No further than so many steps.
    pub(crate) depth: usize,
}

impl Story {
    /// So many faults altogether, each kind once; one rotation; a plain server, every guard in place.
    pub(crate) fn of(faults: u8, acts: u8) -> Self {
        let left = Left {
            faults,
            kills: 1,
            machines: 1,
            locks: 1,
            freezes: 1,
            outages: 1,
            failovers: 1,
            answers: 1,
            errors: 1,
            slow: 0,
            acts,
        };
        let rules = Rules { removed: Removed::default(), server: Kind::Plain, rotations: 1 };
        Self { left, rules, progress: true, sought: None, depth: usize::MAX }
    }

    pub(crate) fn on(self, server: Kind) -> Self {
        Self { rules: Rules { server, ..self.rules }, ..self }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Left)) -> Self {
        change(&mut self.left);
        self
    }

    pub(crate) fn rotations(self, rotations: u8) -> Self {
        Self { rules: Rules { rotations, ..self.rules }, ..self }
    }

    pub(crate) fn without(self, guards: &[Guard]) -> Self {
        Self { rules: Rules { removed: Removed::of(guards), ..self.rules }, ..self }
    }

    /// Invariants alone: nobody asks whether a state leads on.
    pub(crate) fn invariants_only(self) -> Self {
        Self { progress: false, ..self }
    }

    pub(crate) fn until(self, residual: Residual) -> Self {
        Self { sought: Some(residual), ..self }
    }

    pub(crate) fn up_to(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// As `KEEPER_MODEL` says, where it is set.
    pub(crate) fn from_environment() -> Option<Self> {
        let text = std::env::var("KEEPER_MODEL").ok()?;
        Some(Self::read(&text).unwrap_or_else(|what| panic!("KEEPER_MODEL: {what}")))
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut story = Self::of(2, 1);
        for word in text.split_whitespace() {
            let (name, value) =
                word.split_once('=').ok_or_else(|| format!("{word}: NAME=VALUE is wanted"))?;
            if name == "server" {
                story.rules.server = match value {
                    "plain" => Kind::Plain,
                    "reuse-kills" => Kind::ReuseKills,
                    "one-grant" => Kind::OneGrant,
                    _ => return Err(format!("{word}: plain, reuse-kills or one-grant")),
                };
                continue;
            }
            let number: usize = value.parse().map_err(|_| format!("{word}: a number is wanted"))?;
            match name {
                "depth" => story.depth = number,
                "progress" => story.progress = number > 0,
                _ => *story.bound(name)? = u8::try_from(number).map_err(|_| format!("{word}: too many"))?,
            }
        }
        Ok(story)
    }

    fn bound(&mut self, name: &str) -> Result<&mut u8, String> {
        let left = &mut self.left;
        Ok(match name {
            "faults" => &mut left.faults,
            "kills" => &mut left.kills,
            "machines" => &mut left.machines,
            "locks" => &mut left.locks,
            "freezes" => &mut left.freezes,
            "outages" => &mut left.outages,
            "failovers" => &mut left.failovers,
            "answers" => &mut left.answers,
            "errors" => &mut left.errors,
            "slow" => &mut left.slow,
            "acts" => &mut left.acts,
            "rotations" => &mut self.rules.rotations,
            _ => return Err(format!("{name} is no bound: see the head of tests/model/main.rs")),
        })
    }

    /// Searches, and prints what came of it.
    pub(crate) fn run(&self, name: &str) -> Found {
        let found = search(self);
        let Found { states, depth, took, .. } = found;
        let rate = states as f64 / took.as_secs_f64() / 1000.0;
        println!("{name}: {states} states, depth {depth}, {took:.1?} ({rate:.0} thousand a second)");
        for (residual, way) in &found.residuals {
            println!("  residual {residual:?}, first in {} steps", way.steps);
        }
        if let Some((violation, way)) = &found.violation {
            println!("  {violation:?} in {} steps\n{}", way.steps, way.trace);
        }
        found
    }
}

#[test]
fn bounds_are_read_and_mistakes_named() {
    let story = Story::read("faults=3 acts=0 rotations=2 server=reuse-kills progress=0 depth=9").unwrap();
    assert_eq!((story.left.faults, story.left.acts, story.rules.rotations), (3, 0, 2));
    assert_eq!((story.rules.server, story.progress, story.depth), (Kind::ReuseKills, false, 9));
    for (text, named) in
        [("fault=3", "fault"), ("faults", "NAME=VALUE"), ("acts=x", "number"), ("acts=300", "many")]
    {
        let mistake = Story::read(text).unwrap_err();
        assert!(mistake.contains(named), "{text}: {mistake}");
    }
}
