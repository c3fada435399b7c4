//! What is read of connections to hand them over, and what became of their tokens under another key.

use crate::domain::grant::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::secrets::RefreshToken;

/// A connection with what its grant lives in.
#[derive(Clone, Debug)]
pub struct Handed {
    /// What the store knows.
    pub connection: Connection,
    /// Single-use.
    pub refresh_token: RefreshToken,
}

/// Connections read to be handed over.
#[derive(Debug, Default)]
pub struct HandedPage {
    /// In order of their ids.
    pub connections: Vec<Handed>,
    /// Those whose tokens no configured key opens.
    pub unreadable: Vec<ConnectionId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ConnectionId>,
}

/// What came of sealing a page anew.
#[derive(Debug, Default)]
pub struct Resealed {
    /// Sealed with the first key now.
    pub changed: usize,
    /// Written by somebody else in between, perhaps with an older key: to be looked at again.
    pub moved_on: usize,
    /// Those whose tokens no configured key opens.
    pub unreadable: Vec<ConnectionId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ConnectionId>,
}
