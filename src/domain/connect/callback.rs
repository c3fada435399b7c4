//! What a browser brings back from the consent page.

use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::ending::Reason;
use crate::domain::secrets::{AuthorizationCode, StateToken};

/// Nothing that Calendly sends comes near it.
const LONGEST: usize = 4096;

/// A call of the redirect URI.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Whose it says it is.
    pub state: StateToken,
    /// What the user, or the server, decided.
    pub answer: Answer,
}

/// What was decided.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To be exchanged, once.
    Code(AuthorizationCode),
    /// `error=access_denied`.
    Denied,
    /// Another error of RFC 6749 section 4.1.2.1.
    Refused(Reason),
}

/// A call that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No `state`, or several.
    State,
    /// Neither one `code` nor an `error`.
    Answer,
}

/// Which answer a flow was called with, without the code itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// Reads the query. What it has beside (`iss`, …) is passed over.
///
/// # Errors
/// What is missing.
pub fn read(query: &str) -> Result<Callback, Unreadable> {
    let value = |name: &str| {
        let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) if !value.is_empty() && value.len() <= LONGEST => {
                Some(value.into_owned())
            }
            _ => None, // twice is not once: who decides which of them counts?
        }
    };
    let state = StateToken::new(value("state").ok_or(Unreadable::State)?);
    let answer = match (value("code"), value("error")) {
        (Some(code), None) => Answer::Code(AuthorizationCode::new(code)),
        (None, Some(error)) if error == "access_denied" => Answer::Denied,
        (None, Some(error)) => Answer::Refused(Reason::of_consent(&error)),
        _ => return Err(Unreadable::Answer),
    };
    Ok(Callback { state, answer })
}

impl Answer {
    /// To tell the same call again from another one.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let text = match self {
            Self::Code(code) => code.expose(),
            Self::Denied => "access_denied",
            Self::Refused(reason) => reason.as_str(),
        };
        let kind = [matches!(self, Self::Code(_)) as u8];
        Fingerprint(Sha256::new().chain_update(kind).chain_update(text).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_a_denial_and_an_error_are_told_apart() {
        let code = read("code=c0de&state=s1&iss=https%3A%2F%2Fauth.calendly.com").unwrap();
        assert_eq!(code.state.expose(), "s1");
        assert!(matches!(&code.answer, Answer::Code(code) if code.expose() == "c0de"));
        let denied = read("error=access_denied&error_description=no&state=s1").unwrap();
        assert!(matches!(denied.answer, Answer::Denied));
        let scope = read("state=s1&error=invalid_scope").unwrap();
        assert!(matches!(scope.answer, Answer::Refused(Reason::InvalidScope)));
        let odd = read("state=s1&error=%3Cscript%3E").unwrap();
        assert!(matches!(odd.answer, Answer::Refused(Reason::ConsentFailed)));
        let prints = [&code, &denied, &scope, &odd].map(|call| call.answer.fingerprint());
        for (n, print) in prints.iter().enumerate() {
            assert!(!prints[..n].contains(print));
        }
    }

    #[test]
    fn what_is_missing_or_there_twice_is_named() {
        let long = format!("state={}&code=c", "x".repeat(LONGEST + 1));
        for query in ["", "code=c", "state=&code=c", "state=a&state=b&code=c", &long] {
            assert_eq!(read(query).unwrap_err(), Unreadable::State, "{query}");
        }
        for query in
            ["state=a", "state=a&code=", "state=a&code=c&code=d", "state=a&code=c&error=access_denied"]
        {
            assert_eq!(read(query).unwrap_err(), Unreadable::Answer, "{query}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_browser_brings_is_read_or_named(query in "((state|code|error)?=?[a-z%&+0-9]{0,8}&?){0,6}") {
            if let Ok(call) = read(&query) {
                prop_assert!(!call.state.expose().is_empty());
                prop_assert_eq!(call.answer.fingerprint(), read(&query).unwrap().answer.fingerprint());
            }
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", read("code=c0de&state=st4te").unwrap());
        assert!(!printed.contains("c0de") && !printed.contains("st4te"), "{printed}");
    }
}
