//! A plan: who is connected, and what goes wrong when. It says everything that differs between two simulations.

use std::fmt;
use std::time::Duration;

/// What a token request of one connection meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NotSent,
    Throttled,
    FailsBefore,
    ResetBefore,
    FailsAfter,
    ResetAfter,
    UnreadableAfter,
    /// The whole answer comes after so many seconds.
    Slow(u64),
    /// Used up, and no answer within the minute that is waited for it.
    TimesOut,
}

/// What a call of the API meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiTrouble {
    FailsBefore,
    FailsAfter,
    Throttled,
    /// 401 although the token lives.
    Unauthenticated,
}

/// What everybody meets at Calendly for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Away,
    Failing,
    Html,
    Refusing,
    WrongClient,
    Throttling,
    Slow,
}

impl Weather {
    pub(crate) const ALL: [Self; 7] = [
        Self::Away,
        Self::Failing,
        Self::Html,
        Self::Refusing,
        Self::WrongClient,
        Self::Throttling,
        Self::Slow,
    ];
}

/// What becomes of a connection's subscription behind the keeper's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Deleted,
    Disabled,
    Drifted,
    Duplicated,
}

/// What the application's users do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Pause,
    Resume,
    Delete,
    Connect,
}

/// How an actor fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Panic,
    Error,
    Stop,
}

/// Which actor of those that there is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    Supervisor,
    Webhook,
}

/// What nobody promised to bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// The newest refresh token is used up behind everybody's back.
    TakesBack,
    /// The newest access token ends before its time.
    EndsEarly,
    /// The subscription goes, and nobody notes that something happened to it.
    Unsubscribes,
    /// Another pair is issued and said to have arrived.
    Withholds,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The next token request.
    Token {
        of: u32,
        meets: Trouble,
    },
    /// The next call of the API.
    Api {
        of: u32,
        meets: ApiTrouble,
    },
    Revoked {
        of: u32,
    },
    Webhook {
        of: u32,
        is: Hook,
    },
    User {
        of: u32,
        does: Act,
    },
    /// So many times, 4 s apart: six are a quarantine.
    Actor {
        of: u32,
        fails: Crash,
        times: u8,
    },
    Top {
        which: Top,
        fails: Crash,
    },
    Calendly {
        is: Weather,
        seconds: u64,
    },
    DatabaseAway {
        seconds: u64,
    },
    DatabaseHangs {
        seconds: u64,
    },
    /// After so long the database goes away and comes back as it is now.
    DatabaseGoesBack {
        after: u64,
        away: u64,
    },
    /// The database refuses its commits.
    RowRefused {
        of: u32,
        seconds: u64,
    },
    CommitsFail {
        times: usize,
    },
    CommitAnswersLost {
        times: usize,
    },
    JournalFull {
        seconds: u64,
    },
    /// SIGTERM, and started again after a while.
    Stopped {
        seconds: u64,
    },
    /// SIGKILL.
    Killed {
        seconds: u64,
    },
    /// No fault of the world, but of what stands for it: shows that the invariants can fail. Never drawn.
    Sabotage {
        of: u32,
        how: Sabotage,
    },
}

impl Fault {
    /// The connection that it is about, where it is about one.
    pub(crate) fn connection(&self) -> Option<u32> {
        match *self {
            Self::Token { of, .. }
            | Self::Api { of, .. }
            | Self::Revoked { of }
            | Self::Webhook { of, .. }
            | Self::User { of, .. }
            | Self::Actor { of, .. }
            | Self::RowRefused { of, .. }
            | Self::Sabotage { of, .. } => Some(of),
            _ => None,
        }
    }
}

/// When what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
}

/// A whole simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Of everything that is left to chance beside the events.
    pub(crate) seed: u64,
    /// By number.
    pub(crate) connections: Vec<u32>,
    pub(crate) ends: Duration,
    /// Calendly repeats a pair whose predecessor is presented again within half a minute.
    pub(crate) repeats: bool,
    /// In order of time.
    pub(crate) events: Vec<Event>,
}

/// `3d 04:05:06`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        write!(f, "{}d {:02}:{:02}:{:02}", s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connections, events, ends) = (self.connections.len(), self.events.len(), Time(self.ends));
        write!(f, "seed {}: {connections} connections", self.seed)?;
        if connections <= 12 {
            write!(f, " {:?}", self.connections)?;
        }
        write!(f, ", {events} faults, until {ends}, repeats={}", self.repeats)?;
        for event in self.events.iter().take(40) {
            write!(f, "\n  {}  {:?}", Time(event.at), event.fault)?;
        }
        if events > 40 {
            write!(f, "\n  and {} more", events - 40)?;
        }
        Ok(())
    }
}
