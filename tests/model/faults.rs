//! What goes wrong: processes, machines, sessions, the database, the network. Each costs some of what may still happen.

use super::database;
use super::guards::Removed;
use super::invariants::Residual;
use super::rotation;
use super::server::{self, Answer, Kind};
use super::standing::take;
use super::story::Left;
use super::world::{Keeper, Late, Request, Statement, Task, World};

/// What becomes of a request whose answer nobody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was never sent, or the server did not look at it.
    Dropped,
    /// It was answered, and the answer is lost.
    Answered,
    /// The server will come to it later.
    Queued,
}

fn spend(world: &mut World, of: fn(&mut Left) -> &mut u8) -> bool {
    take(&mut world.left.faults) && take(of(&mut world.left))
}

/// SIGKILL.
pub(crate) fn kill(world: &mut World, keeper: usize) -> bool {
    if !world.keepers[keeper].alive || !spend(world, |left| &mut left.kills) {
        return false;
    }
    for task in world.keepers[keeper].tasks {
        match task {
            Task::Waiting { pair, at: Request::Queued, .. } => {
                server::orphan(world, pair.token);
            }
            Task::Received { .. } => world.residual(Residual::KilledBeforeDurable),
            _ => {}
        }
    }
    end(world, keeper);
    true
}

/// A graceful stop with nothing in flight and nothing uncommitted.
pub(crate) fn stop(world: &mut World, keeper: usize) -> bool {
    let me = &world.keepers[keeper];
    let works = me.is_ready(&world.database) && world.database.lock == Some(keeper) && me.believes;
    if !works || !me.is_idle() || !spend(world, |left| &mut left.kills) {
        return false;
    }
    // Who never was allowed to exchange leaves what the one before left.
    world.database.stored.clean |= world.database.stored.last_worker == Some(keeper);
    world.database.stored.replayed[keeper] = true;
    end(world, keeper);
    true
}

fn end(world: &mut World, keeper: usize) {
    if world.database.lock == Some(keeper) {
        world.database.lock = None;
    }
    let me = &mut world.keepers[keeper];
    let Keeper { gone, journal, .. } = *me;
    *me = Keeper {
        alive: false,
        gone,
        frozen: false,
        started: false,
        forwarded: false,
        skipped: false,
        believes: false,
        hold: 0,
        memory: None,
        journal,
        tasks: [Task::Idle; 2],
    };
}

/// The machine of a dead process, and its journal.
pub(crate) fn lose_machine(world: &mut World, keeper: usize) -> bool {
    let me = &world.keepers[keeper];
    if me.alive || me.gone || !spend(world, |left| &mut left.machines) {
        return false;
    }
    world.keepers[keeper].gone = true;
    world.keepers[keeper].journal = None;
    true
}

/// The lock's session ends, the pool's do not.
pub(crate) fn lose_lock(world: &mut World) -> bool {
    world.database.lock.take().is_some() && spend(world, |left| &mut left.locks)
}

/// SIGSTOP.
pub(crate) fn freeze(world: &mut World, keeper: usize) -> bool {
    let may = world.keepers[keeper].runs() && spend(world, |left| &mut left.freezes);
    world.keepers[keeper].frozen |= may;
    may
}

/// SIGCONT.
pub(crate) fn thaw(world: &mut World, keeper: usize) -> bool {
    std::mem::take(&mut world.keepers[keeper].frozen)
}

/// The database stops. Whoever waits for it gets an error.
pub(crate) fn database_down(world: &mut World) -> bool {
    if !world.database.up || !spend(world, |left| &mut left.outages) {
        return false;
    }
    world.database.up = false;
    disconnect(world);
    true
}

/// It is started again, with all that it had.
pub(crate) fn database_up(world: &mut World) -> bool {
    !std::mem::replace(&mut world.database.up, true)
}

/// The replica stays behind from here on.
pub(crate) fn lag(world: &mut World) -> bool {
    if world.database.replica.is_some() || !spend(world, |left| &mut left.failovers) {
        return false;
    }
    world.database.replica = Some(world.database.stored);
    true
}

/// The replica takes over: what was written after it stayed behind is gone.
pub(crate) fn failover(world: &mut World) -> bool {
    let Some(replica) = world.database.replica.take() else { return false };
    world.database.stored = replica;
    world.database.up = true;
    world.database.went_back = true;
    disconnect(world);
    true
}

fn disconnect(world: &mut World) {
    world.database.lock = None;
    world.database.anew = true;
    world.database.late = None;
    for keeper in &mut world.keepers {
        keeper.forwarded = false;
        let frozen = keeper.frozen;
        keeper.tasks = keeper.tasks.map(|task| if frozen && has_answer(task) { task } else { errs(task) });
    }
}

/// The statement's answer has come; whoever does not run has not read it yet.
fn has_answer(task: Task) -> bool {
    matches!(
        task,
        Task::Claiming { at: Statement::Done | Statement::Superseded(_), .. }
            | Task::Keeping { at: Statement::Done | Statement::Superseded(_), .. }
            | Task::Refusing { at: Statement::Done | Statement::Superseded(_), .. }
    )
}

/// The statement's sender gets an error, whatever became of it.
fn errs(task: Task) -> Task {
    match task {
        Task::Claiming { .. } => Task::Idle,
        Task::Keeping { pair, since, .. } => Task::Keeping { pair, since, at: Statement::ToSend },
        Task::Refusing { pair, .. } => Task::Refusing { pair, at: Statement::ToSend },
        other => other,
    }
}

/// A statement's answer is lost; one not carried out yet may be so later.
pub(crate) fn lose_statement(world: &mut World, keeper: usize, place: usize, later: bool) -> bool {
    let task = world.keepers[keeper].tasks[place];
    let (sent, late) = match task {
        Task::Claiming { pair, at, .. } => (at, Late::Claim(keeper, pair)),
        Task::Keeping { pair, at, .. } => (at, Late::Commit(pair)),
        Task::Refusing { pair, at } => (at, Late::Refuse(pair)),
        _ => return false,
    };
    let open = sent == Statement::Sent;
    let impossible = sent == Statement::ToSend || later && (!open || world.database.late.is_some());
    if impossible || !world.keepers[keeper].runs() || !spend(world, |left| &mut left.errors) {
        return false;
    }
    if later {
        world.database.late = Some(late);
    }
    world.keepers[keeper].tasks[place] = errs(task);
    true
}

/// No whole answer of the token server.
pub(crate) fn lose_answer(
    world: &mut World,
    keeper: usize,
    place: usize,
    fate: Fate,
    answer: Answer,
    removed: Removed,
) -> bool {
    let Task::Waiting { pair, at, .. } = world.keepers[keeper].tasks[place] else { return false };
    let fits = (at == Request::Queued) == (fate != Fate::Answered);
    if !fits || !spend(world, |left| &mut left.answers) {
        return false;
    }
    if fate == Fate::Queued && !server::orphan(world, pair.token) {
        return false;
    }
    rotation::fail(world, keeper, place, answer, removed)
}

/// The server comes to a request that nobody waits for any more.
pub(crate) fn process_orphan(world: &mut World, place: usize, kind: Kind) -> bool {
    let Some(token) = world.server.orphans[place].take() else { return false };
    let grant = usize::from(token.grant);
    let was_dead = world.server.dead[grant];
    server::process(world, token, kind);
    if world.server.dead[grant] && !was_dead {
        world.residual(Residual::QueuedReuse);
    }
    world.server.orphans.sort_unstable_by_key(|token| token.map(|token| (token.grant, token.number)));
    true
}

/// A statement of somebody who has given it up is carried out.
pub(crate) fn late_statement(world: &mut World, removed: Removed) -> bool {
    let may = world.database.up && world.database.late.is_some();
    if may {
        database::late(world, removed);
    }
    may
}
