//! What the writer collects: operations on single rows, and what came of them.

use super::row::{ClaimRow, ClaimedRow, CommitRow, RefuseRow, ReleaseRow};

/// One statement about one row. Boxed: a thousand at a time are sorted and moved on.
#[derive(Clone)]
pub(super) enum Op {
    /// Asks for a refresh token.
    Claim(Box<ClaimRow>),
    /// Keeps a pair.
    Commit(Box<CommitRow>),
    /// Ends a claim.
    Release(Box<ReleaseRow>),
    /// Marks a grant as gone.
    Refuse(Box<RefuseRow>),
}

impl Op {
    /// The row's id. A batch holds no id twice.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Claim(row) => &row.id,
            Self::Commit(row) => &row.id,
            Self::Release(row) => &row.id,
            Self::Refuse(row) => &row.id,
        }
    }
}

/// What came of one [`Op`].
#[derive(Clone)]
pub(super) enum Done {
    /// The row was as the guards want it, and is changed.
    Changed,
    /// The claim was granted.
    Claimed(ClaimedRow),
    /// No row matched the guards.
    Nothing,
}

impl Done {
    /// From the number of rows that a statement changed.
    pub(super) fn from_rows(rows: usize) -> Self {
        if rows > 0 { Self::Changed } else { Self::Nothing }
    }
}
