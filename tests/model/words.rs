//! What a trace is printed in.

use super::actions::Action;
use super::invariants::Verdict;
use super::world::{Pair, Row, Task, World};

/// A line of a trace.
pub(crate) fn in_words(action: Action, before: &World, after: &World) -> String {
    let name = |keeper: usize| ["A", "B"][keeper];
    let task = |keeper: usize, place: usize| of_task(before.keepers[keeper].tasks[place]);
    let text = match action {
        Action::Tick => "30 s pass".into(),
        Action::DatabaseUp => "the database is back".into(),
        Action::Thaw(keeper) => format!("{} goes on", name(keeper)),
        Action::Restart(keeper) => format!("{} is started again", name(keeper)),
        Action::Notice(keeper) => format!("{} notices that its lock is lost", name(keeper)),
        Action::Forward(keeper) => format!("{} connects and writes forward what it knows", name(keeper)),
        Action::Receive(keeper, place) => match after.keepers[keeper].tasks[place] {
            Task::Refusing { .. } => {
                format!("{} receives invalid_grant for {}", name(keeper), task(keeper, place))
            }
            _ => format!("{} receives the answer to {}", name(keeper), task(keeper, place)),
        },
        Action::Keep(keeper, place) => format!("{} keeps {}", name(keeper), task(keeper, place)),
        Action::Process(keeper, place) => {
            format!("the server answers {} of {}", task(keeper, place), name(keeper))
        }
        Action::Check(keeper, place) => match after.keepers[keeper].tasks[place] {
            Task::Idle => format!("{} finds {} too old and gives it up", name(keeper), task(keeper, place)),
            _ => format!("{} finds {} fresh", name(keeper), task(keeper, place)),
        },
        Action::Post(keeper, place) => format!("{} presents {}", name(keeper), task(keeper, place)),
        Action::SendAgain(keeper, place) => format!("{} tries again {}", name(keeper), task(keeper, place)),
        Action::CarryOut(keeper, place) => {
            format!("the database carries out {} of {}", task(keeper, place), name(keeper))
        }
        Action::Hear(keeper, place) => format!("{} hears what came of {}", name(keeper), task(keeper, place)),
        Action::Lock(keeper) => format!("{} takes the keeper lock", name(keeper)),
        Action::Reload(keeper) => format!("{} reloads", name(keeper)),
        Action::Start(keeper) => format!("{} starts a rotation", name(keeper)),
        Action::LateStatement => "a statement is carried out that nobody waits for".into(),
        Action::ProcessOrphan(_) => "the server comes to a request that nobody waits for".into(),
        Action::Kill(keeper) => format!("{} is killed", name(keeper)),
        Action::Stop(keeper) => format!("{} stops cleanly", name(keeper)),
        Action::LoseMachine(keeper) => format!("{}'s machine is lost, with its journal", name(keeper)),
        Action::LoseLock => "the session of the keeper lock ends".into(),
        Action::Freeze(keeper) => format!("{} is stopped in its tracks", name(keeper)),
        Action::DatabaseDown => "the database goes down".into(),
        Action::Lag => "the replica stays behind from here on".into(),
        Action::Failover => "the replica takes over".into(),
        Action::LoseStatement(keeper, place, later) => format!(
            "{} gets an error for {}{}",
            name(keeper),
            task(keeper, place),
            if later { ", which may be carried out later" } else { "" }
        ),
        Action::LoseAnswer(keeper, place, fate, answer) => format!(
            "{} gets no whole answer to {} ({answer:?}, the request was {fate:?})",
            name(keeper),
            task(keeper, place)
        ),
        Action::Pause(true) => "the user pauses".into(),
        Action::Pause(false) => "the user resumes".into(),
        Action::Delete(keeper) => format!("the user deletes the connection, through {}", name(keeper)),
        Action::Put(keeper) => format!("the user hands over a new grant, through {}", name(keeper)),
        Action::Import => "the user imports a new grant into the database".into(),
    };
    let (old, new) = (before.database.stored.row, after.database.stored.row);
    let row = if old == new { String::new() } else { format!("  [row: {}]", of_row(new)) };
    let verdict = match after.verdict {
        Verdict::Fine => String::new(),
        Verdict::Residual(what) => format!("  (residual: {what:?})"),
        Verdict::Broken(what) => format!("  BROKEN: {what}"),
    };
    format!("{text}{row}{verdict}")
}

fn of_row(row: Row) -> String {
    let claimed = row.claim.map(|claim| format!("claimed by {}", ["A", "B"][claim.holder()]));
    let facts = [(row.deleted, "deleted"), (row.refused, "refused"), (row.paused, "paused")];
    let facts = facts.into_iter().filter(|(is, _)| *is).map(|(_, what)| what.to_owned());
    std::iter::once(of_pair(row.pair)).chain(facts).chain(claimed).collect::<Vec<_>>().join(", ")
}

fn of_pair(pair: Pair) -> String {
    let Pair { grant, generation, token } = pair;
    let foreign = if token.grant == grant { String::new() } else { format!(" of grant {}", token.grant) };
    format!("grant {grant} generation {generation} token {}{foreign}", token.number)
}

fn of_task(task: Task) -> String {
    match task {
        Task::Idle => "nothing".into(),
        Task::Claiming { pair, .. } => format!("the claim of {}", of_pair(pair)),
        Task::Held { pair, .. } => format!("its claim of {}", of_pair(pair)),
        Task::Checked { pair, .. } => of_pair(pair),
        Task::Waiting { pair, .. } => format!("the request with {}", of_pair(pair)),
        Task::Received { pair, .. } => of_pair(pair),
        Task::Keeping { pair, .. } => format!("the commit of {}", of_pair(pair)),
        Task::Refusing { pair, .. } => format!("the refusal of {}", of_pair(pair)),
    }
}
