//! Breadth first, so that the first violation found has the shortest trace. Of a state that was seen only its hash is
//! kept, and how it was reached.

use std::time::{Duration, Instant};

use super::actions::{Action, Rules, all, step};
use super::fingerprint::fingerprint;
use super::invariants::{Residual, Verdict};
use super::known::{Known, SEEN};
use super::progress::{follow, going_on};
use super::story::Story;
use super::words::in_words;
use super::world::World;

/// What came of a search.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) depth: usize,
    pub(crate) took: Duration,
    /// The shortest way to each.
    pub(crate) residuals: Vec<(Residual, Way)>,
    /// Where the search ended, had it not come to the end of all ways.
    pub(crate) violation: Option<(Violation, Way)>,
}

/// What must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// An invariant does not hold.
    Broken(&'static str),
    /// From here nothing leads to calm, though faults have ended.
    Stuck,
}

/// The shortest way to something.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) steps: usize,
    /// One step a line.
    pub(crate) trace: String,
}

/// Looks at every world that the story allows, until there is no other or something is broken.
pub(crate) fn search(story: &Story) -> Found {
    let started = Instant::now();
    let mut search = Search::new(story);
    let first = World::new(story.left);
    search.known.mark(fingerprint(&first), SEEN);
    let mut layer = vec![(0, first)];
    while !layer.is_empty() && !search.is_over() {
        search.found.depth += 1;
        layer = search.next_layer(&layer);
    }
    search.found.states = search.known.seen();
    search.found.took = started.elapsed();
    search.found
}

struct Search<'a> {
    story: &'a Story,
    actions: Vec<Action>,
    known: Known,
    /// From which state, by which of the actions.
    reached: Vec<(u32, u8)>,
    found: Found,
}

impl<'a> Search<'a> {
    fn new(story: &'a Story) -> Self {
        Self {
            story,
            actions: all(story.rules.removed),
            known: Known::new(),
            reached: vec![(0, 0)],
            found: Found { states: 0, depth: 0, took: Duration::ZERO, residuals: vec![], violation: None },
        }
    }

    fn is_over(&self) -> bool {
        let Found { depth, residuals, violation, .. } = &self.found;
        let is_found = |sought: Residual| residuals.iter().any(|(residual, _)| *residual == sought);
        violation.is_some() || *depth >= self.story.depth || self.story.sought.is_some_and(is_found)
    }

    fn next_layer(&mut self, layer: &[(u32, World)]) -> Vec<(u32, World)> {
        let mut next_layer = vec![];
        for &(from, ref world) in layer {
            for number in 0..self.actions.len() {
                let Some(next) = step(world, self.actions[number], self.story.rules) else { continue };
                let by = (from, number as u8);
                match next.verdict {
                    Verdict::Fine => {
                        let hash = fingerprint(&next);
                        if !self.known.mark(hash, SEEN) {
                            continue;
                        }
                        if let Err(taken) = self.leads_on(&next, hash) {
                            self.found.violation = Some((Violation::Stuck, self.way_to(by, &taken)));
                            return next_layer;
                        }
                        next_layer.push((self.reach(by), next));
                    }
                    Verdict::Residual(residual) => {
                        if self.found.residuals.iter().all(|(known, _)| *known != residual) {
                            let way = self.way_to(by, &[]);
                            self.found.residuals.push((residual, way));
                        }
                    }
                    Verdict::Broken(what) => {
                        self.found.violation = Some((Violation::Broken(what), self.way_to(by, &[])));
                        return next_layer;
                    }
                }
            }
        }
        next_layer
    }

    fn leads_on(&mut self, world: &World, hash: u64) -> Result<(), Vec<Action>> {
        if !self.story.progress {
            return Ok(());
        }
        follow(world, hash, &mut self.known, &self.actions, self.story.rules)
    }

    fn reach(&mut self, by: (u32, u8)) -> u32 {
        self.reached.push(by);
        u32::try_from(self.reached.len() - 1).unwrap()
    }

    /// `stuck`: how far it went on without faults.
    fn way_to(&self, by: (u32, u8), stuck: &[Action]) -> Way {
        let mut way = vec![by.1];
        let mut state = by.0;
        while state != 0 {
            let (from, action) = self.reached[state as usize];
            way.push(action);
            state = from;
        }
        let steps: Vec<_> = way.into_iter().rev().map(|number| self.actions[usize::from(number)]).collect();
        Way { steps: steps.len(), trace: tell(World::new(self.story.left), &steps, stuck, self.story.rules) }
    }
}

fn tell(mut world: World, steps: &[Action], stuck: &[Action], mut rules: Rules) -> String {
    let mut lines = vec![];
    for (number, &action) in steps.iter().chain(stuck.iter().take(20)).enumerate() {
        let Some(next) = step(&world, action, rules) else { break };
        let faultless = if number < steps.len() { "" } else { "(without faults) " };
        lines.push(format!("{:>5}. {faultless}{}", number + 1, in_words(action, &world, &next)));
        world = next;
        if number + 1 == steps.len() && !stuck.is_empty() {
            rules = going_on(rules);
        }
    }
    lines.join("\n")
}
