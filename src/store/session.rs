//! The words that the keeper lock and the claims share: which session holds the lock, and what that allows.

/// PostgreSQL's name for the keeper lock, as two numbers: "keep", "lock".
pub(crate) const KEEPER_LOCK: (i32, i32) = (0x6b65_6570, 0x6c6f_636b);

/// The session that holds the keeper lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockSession {
    /// Its backend's process id.
    pub(crate) pid: i32,
    /// When that backend started, in microseconds: process ids are used again.
    pub(crate) started: i64,
}

/// What a claim needs to know about the lock.
#[derive(Clone, Copy)]
pub(crate) enum MayClaim {
    /// It is not held: no claim.
    No,
    /// It is held, or nobody asks for it.
    Yes,
    /// The database has to see that this session still holds it.
    While(LockSession),
}
