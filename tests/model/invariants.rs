//! What must hold in every state, and after every step.

use super::world::{Due, GRANTS, KEEPERS, NINETY, Request, Task, Token, World};

/// A named exception: what no protocol of this kind can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Residual {
    /// Killed between the answer and the first durable write.
    KilledBeforeDurable,
    /// What the database lost, or never had, was in the journal of a machine that is gone.
    MachineGone,
    /// A failover took claim or commit back, and whoever has the pair is down or stopped for the whole hold.
    AwayAfterFailover,
    /// A process is stopped, or waits for its commit, for 90 s between its last check and the commit.
    HeldUp,
    /// A request still queued at the server is taken for reuse and kills the grant.
    QueuedReuse,
    /// A failover took an import back that no journal holds, and the process that had read it ended.
    ImportTakenBack,
}

/// How a world stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    Fine,
    /// One of the named exceptions; nothing is asked of what follows.
    Residual(Residual),
    Broken(&'static str),
}

impl World {
    /// Somebody holds the grant's living token, or its answer is on the way to somebody who waits for it.
    pub(crate) fn is_healthy(&self, grant: u8) -> bool {
        let on_the_way = |task: &Task| {
            matches!(task, Task::Waiting { pair, at: Request::Pair, .. }
                if pair.next().token == self.living(grant))
        };
        self.is_held(grant) || self.keepers.iter().any(|keeper| keeper.tasks.iter().any(on_the_way))
    }

    fn living(&self, grant: u8) -> Token {
        Token { grant, number: self.server.current[usize::from(grant)] }
    }

    /// The living token is in the row, in a journal, in a process.
    pub(crate) fn is_held(&self, grant: u8) -> bool {
        let token = self.living(grant);
        let row = &self.database.stored.row;
        let stored = row.pair.token == token && !row.deleted;
        stored || KEEPERS.iter().any(|&keeper| self.knows(keeper, |known| known == token))
    }

    /// A whole answer has brought its successor.
    pub(crate) fn is_spent(&self, token: Token) -> bool {
        token.number < self.server.received[usize::from(token.grant)]
    }

    /// Such a token is claimed. What can be done about it ends here: it is excused where nobody who knows better was
    /// there to say so, and no record of the database's own is left either.
    pub(crate) fn judge_spent_claim(&mut self, by: usize, token: Token) {
        let knows = |keeper: usize| {
            self.knows_newer(keeper, token) || keeper != by && self.keepers[keeper].knows_over(token)
        };
        let is_away = |keeper: usize| !self.keepers[keeper].runs() || !self.keepers[keeper].forwarded;
        let is_held_up = |keeper: usize| {
            self.keepers[keeper]
                .tasks
                .iter()
                .any(|task| matches!(task, Task::Keeping { since: NINETY.., .. }))
        };
        let knowing = || KEEPERS.into_iter().filter(|&keeper| knows(keeper));
        if self.keepers.iter().any(|keeper| keeper.gone) {
            self.residual(Residual::MachineGone);
        } else if !self.database.went_back || knowing().next().is_none() {
            // nothing excuses it
        } else if knowing().all(is_away) {
            self.residual(Residual::AwayAfterFailover);
        } else if knowing().all(|keeper| is_away(keeper) || is_held_up(keeper)) {
            self.residual(Residual::HeldUp);
        }
    }

    /// The keeper has a successor of this token.
    fn knows_newer(&self, keeper: usize, than: Token) -> bool {
        self.knows(keeper, |known| known.grant == than.grant && known.number > than.number)
    }

    fn knows(&self, keeper: usize, is_it: impl Fn(Token) -> bool) -> bool {
        let me = &self.keepers[keeper];
        let in_journal = me.journal.is_some_and(|record| !record.deleted && is_it(record.pair.token));
        let in_memory = me.memory.is_some_and(|known| !known.deleted && is_it(known.pair.token));
        let in_task = me.tasks.iter().any(|task| match task {
            Task::Received { pair, .. } | Task::Keeping { pair, .. } => is_it(pair.token),
            _ => false,
        });
        in_journal || in_memory || in_task
    }

    /// After a step. `by_fault`: it was no keeper's.
    pub(crate) fn judge(&mut self, before: &World, by_fault: bool) {
        if !by_fault && self.database.stored.row.order() < before.database.stored.row.order() {
            self.broken("a keeper's statement takes the row back");
        }
        for grant in 0..GRANTS {
            let due = self.server.due[grant];
            if due == Due::Nothing || self.server.dead[grant] || self.is_held(grant as u8) {
                continue;
            }
            if self.keepers.iter().any(|keeper| keeper.gone) {
                self.residual(Residual::MachineGone);
            } else if due == Due::Known && by_fault && self.database.went_back {
                self.residual(Residual::ImportTakenBack);
            } else {
                self.broken("a living token is lost");
            }
        }
    }

    pub(crate) fn broken(&mut self, what: &'static str) {
        if self.verdict == Verdict::Fine {
            self.verdict = Verdict::Broken(what);
        }
    }

    pub(crate) fn residual(&mut self, what: Residual) {
        self.verdict = Verdict::Residual(what);
    }
}
