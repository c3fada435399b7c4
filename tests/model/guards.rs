//! The guards of the protocol. Each can be taken out alone, to show what it is there for.

/// One guard; its name says what holds while it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// One rotation of a connection in a process at a time.
    InFlightSet,
    /// A durable mark before the token is sent.
    Claim,
    /// No request once 5 s have passed.
    AgeCheck,
    /// The 5 s count from before the claim was sent, not from its answer.
    AgeFromBeforeTheClaim,
    /// After an unknown outcome the token is claimed anew.
    NewClaimForTheRepeat,
    /// A dead keeper's claim ends at some time.
    ForeignClaimsDie,
    /// It does not end before 90 s.
    ForeignClaimsLive,
    /// It does not end while its instance may have a pair that nobody else knows.
    UnreplayedClaimsLive,
    /// A claim is given only to whoever holds the keeper lock.
    ClaimChecksLock,
    /// The lock is held for 90 s before the first exchange.
    Hold,
    /// After a failover it is held whoever worked before.
    HoldAfterFailover,
    /// A pair is in the journal as soon as its commit is sent.
    JournalWithCommit,
    /// After a reconnect everybody writes forward, not only who holds the lock.
    ForwardInAnyRole,
    /// Writing forward asks for `generation <` the pair's, not for the one before it.
    ForwardGuardedByLess,
    /// A newer grant is written over an older one.
    ForwardAcrossGrants,
    /// A deletion that is written over an older grant leaves the tombstone of the grant that was deleted.
    TombstoneOfTheDeleted,
    /// A newer pair in memory is never replaced by an older row.
    ReloadGoesForward,
    /// Who stands by after its start replays its journal like anybody else.
    StandByReplays,
    /// A paused or refused grant is not claimed.
    ClaimGuardedByFacts,
    /// Statements are about one grant.
    GrantId,
    /// A tombstone keeps the generation.
    TombstoneGenerations,
    /// A refusal is about one grant and generation.
    RefusalByGeneration,
}

/// Those that were taken out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Removed(u32);

impl Removed {
    pub(crate) fn of(guards: &[Guard]) -> Self {
        Self(guards.iter().fold(0, |set, guard| set | 1 << *guard as u32))
    }

    /// Whether the guard is still there.
    pub(crate) fn keeps(self, guard: Guard) -> bool {
        self.0 & 1 << guard as u32 == 0
    }
}
