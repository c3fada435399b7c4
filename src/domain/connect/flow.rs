//! The life of a flow: its link may be used once, its ticket once, each for ten minutes.

use std::time::Duration;

use super::callback::Fingerprint;
use super::ending::Reason;

/// So long a link may be used, from when it was asked for.
pub const LINK_LIVES: Duration = Duration::from_secs(600);
/// So long a ticket waits to be confirmed, and the first result of the callback is given again.
pub const TICKET_LIVES: Duration = Duration::from_secs(600);
/// So many flows at once: each may hold a pair in memory.
pub const MOST: usize = 10_000;
/// Of one connection so many: a user who asks again and again takes nobody else's place.
pub const MOST_OF_ONE: usize = 5;

/// What a call of the callback means to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The first one: it is carried out.
    First,
    /// The same once more, of a browser that asked twice: it gets the first one's result.
    Again,
    /// Another answer to a link that was answered: somebody replays a state.
    Used,
    /// Too late.
    Expired,
}

/// What to do about a call: `called` is the answer that the flow was called with before, and how long ago; `age` its link's.
#[must_use]
pub fn call(called: Option<(Fingerprint, Duration)>, age: Duration, answer: Fingerprint) -> Call {
    match called {
        None if age < LINK_LIVES => Call::First,
        None => Call::Expired,
        Some((_, ago)) if ago >= TICKET_LIVES => Call::Expired,
        Some((before, _)) if before == answer => Call::Again,
        Some(_) => Call::Used,
    }
}

/// Whose connection it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's before, or the same user's.
    Same,
    /// Another user's, as was asked for.
    Changes,
}

/// Whether the user who agreed may have this connection. `holder` is who has it now; who has none has none to lose.
///
/// # Errors
/// Why not.
pub fn whose(holder: Option<&str>, agreed: Option<&str>, change_user: bool) -> Result<Whose, Reason> {
    match (holder, agreed) {
        (None, _) => Ok(Whose::Same),
        (Some(holder), Some(agreed)) if holder == agreed => Ok(Whose::Same),
        (Some(_), Some(_)) if change_user => Ok(Whose::Changes),
        (Some(_), Some(_)) => Err(Reason::DifferentUser),
        (Some(_), None) => Err(Reason::UnknownUser),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connect::callback;

    fn print(query: &str) -> Fingerprint {
        callback::read(query).unwrap().answer.fingerprint()
    }

    #[test]
    fn a_link_is_used_once_and_the_same_call_gets_the_same_result() {
        let (one, other) = (print("state=s&code=one"), print("state=s&code=other"));
        let (soon, late) = (Duration::from_secs(1), LINK_LIVES);
        assert_eq!(call(None, soon, one), Call::First);
        assert_eq!(call(None, late, one), Call::Expired);
        assert_eq!(call(Some((one, soon)), late, one), Call::Again);
        assert_eq!(call(Some((one, soon)), soon, other), Call::Used);
        assert_eq!(call(Some((one, soon)), soon, print("state=s&error=access_denied")), Call::Used);
        assert_eq!(call(Some((one, TICKET_LIVES)), late, one), Call::Expired);
    }

    #[test]
    fn another_user_gets_a_connection_only_where_that_is_asked_for() {
        assert_eq!(whose(None, Some("a"), false), Ok(Whose::Same));
        assert_eq!(whose(None, None, false), Ok(Whose::Same));
        assert_eq!(whose(Some("a"), Some("a"), false), Ok(Whose::Same));
        assert_eq!(whose(Some("a"), Some("b"), false), Err(Reason::DifferentUser));
        assert_eq!(whose(Some("a"), Some("b"), true), Ok(Whose::Changes));
        assert_eq!(whose(Some("a"), None, true), Err(Reason::UnknownUser));
    }
}
