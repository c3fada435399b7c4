//! Everything that can happen next.

use super::faults::{self, Fate};
use super::guards::{Guard, Removed};
use super::server::{Answer, Kind};
use super::world::{KEEPERS, TASKS, Task, World};
use super::{rotation, standing, user};

/// What is not the world's: which guards are left, and which kind of server it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) removed: Removed,
    pub(crate) server: Kind,
    /// No further one of a grant is started after so many.
    pub(crate) rotations: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    DatabaseUp,
    Thaw(usize),
    Restart(usize),
    Notice(usize),
    Forward(usize),
    Receive(usize, usize),
    Keep(usize, usize),
    Process(usize, usize),
    Check(usize, usize),
    Post(usize, usize),
    SendAgain(usize, usize),
    CarryOut(usize, usize),
    Hear(usize, usize),
    Lock(usize),
    Reload(usize),
    Start(usize),
    LateStatement,
    ProcessOrphan(usize),
    Kill(usize),
    Stop(usize),
    LoseMachine(usize),
    LoseLock,
    Freeze(usize),
    DatabaseDown,
    Lag,
    Failover,
    LoseStatement(usize, usize, bool),
    LoseAnswer(usize, usize, Fate, Answer),
    Pause(bool),
    Delete(usize),
    Put(usize),
    Import,
}

/// All of them. Those that end what is open come first, in the order in which a world without faults does them.
pub(crate) fn all(removed: Removed) -> Vec<Action> {
    // Without the in-flight set there are two rotations in a process.
    let places = if removed.keeps(Guard::InFlightSet) { &TASKS[..1] } else { &TASKS };
    let mut all = vec![];
    all.push(Action::DatabaseUp);
    for keeper in KEEPERS {
        all.extend([Action::Thaw(keeper), Action::Restart(keeper), Action::Notice(keeper)]);
    }
    all.extend(KEEPERS.map(Action::Forward));
    for (keeper, place) in
        KEEPERS.into_iter().flat_map(|keeper| places.iter().map(move |&place| (keeper, place)))
    {
        all.extend(
            [
                Action::Receive,
                Action::Keep,
                Action::Process,
                Action::Check,
                Action::Post,
                Action::SendAgain,
                Action::CarryOut,
                Action::Hear,
            ]
            .map(|action| action(keeper, place)),
        );
    }
    all.extend(KEEPERS.map(Action::Lock));
    all.extend(KEEPERS.map(Action::Reload));
    all.push(Action::Pause(false));
    all.extend(KEEPERS.map(Action::Start));
    all.push(Action::Tick);
    faults(&mut all, places);
    all
}

/// Those that a world without faults does by itself.
pub(crate) fn is_progress(action: Action) -> bool {
    !matches!(action, Action::LateStatement) && !is_fault(action)
}

fn faults(all: &mut Vec<Action>, places: &[usize]) {
    all.push(Action::LateStatement);
    for keeper in KEEPERS {
        all.extend(
            [Action::Kill, Action::Stop, Action::LoseMachine, Action::Freeze, Action::Delete, Action::Put]
                .map(|action| action(keeper)),
        );
        for &place in places {
            all.extend([false, true].map(|later| Action::LoseStatement(keeper, place, later)));
            all.extend(
                [
                    (Fate::Dropped, Answer::NoConnection),
                    (Fate::Dropped, Answer::ServerError),
                    (Fate::Answered, Answer::Reset),
                    (Fate::Queued, Answer::ServerError),
                ]
                .map(|(fate, answer)| Action::LoseAnswer(keeper, place, fate, answer)),
            );
        }
    }
    all.extend([0, 1].map(Action::ProcessOrphan));
    all.extend([
        Action::LoseLock,
        Action::DatabaseDown,
        Action::Lag,
        Action::Failover,
        Action::Pause(true),
        Action::Import,
    ]);
}

/// Nothing that a keeper does.
fn is_fault(action: Action) -> bool {
    matches!(
        action,
        Action::Kill(_)
            | Action::Stop(_)
            | Action::LoseMachine(_)
            | Action::LoseLock
            | Action::Freeze(_)
            | Action::DatabaseDown
            | Action::Lag
            | Action::Failover
            | Action::LoseStatement(..)
            | Action::LoseAnswer(..)
            | Action::ProcessOrphan(_)
            | Action::Pause(true)
            | Action::Delete(_)
            | Action::Put(_)
            | Action::Import
    )
}

/// Most actions cannot happen in most worlds: told without a copy.
fn cannot_be(world: &World, action: Action) -> bool {
    match action {
        Action::Receive(keeper, place)
        | Action::Keep(keeper, place)
        | Action::Process(keeper, place)
        | Action::Check(keeper, place)
        | Action::Post(keeper, place)
        | Action::SendAgain(keeper, place)
        | Action::CarryOut(keeper, place)
        | Action::Hear(keeper, place) => matches!(world.keepers[keeper].tasks[place], Task::Idle),
        Action::LoseStatement(keeper, place, _) | Action::LoseAnswer(keeper, place, ..) => {
            world.left.faults == 0 || matches!(world.keepers[keeper].tasks[place], Task::Idle)
        }
        Action::Kill(_)
        | Action::Stop(_)
        | Action::LoseMachine(_)
        | Action::LoseLock
        | Action::Freeze(_)
        | Action::DatabaseDown
        | Action::Lag => world.left.faults == 0,
        Action::Delete(_) | Action::Put(_) | Action::Import | Action::Pause(true) => world.left.acts == 0,
        _ => false,
    }
}

/// The world after it; `None` where it cannot happen.
pub(crate) fn step(before: &World, action: Action, rules: Rules) -> Option<World> {
    if cannot_be(before, action) {
        return None;
    }
    let mut after = *before;
    let world = &mut after;
    let Rules { removed, server, .. } = rules;
    let happens = match action {
        Action::Tick => standing::tick(world),
        Action::DatabaseUp => faults::database_up(world),
        Action::Thaw(keeper) => faults::thaw(world, keeper),
        Action::Restart(keeper) => standing::restart(world, keeper),
        Action::Notice(keeper) => standing::notice(world, keeper),
        Action::Forward(keeper) => standing::forward(world, keeper, removed),
        Action::Receive(keeper, place) => rotation::receive(world, keeper, place),
        Action::Keep(keeper, place) => rotation::keep(world, keeper, place, removed),
        Action::Process(keeper, place) => rotation::process(world, keeper, place, server),
        Action::Check(keeper, place) => rotation::check(world, keeper, place, removed),
        Action::Post(keeper, place) => rotation::post(world, keeper, place),
        Action::SendAgain(keeper, place) => rotation::send_again(world, keeper, place),
        Action::CarryOut(keeper, place) => rotation::carry_out(world, keeper, place, removed),
        Action::Hear(keeper, place) => rotation::hear(world, keeper, place, removed),
        Action::Lock(keeper) => standing::lock(world, keeper, removed),
        Action::Reload(keeper) => standing::reload(world, keeper, removed),
        Action::Start(keeper) => rotation::start(world, keeper, rules),
        Action::LateStatement => faults::late_statement(world, removed),
        Action::ProcessOrphan(place) => faults::process_orphan(world, place, server),
        Action::Kill(keeper) => faults::kill(world, keeper),
        Action::Stop(keeper) => faults::stop(world, keeper),
        Action::LoseMachine(keeper) => faults::lose_machine(world, keeper),
        Action::LoseLock => faults::lose_lock(world),
        Action::Freeze(keeper) => faults::freeze(world, keeper),
        Action::DatabaseDown => faults::database_down(world),
        Action::Lag => faults::lag(world),
        Action::Failover => faults::failover(world),
        Action::LoseStatement(keeper, place, later) => faults::lose_statement(world, keeper, place, later),
        Action::LoseAnswer(keeper, place, fate, answer) => {
            faults::lose_answer(world, keeper, place, fate, answer, removed)
        }
        Action::Pause(paused) => user::pause(world, paused),
        Action::Delete(keeper) => user::delete(world, keeper),
        Action::Put(keeper) => user::put(world, keeper, rules),
        Action::Import => user::import(world, rules),
    };
    if !happens {
        return None;
    }
    after.judge(before, is_fault(action));
    Some(after)
}
