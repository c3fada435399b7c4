//! The link that a user opens: Calendly's consent page with what is asked for.

use url::Url;

use super::pkce;
use crate::domain::secrets::{PkceVerifier, StateToken};

/// What is asked for.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// The OAuth client.
    pub client_id: &'a str,
    /// Where the browser comes back.
    pub redirect_uri: &'a Url,
    /// None: what the OAuth application was registered with.
    pub scopes: &'a [String],
    /// Says which flow it was.
    pub state: &'a StateToken,
    /// What the exchange will show.
    pub verifier: &'a PkceVerifier,
}

impl Authorization<'_> {
    /// As a link to the authorization endpoint. It holds the state: it is for its user alone, and for no log.
    #[must_use]
    pub fn link(&self, endpoint: &Url) -> String {
        let mut url = endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("client_id", self.client_id)
                .append_pair("response_type", "code")
                .append_pair("redirect_uri", self.redirect_uri.as_str());
            if !self.scopes.is_empty() {
                query.append_pair("scope", &self.scopes.join(" "));
            }
            query
                .append_pair("state", self.state.expose())
                .append_pair("code_challenge", &pkce::challenge(self.verifier))
                .append_pair("code_challenge_method", "S256");
        }
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_asks_for_the_scopes_with_s256_and_not_with_the_verifier() {
        let scopes = ["users:read".to_owned(), "webhooks:write".to_owned()];
        let mut ask = Authorization {
            client_id: "client id",
            redirect_uri: &"https://keeper.example/oauth/callback".parse().unwrap(),
            scopes: &scopes,
            state: &StateToken::new("st4te"),
            verifier: &PkceVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        };
        let endpoint = "https://auth.calendly.com/oauth/authorize".parse().unwrap();
        assert_eq!(
            ask.link(&endpoint),
            "https://auth.calendly.com/oauth/authorize?client_id=client+id&response_type=code\
             &redirect_uri=https%3A%2F%2Fkeeper.example%2Foauth%2Fcallback\
             &scope=users%3Aread+webhooks%3Awrite&state=st4te\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        ask.scopes = &[];
        assert!(!ask.link(&endpoint).contains("scope="), "what the application was registered with");
    }
}
