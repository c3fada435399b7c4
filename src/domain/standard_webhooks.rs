//! How what the keeper sends is signed: Standard Webhooks, with a secret that both sides know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::secrets::NoticeSecret;

const PREFIX: &str = "whsec_";

/// A secret that signs.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// `None` where the secret is not `whsec_` and base64.
    #[must_use]
    pub fn new(secret: &NoticeSecret) -> Option<Self> {
        let key = STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?;
        Hmac::new_from_slice(&key).ok().map(Self)
    }

    /// The three headers of one attempt at `timestamp`, in seconds since 1970.
    #[must_use]
    pub fn headers(&self, id: &str, timestamp: i64, body: &[u8]) -> [(&'static str, String); 3] {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", format!("v1,{signature}")),
        ]
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference libraries.
    #[test]
    fn a_signature_is_the_one_that_the_specification_has() {
        let signer = Signer::new(&NoticeSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let headers =
            signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(headers[0], ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".into()));
        assert_eq!(headers[1], ("webhook-timestamp", "1614265330".into()));
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers[2], ("webhook-signature", signature.into()));
        assert!(!format!("{signer:?}").contains("MfKQ"));
    }

    #[test]
    fn what_is_no_secret_signs_nothing() {
        for wrong in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"] {
            assert!(Signer::new(&NoticeSecret::new(wrong)).is_none(), "{wrong}");
        }
    }
}
