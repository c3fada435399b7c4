//! Who may ask the keeper for what: tokens with a name and roles. Only a hash of each is kept, and comparing tells nothing
//! about it.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

/// Shorter ones can be guessed.
const LEAST_SECRET: usize = 16;
/// A header must hold it.
const MOST_SECRET: usize = 512;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Access tokens, and nothing else.
    Tokens,
    /// The events routes.
    Events,
    /// Everything that only looks, but for access tokens and events.
    Read,
    /// All.
    Admin,
}

impl Role {
    const ALL: [Self; 4] = [Self::Tokens, Self::Events, Self::Read, Self::Admin];

    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Events => "events",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// An API token without its secret.
#[derive(Clone)]
pub struct ApiToken {
    name: Box<str>,
    roles: Vec<Role>,
    hash: [u8; 32],
}

/// Why a text is no API token. None of them quotes the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadApiToken {
    /// Not three parts.
    #[error("is not NAME:ROLE:SECRET")]
    Parts,
    /// A name that could not stand in a log.
    #[error("has a name that is not 1 to 64 of A-Z a-z 0-9 . _ -")]
    Name,
    /// There are four.
    #[error("has the role {0:?}; there are tokens, events, read and admin, several joined by +")]
    Role(String),
    /// Too short, too long, or what no header can hold.
    #[error("has a secret that is not {LEAST_SECRET} to {MOST_SECRET} visible ASCII characters")]
    Secret,
}

impl ApiToken {
    /// With its secret, of which a hash is kept.
    #[must_use]
    pub fn new(name: &str, roles: Vec<Role>, secret: &str) -> Self {
        Self { name: name.into(), roles, hash: hash(secret) }
    }

    /// Reads `NAME:ROLE+ROLE:SECRET`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadApiToken> {
        let mut parts = text.splitn(3, ':');
        let (Some(name), Some(roles), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadApiToken::Parts);
        };
        let in_names = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(in_names) {
            return Err(BadApiToken::Name);
        }
        let role =
            |text: &str| Role::parse(text).ok_or_else(|| BadApiToken::Role(text.chars().take(32).collect()));
        let roles = roles.split('+').map(role).collect::<Result<_, _>>()?;
        let is_sound = (LEAST_SECRET..=MOST_SECRET).contains(&secret.len())
            && secret.bytes().all(|byte| byte.is_ascii_graphic());
        if is_sound { Ok(Self::new(name, roles, secret)) } else { Err(BadApiToken::Secret) }
    }

    /// Who it is given to, for the log and the timeline.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is good for this.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// The token with this secret. Takes as long whichever it is, or none: all are compared, by their hashes.
#[must_use]
pub fn find<'t>(tokens: &'t [ApiToken], secret: &str) -> Option<&'t ApiToken> {
    let hash = hash(secret);
    let mut found = u32::MAX;
    for (n, token) in (0..u32::MAX).zip(tokens) {
        found.conditional_assign(&n, token.hash.ct_eq(&hash));
    }
    tokens.get(found as usize)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_read_with_its_roles_and_found_by_its_secret_alone() {
        let one = ApiToken::parse("crm:tokens+read:0123456789abcdef").unwrap();
        let other = ApiToken::parse("ops:admin:with:colons:in:the:secret").unwrap();
        assert!(one.has(Role::Tokens) && one.has(Role::Read) && !one.has(Role::Admin));
        let tokens = [one, other];
        assert_eq!(find(&tokens, "0123456789abcdef").unwrap().name(), "crm");
        assert_eq!(find(&tokens, "with:colons:in:the:secret").unwrap().name(), "ops");
        for wrong in ["", "0123456789abcdeF", "0123456789abcdef ", "crm:tokens+read:0123456789abcdef"] {
            assert!(find(&tokens, wrong).is_none(), "{wrong}");
        }
        assert!(find(&[], "0123456789abcdef").is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for (text, why) in [
            ("hunter2hunter2hunter2", BadApiToken::Parts),
            (":admin:hunter2hunter2hunter2", BadApiToken::Name),
            ("a b:admin:hunter2hunter2hunter2", BadApiToken::Name),
            ("a:root:hunter2hunter2hunter2", BadApiToken::Role("root".into())),
            ("a::hunter2hunter2hunter2", BadApiToken::Role(String::new())),
            ("a:admin:hunter2", BadApiToken::Secret),
            ("a:admin:hunter2 hunter2 hunter2", BadApiToken::Secret),
        ] {
            let bad = ApiToken::parse(text).unwrap_err();
            assert_eq!(bad, why, "{text}");
            assert!(!bad.to_string().contains("hunter2"), "{bad}");
        }
        let shown = format!("{:?}", ApiToken::parse("a:admin:hunter2hunter2hunter2").unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains("hash"), "{shown}");
    }
}
