//! The state of everything: the database, the token server, two keepers, the user, and what may still go wrong.
//!
//! Ages are relative and stop counting at 90 s, so that the states are finitely many.

use super::invariants::Verdict;
use super::story::Left;

/// 90 s, in ticks of 30 s.
pub(crate) const NINETY: u8 = 3;
/// The first keeper works when the story begins, the second one stands by.
pub(crate) const KEEPERS: [usize; 2] = [0, 1];
/// The grant that the story begins with, and one that the user may hand over.
pub(crate) const GRANTS: usize = 2;
/// Places for rotations in a process; with the in-flight set the second stays empty.
pub(crate) const TASKS: [usize; 2] = [0, 1];

/// A refresh token: whose, and how many were before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) grant: u8,
    pub(crate) number: u8,
}

/// What a row, a journal record, a commit and a cell are about. Later grants have greater ids, as `granted_at` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) grant: u8,
    pub(crate) generation: u8,
    pub(crate) token: Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) by: u8,
    pub(crate) age: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pair: Pair,
    /// Only a tombstone is left.
    pub(crate) deleted: bool,
    pub(crate) refused: bool,
    pub(crate) paused: bool,
    pub(crate) claim: Option<Claim>,
}

/// What a failover can take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stored {
    pub(crate) row: Row,
    /// Of each instance: it has nothing that the database does not know.
    pub(crate) replayed: [bool; 2],
    /// The last to complete a hold.
    pub(crate) last_worker: Option<usize>,
    pub(crate) clean: bool,
}

/// A statement whose sender waits no longer for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Late {
    Claim(usize, Pair),
    Commit(Pair),
    Refuse(Pair),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    pub(crate) up: bool,
    pub(crate) stored: Stored,
    /// Where a replica stays behind: what a failover to it would find.
    pub(crate) replica: Option<Stored>,
    pub(crate) lock: Option<usize>,
    /// Started anew or another one, and nobody has completed a hold since.
    pub(crate) anew: bool,
    pub(crate) late: Option<Late>,
    /// A failover has happened.
    pub(crate) went_back: bool,
}

/// How much a grant's current token may not be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Due {
    /// The user gave it up, or nobody has ever had it.
    Nothing,
    /// A keeper has read it; nobody was promised anything.
    Known,
    /// Acknowledged to the user, or received in a whole answer.
    Kept,
}

/// The token server: of each grant its only living refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    pub(crate) current: [u8; GRANTS],
    pub(crate) dead: [bool; GRANTS],
    /// The newest token that came in a whole answer.
    pub(crate) received: [u8; GRANTS],
    pub(crate) due: [Due; GRANTS],
    /// Requests nobody waits for any more.
    pub(crate) orphans: [Option<Token>; 2],
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    Queued,
    Pair,
    Refused,
}

/// Where a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Statement {
    ToSend,
    Sent,
    Done,
    /// It found this row instead.
    Superseded(Row),
}

/// One rotation. `since` counts from the last check before the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    Idle,
    Claiming { pair: Pair, age: u8, at: Statement },
    Held { pair: Pair, age: u8 },
    Checked { pair: Pair, since: u8 },
    Waiting { pair: Pair, since: u8, sent: u8, at: Request },
    Received { pair: Pair, since: u8 },
    Keeping { pair: Pair, since: u8, at: Statement },
    Refusing { pair: Pair, at: Statement },
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) pair: Pair,
    pub(crate) deleted: bool,
    pub(crate) refused: bool,
    pub(crate) paused: bool,
}

/// The newest record of a journal: a record that is older says nothing that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pair: Pair,
    pub(crate) deleted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keeper {
    pub(crate) alive: bool,
    /// The machine and its journal.
    pub(crate) gone: bool,
    /// SIGSTOP.
    pub(crate) frozen: bool,
    /// Has been connected since its start.
    pub(crate) started: bool,
    /// Has written forward since it connected.
    pub(crate) forwarded: bool,
    /// Has left that out, where it may.
    pub(crate) skipped: bool,
    /// Thinks that it holds the lock; since when, or as long as it needs to.
    pub(crate) believes: bool,
    pub(crate) hold: u8,
    pub(crate) memory: Option<Memory>,
    pub(crate) journal: Option<Record>,
    pub(crate) tasks: [Task; 2],
}

/// What the user was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct User {
    pub(crate) grant: u8,
    pub(crate) deleted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) server: Server,
    pub(crate) keepers: [Keeper; 2],
    pub(crate) user: User,
    pub(crate) left: Left,
    pub(crate) verdict: Verdict,
}

impl Pair {
    /// What the server gives for it.
    pub(crate) fn next(self) -> Self {
        let token = Token { number: self.token.number + 1, ..self.token };
        Self { generation: self.generation + 1, token, ..self }
    }
}

impl Claim {
    pub(crate) fn by(keeper: usize) -> Self {
        Self { by: keeper as u8, age: 0 }
    }

    pub(crate) fn holder(self) -> usize {
        usize::from(self.by)
    }
}

impl Row {
    pub(crate) fn new(pair: Pair) -> Self {
        Self { pair, deleted: false, refused: false, paused: false, claim: None }
    }

    /// What orders rows: between grants the later one, of one grant the tombstone, else the generation.
    pub(crate) fn order(&self) -> (u8, bool, u8) {
        (self.pair.grant, self.deleted, self.pair.generation)
    }
}

impl Memory {
    pub(crate) fn of(row: Row) -> Self {
        Self { pair: row.pair, deleted: row.deleted, refused: row.refused, paused: row.paused }
    }
}

impl Record {
    pub(crate) fn order(&self) -> (u8, bool, u8) {
        (self.pair.grant, self.deleted, self.pair.generation)
    }
}

impl Keeper {
    pub(crate) fn runs(&self) -> bool {
        self.alive && !self.frozen
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.tasks == [Task::Idle; 2]
    }

    /// May send statements.
    pub(crate) fn is_ready(&self, database: &Database) -> bool {
        self.runs() && self.forwarded && database.up
    }
}

impl World {
    /// The first keeper works, the second one stands by, all is well.
    pub(crate) fn new(left: Left) -> Self {
        let pair = Pair { grant: 0, generation: 1, token: Token { grant: 0, number: 0 } };
        let row = Row::new(pair);
        let stored = Stored { row, replayed: [true; 2], last_worker: Some(0), clean: false };
        let works = Keeper {
            alive: true,
            gone: false,
            frozen: false,
            started: true,
            forwarded: true,
            skipped: false,
            believes: true,
            hold: NINETY,
            memory: Some(Memory::of(row)),
            journal: None,
            tasks: [Task::Idle; 2],
        };
        let stands_by = Keeper { believes: false, hold: 0, memory: None, ..works };
        Self {
            database: Database {
                up: true,
                stored,
                replica: None,
                lock: Some(0),
                anew: false,
                late: None,
                went_back: false,
            },
            server: Server {
                current: [0; GRANTS],
                dead: [false; GRANTS],
                received: [0; GRANTS],
                due: [Due::Kept, Due::Nothing],
                orphans: [None; 2],
            },
            keepers: [works, stands_by],
            user: User { grant: 0, deleted: false },
            left,
            verdict: Verdict::Fine,
        }
    }
}
