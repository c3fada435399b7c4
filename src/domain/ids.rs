//! Names of things: connections, grants, claims, keepers. Validation lives here, generation of random ones does not.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The application's own id for a Calendly user: 1 to 128 of `A-Za-z0-9._:@-`, but not `.` or `..`.
///
/// Cheap to clone: the text is shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId(Arc<str>);

/// Why a text is no connection id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionId {
    /// Nothing there.
    #[error("a connection id must not be empty")]
    Empty,
    /// More than 128 characters.
    #[error("a connection id has at most 128 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the allowed set.
    #[error("a connection id is made of A-Z a-z 0-9 . _ : @ -, found {0:?}")]
    Character(char),
    /// `.` and `..` mean something else in a path.
    #[error("a connection id cannot be \".\" or \"..\"")]
    Dots,
}

impl ConnectionId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, for whoever keeps it.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// Which of `buckets` this id falls into; the same in every process and version (FNV-1a).
    #[must_use]
    pub fn bucket(&self, buckets: usize) -> usize {
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % buckets.max(1) as u64) as usize
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        match text {
            "" => Err(InvalidConnectionId::Empty),
            "." | ".." => Err(InvalidConnectionId::Dots),
            _ if length > 128 => Err(InvalidConnectionId::TooLong(length)),
            _ => match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "._:@-".contains(*c))) {
                Some(other) => Err(InvalidConnectionId::Character(other)),
                None => Ok(Self(text.into())),
            },
        }
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = InvalidConnectionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> Self {
        id.0.as_ref().into()
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({})", self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a random UUID that the caller made.
            #[must_use]
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for storing.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One authorization that a user gave. A new one, even for the same connection, has a new id.
    GrantId
);
uuid_id!(
    /// One attempt to refresh: the durable mark made before the refresh token is sent.
    ClaimId
);
uuid_id!(
    /// One keeper installation (its data directory), over restarts.
    InstanceId
);
uuid_id!(
    /// One attempt to connect a user by a link.
    FlowId
);

/// Counts a connection's rotations and new grants. Never goes back, not even over a deletion.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub i64);

impl Generation {
    /// The generation that a successful rotation of this one makes.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_that_applications_use_are_accepted() {
        for id in ["user-42", "a", "A.b_c:d@e-f", "...", &"x".repeat(128)] {
            assert_eq!(id.parse::<ConnectionId>().unwrap().as_str(), id);
        }
    }

    #[test]
    fn other_ids_are_refused_with_what_is_wrong() {
        assert_eq!("".parse::<ConnectionId>(), Err(InvalidConnectionId::Empty));
        assert_eq!("..".parse::<ConnectionId>(), Err(InvalidConnectionId::Dots));
        assert_eq!("a b".parse::<ConnectionId>(), Err(InvalidConnectionId::Character(' ')));
        assert_eq!("ü".parse::<ConnectionId>(), Err(InvalidConnectionId::Character('ü')));
        assert_eq!("x".repeat(129).parse::<ConnectionId>(), Err(InvalidConnectionId::TooLong(129)));
    }

    proptest! {
        #[test]
        fn an_id_survives_json_and_stays_in_its_bucket(text in "[A-Za-z0-9_:@-]{1,128}", buckets in 1_usize..64) {
            let id: ConnectionId = text.parse().unwrap();
            let again: ConnectionId = serde_json::from_str(&serde_json::to_string(&id).unwrap()).unwrap();
            prop_assert!(id.bucket(buckets) < buckets);
            prop_assert_eq!(id.bucket(buckets), again.bucket(buckets));
        }
    }
}
