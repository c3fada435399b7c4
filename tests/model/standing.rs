//! Who works and what a keeper does about it: start, write forward, take the lock, reload. And time, which waits for
//! what is done at once.

use super::guards::{Guard, Removed};
use super::invariants::Residual;
use super::world::{Claim, Due, KEEPERS, Memory, NINETY, Record, Statement, TASKS, Task, World};
use super::{database, memory};

/// A dead process is started again.
pub(crate) fn restart(world: &mut World, keeper: usize) -> bool {
    let me = &mut world.keepers[keeper];
    let may = !me.alive && !me.gone;
    if may {
        me.alive = true;
        me.started = false;
    }
    may
}

/// Writes forward what journal and memory know, after a start and after every reconnect.
pub(crate) fn forward(world: &mut World, keeper: usize, removed: Removed) -> bool {
    let me = &world.keepers[keeper];
    let news = !me.forwarded || me.is_idle() && !world.database.stored.replayed[keeper];
    if !(me.runs() && world.database.up && news) {
        return false;
    }
    let guard = if me.started { Guard::ForwardInAnyRole } else { Guard::StandByReplays };
    let skips = !removed.keeps(guard) && world.database.lock != Some(keeper);
    if skips {
        world.keepers[keeper].skipped = true;
    } else {
        write(world, keeper, removed);
    }
    let me = &mut world.keepers[keeper];
    me.started = true;
    me.forwarded = true;
    memory::adopt(world, keeper, removed);
    true
}

fn write(world: &mut World, keeper: usize, removed: Removed) {
    let me = world.keepers[keeper];
    let known = me.memory.map(|known| Record { pair: known.pair, deleted: known.deleted });
    let pairs = me.tasks.map(|task| match task {
        Task::Keeping { pair, .. } => Some(Record { pair, deleted: false }),
        _ => None,
    });
    let is_idle = me.is_idle();
    for record in [me.journal, known].into_iter().chain(pairs).flatten() {
        database::write_forward(&mut world.database.stored.row, record, removed);
    }
    world.database.stored.replayed[keeper] |= is_idle;
    world.keepers[keeper].skipped = false;
}

/// Takes the keeper lock where nobody has it, and reads what there is.
pub(crate) fn lock(world: &mut World, keeper: usize, removed: Removed) -> bool {
    let me = &world.keepers[keeper];
    if !me.is_ready(&world.database) || me.believes || world.database.lock.is_some() {
        return false;
    }
    if me.skipped {
        write(world, keeper, removed);
    }
    let stored = &world.database.stored;
    let anew = world.database.anew && removed.keeps(Guard::HoldAfterFailover);
    let exempt = !anew && stored.last_worker.is_none_or(|last| last == keeper || stored.clean)
        || !removed.keeps(Guard::Hold);
    world.database.lock = Some(keeper);
    database::void_claims(world, keeper, removed);
    let row = world.database.stored.row;
    let me = &mut world.keepers[keeper];
    me.believes = true;
    me.hold = if exempt { NINETY } else { 0 };
    me.memory = me.memory.or(Some(Memory::of(row)));
    memory::adopt(world, keeper, removed);
    complete(world, keeper);
    true
}

/// A hold that is over makes its keeper the last that worked.
fn complete(world: &mut World, keeper: usize) {
    if world.keepers[keeper].hold >= NINETY {
        world.database.anew = false;
        world.database.stored.last_worker = Some(keeper);
        world.database.stored.clean = false;
    }
}

/// The lock is asked after every few seconds.
pub(crate) fn notice(world: &mut World, keeper: usize) -> bool {
    let me = &mut world.keepers[keeper];
    let lost = me.runs() && me.believes && world.database.lock != Some(keeper);
    if lost {
        me.believes = false;
        me.hold = 0;
    }
    lost
}

/// A connection of the pool reads the row, perhaps before the reconnect has been noticed.
pub(crate) fn reload(world: &mut World, keeper: usize, removed: Removed) -> bool {
    let before = world.keepers[keeper].memory;
    if !world.keepers[keeper].runs() || !world.database.up || before.is_none() {
        return false;
    }
    memory::adopt(world, keeper, removed);
    world.keepers[keeper].memory != before || world.server.due.contains(&Due::Known)
}

/// 30 s pass, unless something is open that takes less.
pub(crate) fn tick(world: &mut World) -> bool {
    let mut slow = false;
    for keeper in KEEPERS {
        let me = &world.keepers[keeper];
        if !me.runs() {
            continue;
        }
        let reconnects = world.database.up && !me.forwarded;
        let lost = me.believes && world.database.lock != Some(keeper);
        if reconnects || lost {
            return false;
        }
        for task in me.tasks {
            match task {
                Task::Held { .. } | Task::Checked { .. } | Task::Received { .. } => return false,
                Task::Waiting { sent, .. } if sent >= NINETY - 1 => return false,
                Task::Keeping { at: Statement::ToSend, .. }
                | Task::Refusing { at: Statement::ToSend, .. } => {
                    if world.database.up {
                        return false;
                    }
                }
                Task::Claiming { .. } | Task::Keeping { .. } | Task::Refusing { .. } => slow = true,
                Task::Waiting { .. } | Task::Idle => {}
            }
        }
    }
    if slow && !take(&mut world.left.slow) {
        return false;
    }
    grow_older(world);
    true
}

fn grow_older(world: &mut World) {
    let older = |age: u8| (age + 1).min(NINETY);
    let claimed = |claim: Option<Claim>| claim.map(|claim| Claim { age: older(claim.age), ..claim });
    let database = &mut world.database;
    database.stored.row.claim = claimed(database.stored.row.claim);
    if let Some(replica) = &mut database.replica {
        replica.row.claim = claimed(replica.row.claim);
    }
    for keeper in KEEPERS {
        for place in TASKS {
            let task = &mut world.keepers[keeper].tasks[place];
            match task {
                Task::Claiming { age, .. } | Task::Held { age, .. } => *age = older(*age),
                Task::Checked { since, .. } | Task::Received { since, .. } | Task::Keeping { since, .. } => {
                    *since = older(*since);
                }
                Task::Waiting { since, sent, .. } => (*since, *sent) = (older(*since), older(*sent)),
                Task::Idle | Task::Refusing { .. } => {}
            }
            if let Task::Checked { since, .. } | Task::Received { since, .. } | Task::Waiting { since, .. } =
                *task
                && since >= NINETY
            {
                world.residual(Residual::HeldUp);
            }
        }
        if world.keepers[keeper].believes && world.database.lock == Some(keeper) {
            world.keepers[keeper].hold = older(world.keepers[keeper].hold);
            complete(world, keeper);
        }
    }
}

/// One less of it; false where there is none.
pub(crate) fn take(left: &mut u8) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
