//! No state is stuck: once faults have ended, some way leads to a calm world, from which a rotation can start.

use std::collections::HashSet;

use super::actions::{Action, Rules, is_progress, step};
use super::fingerprint::fingerprint;
use super::invariants::Verdict;
use super::known::{CALM, Known};
use super::world::{KEEPERS, Memory, NINETY, World};

/// Far more than any way takes.
const MOST: usize = 2000;

/// A state on the way, how it was reached, and which action is tried next from here.
struct Stop {
    world: World,
    hash: u64,
    by: Option<Action>,
    tried: usize,
}

/// The last rotation of a bounded story is not the last of the world.
pub(crate) fn going_on(rules: Rules) -> Rules {
    Rules { rotations: rules.rotations + 2, ..rules }
}

/// Looks for one way to calm; else tells one that does not lead there. What lies on a way that led to calm need not be
/// followed again.
pub(crate) fn follow(
    world: &World,
    hash: u64,
    known: &mut Known,
    actions: &[Action],
    rules: Rules,
) -> Result<(), Vec<Action>> {
    if known.has(hash, CALM) {
        return Ok(());
    }
    let rules = going_on(rules);
    let mut way = vec![Stop { world: *world, hash, by: None, tried: 0 }];
    let mut tried = HashSet::new();
    let mut longest = vec![];
    while let Some(stop) = way.last_mut() {
        if stop.tried == 0 {
            if known.has(stop.hash, CALM) || is_calm(&stop.world) {
                for stop in way {
                    known.mark(stop.hash, CALM);
                }
                return Ok(());
            }
            if !tried.insert(stop.hash) || tried.len() > MOST {
                way.pop();
                continue;
            }
        }
        let next = actions.iter().enumerate().skip(stop.tried).find_map(|(number, &action)| {
            let next = is_progress(action).then(|| step(&stop.world, action, rules))??;
            Some((number, action, next))
        });
        let Some((number, action, world)) = next else {
            if way.len() > longest.len() {
                longest = way.iter().filter_map(|stop| stop.by).collect();
            }
            way.pop();
            continue;
        };
        stop.tried = number + 1;
        match world.verdict {
            Verdict::Fine => {
                let hash = fingerprint(&world);
                way.push(Stop { world, hash, by: Some(action), tried: 0 });
            }
            Verdict::Residual(_) => return Ok(()),
            Verdict::Broken(_) => {} // told where the search comes to it
        }
    }
    Err(longest)
}

/// Somebody works and knows the row, which holds a living token; or there is nothing to keep alive.
fn is_calm(world: &World) -> bool {
    let row = world.database.stored.row;
    let grant = usize::from(world.user.grant);
    if world.user.deleted {
        // A failover took the deletion back, and the journal that held it is gone.
        let forgotten = world.database.went_back && world.keepers.iter().any(|keeper| keeper.gone);
        return row.deleted || forgotten;
    }
    if world.server.dead[grant] || !world.is_healthy(world.user.grant) {
        return true; // only the user can help, or a lost answer had consumed it
    }
    let holds = row.pair.token.grant == world.user.grant
        && row.pair.token.number == world.server.current[grant]
        && !row.deleted
        && !row.refused
        && !row.paused
        && row.claim.is_none();
    holds
        && KEEPERS.iter().any(|&keeper| {
            let me = &world.keepers[keeper];
            me.is_ready(&world.database)
                && me.believes
                && world.database.lock == Some(keeper)
                && me.hold >= NINETY
                && me.memory == Some(Memory::of(row))
        })
}
