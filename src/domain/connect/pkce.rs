//! PKCE, S256: the link carries a hash, the exchange the text that it was made of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::domain::secrets::PkceVerifier;

/// Of 32 random bytes, as RFC 7636 recommends.
#[must_use]
pub fn verifier(random: [u8; 32]) -> PkceVerifier {
    PkceVerifier::new(URL_SAFE_NO_PAD.encode(random))
}

/// What the link carries of it.
#[must_use]
pub fn challenge(verifier: &PkceVerifier) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        let verifier = PkceVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_has_the_length_and_the_letters_that_are_allowed() {
        let verifier = verifier([0xff; 32]);
        let text = verifier.expose();
        assert_eq!(text.len(), 43);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
}
