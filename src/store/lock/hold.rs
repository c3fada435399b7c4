//! How long the keeper lock must have been held before the first exchange.

use std::time::Duration;

/// 5 s from claim to request, 10 s to connect, 60 s for the answer, and some: what the keeper before may have sent is
/// answered or given up by then.
const HOLD: Duration = Duration::from_secs(90);

/// The keeper that was the last to complete a hold, as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LastWorker {
    pub(super) instance: String,
    /// It stopped with nothing in flight and nothing uncommitted.
    pub(super) clean: bool,
    /// The database server as it was then.
    pub(super) server: ServerLife,
}

/// One life of one database server: whatever was acknowledged in it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerLife {
    /// When it began, in microseconds.
    pub(super) started: i64,
    /// Counted up by each failover and restore; `None` where we may not ask for it.
    pub(super) timeline: Option<i64>,
}

impl ServerLife {
    fn goes_on_in(self, now: Self) -> bool {
        let timelines = self.timeline.zip(now.timeline);
        self.started == now.started && timelines.is_none_or(|(then, now)| then == now)
    }
}

/// Whether whoever gets the lock may exchange at once. After the server started anew, or another one took its place,
/// nobody may: claims that were acknowledged may have gone.
pub(super) fn exempt(last: Option<&LastWorker>, instance: &str, server: ServerLife) -> bool {
    let Some(last) = last else { return true };
    last.server.goes_on_in(server) && (last.clean || last.instance == instance)
}

/// A moment by two clocks, of which one may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The database's, in microseconds.
    pub(super) database: i64,
    /// Our boot clock.
    pub(super) boot: Duration,
}

/// Time left of a hold, by the clock that says more.
pub(super) fn left(since: Now, now: Now) -> Duration {
    let by_database = Duration::from_micros(u64::try_from(now.database - since.database).unwrap_or(0));
    HOLD.saturating_sub(by_database.min(now.boot.saturating_sub(since.boot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerLife = ServerLife { started: 7, timeline: Some(1) };

    #[test]
    fn the_first_the_same_and_the_successor_of_a_clean_stop_are_exempt() {
        let last = |instance: &str, clean| LastWorker { instance: instance.into(), clean, server: SERVER };
        assert!(exempt(None, "a", SERVER));
        assert!(exempt(Some(&last("a", false)), "a", SERVER));
        assert!(exempt(Some(&last("b", true)), "a", SERVER));
        assert!(!exempt(Some(&last("b", false)), "a", SERVER));
    }

    #[test]
    fn nobody_is_exempt_after_the_server_started_anew_or_changed() {
        let last = |server| LastWorker { instance: "a".into(), clean: true, server };
        let may = |then: ServerLife, now| exempt(Some(&last(then)), "a", now);
        assert!(!may(SERVER, ServerLife { started: 8, ..SERVER }));
        assert!(!may(SERVER, ServerLife { timeline: Some(2), ..SERVER }));
        // Where it may not be asked for, the start alone tells.
        let silent = ServerLife { timeline: None, ..SERVER };
        assert!(may(SERVER, silent) && may(silent, SERVER) && may(silent, silent));
        assert!(!may(silent, ServerLife { started: 8, ..silent }));
    }

    #[test]
    fn a_hold_ends_after_ninety_seconds() {
        let at =
            |database: i64, boot| Now { database: database * 1_000_000, boot: Duration::from_secs(boot) };
        assert_eq!(left(at(0, 0), at(0, 0)), HOLD);
        assert_eq!(left(at(0, 7), at(30, 37)), Duration::from_secs(60));
        assert_eq!(left(at(0, 7), at(91, 98)), Duration::ZERO);
        assert_eq!(left(at(10, 7), at(0, 107)), HOLD, "the database's clock was set back");
        assert_eq!(left(at(0, 7), at(3600, 17)), Duration::from_secs(80), "it was set forward");
    }
}
