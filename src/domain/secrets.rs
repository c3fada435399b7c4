//! Secrets as types that cannot be printed: no `Display`, a masked `Debug`, memory wiped on drop.
//!
//! `expose` is the one way to the text; whoever calls it sends it to Calendly or seals it, nothing else.

use secrecy::{ExposeSecret, SecretString};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the text over.
            #[must_use]
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(SecretString::from(text.into()))
            }

            /// The text itself, to be sent or sealed, never to be shown.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    };
}

secret!(
    /// What an API call is authorized with; lives two hours.
    AccessToken
);
secret!(
    /// What a new pair is bought with; single-use.
    RefreshToken
);
secret!(
    /// The application's own password at Calendly.
    ClientSecret
);
secret!(
    /// Signs webhook deliveries.
    SigningKey
);
secret!(
    /// What somebody asks the keeper with.
    ApiSecret
);
secret!(
    /// Signs what the keeper itself sends, as Standard Webhooks write it: `whsec_` and base64.
    NoticeSecret
);
secret!(
    /// What a consent gave: buys one pair, once.
    AuthorizationCode
);
secret!(
    /// Shows that whoever brings the code is who asked for it (RFC 7636).
    PkceVerifier
);
secret!(
    /// Comes back with the browser and says which link it was.
    StateToken
);
secret!(
    /// What the application confirms a connection with, once.
    Ticket
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let token = RefreshToken::new("very-secret-text");
        assert_eq!(format!("{token:?}"), "RefreshToken(***)");
        assert_eq!(token.expose(), "very-secret-text");
        assert!(!format!("{:#?}", Some((AccessToken::new("abcdef"), 1))).contains("abcdef"));
    }
}
