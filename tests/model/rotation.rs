//! The steps of one rotation: start, claim, check, request, answer, keep; and what a refusal or a doubt lead to.

use super::actions::Rules;
use super::guards::{Guard, Removed};
use super::server::{self, Answer, Kind, Meaning};
use super::world::{Due, KEEPERS, NINETY, Pair, Record, Request, Row, Statement, TASKS, Task, World};
use super::{database, memory};

/// A rotation is due and nothing stands in its way.
pub(crate) fn start(world: &mut World, keeper: usize, rules: Rules) -> bool {
    let Rules { removed, rotations, .. } = rules;
    let me = &world.keepers[keeper];
    let may = me.is_ready(&world.database) && me.believes && me.hold >= NINETY;
    let Some(known) = me.memory.filter(|known| may && known.pair.token.number < rotations) else {
        return false;
    };
    let place = match (me.is_idle(), removed.keeps(Guard::InFlightSet)) {
        (true, _) => Some(0),
        (false, true) => None,
        (false, false) => TASKS.into_iter().find(|&place| me.tasks[place] == Task::Idle),
    };
    let Some(place) = place.filter(|_| memory::is_due(&known)) else { return false };
    let pair = known.pair;
    world.keepers[keeper].tasks[place] = if removed.keeps(Guard::Claim) {
        Task::Claiming { pair, age: 0, at: Statement::Sent }
    } else if database::may_claim(&world.database.stored.row, pair, removed) {
        Task::Held { pair: world.database.stored.row.pair, age: 0 }
    } else {
        return false;
    };
    true
}

/// The database carries the statement out.
pub(crate) fn carry_out(world: &mut World, keeper: usize, place: usize, removed: Removed) -> bool {
    if !world.database.up || !world.keepers[keeper].alive {
        return false;
    }
    let task = world.keepers[keeper].tasks[place];
    world.keepers[keeper].tasks[place] = match task {
        Task::Claiming { pair, age, at: Statement::Sent } => {
            let row = world.database.stored.row;
            if database::claim(world, keeper, pair, removed) {
                Task::Claiming { pair: row.pair, age, at: Statement::Done }
            } else {
                Task::Claiming { pair, age, at: Statement::Superseded(row) }
            }
        }
        Task::Keeping { pair, since, at: Statement::Sent } => {
            Task::Keeping { pair, since, at: database::commit(world, pair, removed) }
        }
        Task::Refusing { pair, at: Statement::Sent } => {
            Task::Refusing { pair, at: database::refuse(world, pair, removed) }
        }
        _ => return false,
    };
    true
}

/// The keeper gets the statement's answer.
pub(crate) fn hear(world: &mut World, keeper: usize, place: usize, removed: Removed) -> bool {
    if !world.keepers[keeper].runs() {
        return false;
    }
    let mut next = Task::Idle;
    match world.keepers[keeper].tasks[place] {
        Task::Claiming { pair, age, at: Statement::Done } => {
            let age = if removed.keeps(Guard::AgeFromBeforeTheClaim) { age } else { 0 };
            next = Task::Held { pair, age };
        }
        Task::Claiming { at: Statement::Superseded(_), .. } => memory::adopt(world, keeper, removed),
        Task::Keeping { at: Statement::Done, .. } => {}
        Task::Keeping { pair, since, at: Statement::Superseded(row) } => {
            next = superseded(world, keeper, pair, row, removed);
            if let Task::Keeping { since: again, .. } = &mut next {
                *again = since;
            }
        }
        Task::Refusing { pair, at: Statement::Done } => {
            if let Some(known) = world.keepers[keeper].memory.as_mut().filter(|known| known.pair == pair) {
                known.refused = true;
            }
        }
        Task::Refusing { at: Statement::Superseded(_), .. } => memory::adopt(world, keeper, removed),
        _ => return false,
    }
    world.keepers[keeper].tasks[place] = next;
    true
}

/// The pair was not taken: given back where the user has done away with its grant, kept where the row went back.
fn superseded(world: &mut World, keeper: usize, pair: Pair, row: Row, removed: Removed) -> Task {
    let went_back = row.pair.grant < pair.grant;
    if went_back && removed.keeps(Guard::ForwardAcrossGrants) {
        world.keepers[keeper].forwarded = false;
        return Task::Keeping { pair, since: 0, at: Statement::ToSend };
    }
    let other = row.pair.grant != pair.grant && removed.keeps(Guard::GrantId);
    if other || row.deleted {
        if world.user.grant == pair.token.grant && !world.user.deleted {
            world.broken("the user's living grant is revoked");
        }
        world.server.dead[usize::from(pair.token.grant)] = true;
    }
    memory::adopt(world, keeper, removed);
    Task::Idle
}

/// The last check before the request: the claim is fresh, else it is given up.
pub(crate) fn check(world: &mut World, keeper: usize, place: usize, removed: Removed) -> bool {
    let Task::Held { pair, age } = world.keepers[keeper].tasks[place] else { return false };
    if !world.keepers[keeper].runs() {
        return false;
    }
    if age == 0 || !removed.keeps(Guard::AgeCheck) {
        world.keepers[keeper].tasks[place] = Task::Checked { pair, since: 0 };
    } else {
        give_up(world, keeper, place, pair);
    }
    true
}

/// The refresh token is sent.
pub(crate) fn post(world: &mut World, keeper: usize, place: usize) -> bool {
    let Task::Checked { pair, since } = world.keepers[keeper].tasks[place] else { return false };
    if !world.keepers[keeper].runs() {
        return false;
    }
    let is_sent = |task: Task| matches!(task, Task::Waiting { pair: other, .. } if other.token == pair.token);
    if KEEPERS.iter().any(|&other| world.keepers[other].tasks.into_iter().any(is_sent)) {
        world.broken("a refresh token is presented twice at once");
    }
    if world.is_spent(pair.token) {
        world.broken("a refresh token is presented after a whole answer that consumed it");
    }
    let at = Request::Queued;
    world.keepers[keeper].tasks[place] = Task::Waiting { pair, since, sent: 0, at };
    true
}

/// The server works on the request.
pub(crate) fn process(world: &mut World, keeper: usize, place: usize, kind: Kind) -> bool {
    let Task::Waiting { pair, since, sent, at: Request::Queued } = world.keepers[keeper].tasks[place] else {
        return false;
    };
    let at = server::process(world, pair.token, kind);
    world.keepers[keeper].tasks[place] = Task::Waiting { pair, since, sent, at };
    true
}

/// A whole answer arrives.
pub(crate) fn receive(world: &mut World, keeper: usize, place: usize) -> bool {
    let Task::Waiting { pair, since, at, .. } = world.keepers[keeper].tasks[place] else { return false };
    let answer = match at {
        Request::Queued => return false,
        Request::Pair => Answer::Pair,
        Request::Refused => Answer::InvalidGrant,
    };
    if !world.keepers[keeper].runs() {
        return false;
    }
    let grant = usize::from(pair.token.grant);
    world.keepers[keeper].tasks[place] = match server::meaning(answer) {
        Meaning::Pair => {
            world.server.received[grant] = world.server.received[grant].max(pair.next().token.number);
            if world.user.grant == pair.token.grant && !world.user.deleted {
                world.server.due[grant] = Due::Kept;
            }
            Task::Received { pair: pair.next(), since }
        }
        Meaning::Gone => Task::Refusing { pair, at: Statement::ToSend },
        Meaning::NotConsumed | Meaning::Unknown => return false,
    };
    true
}

/// No whole answer, or one that says nothing about the token.
pub(crate) fn fail(world: &mut World, keeper: usize, place: usize, answer: Answer, removed: Removed) -> bool {
    let Task::Waiting { pair, .. } = world.keepers[keeper].tasks[place] else { return false };
    if !world.keepers[keeper].runs() {
        return false;
    }
    if server::meaning(answer) == Meaning::Unknown && !removed.keeps(Guard::NewClaimForTheRepeat) {
        world.keepers[keeper].tasks[place] = Task::Checked { pair, since: 0 };
    } else {
        give_up(world, keeper, place, pair);
    }
    true
}

/// Ends the claim without a pair; where the database cannot be asked it stays in the row.
fn give_up(world: &mut World, keeper: usize, place: usize, pair: Pair) {
    if world.keepers[keeper].is_ready(&world.database) {
        database::release(world, keeper, pair);
    }
    world.keepers[keeper].tasks[place] = Task::Idle;
}

/// The pair is served, journalled, and its commit is sent.
pub(crate) fn keep(world: &mut World, keeper: usize, place: usize, removed: Removed) -> bool {
    let Task::Received { pair, since } = world.keepers[keeper].tasks[place] else { return false };
    let database = world.database;
    let me = &mut world.keepers[keeper];
    if !me.runs() {
        return false;
    }
    if removed.keeps(Guard::JournalWithCommit) {
        me.append(Record { pair, deleted: false });
    }
    memory::keep(&mut me.memory, pair);
    let at = if me.is_ready(&database) { Statement::Sent } else { Statement::ToSend };
    me.tasks[place] = Task::Keeping { pair, since, at };
    true
}

/// What could not be written is tried again.
pub(crate) fn send_again(world: &mut World, keeper: usize, place: usize) -> bool {
    let ready = world.keepers[keeper].is_ready(&world.database);
    match &mut world.keepers[keeper].tasks[place] {
        Task::Keeping { at: at @ Statement::ToSend, .. }
        | Task::Refusing { at: at @ Statement::ToSend, .. }
            if ready =>
        {
            *at = Statement::Sent;
            true
        }
        _ => false,
    }
}
