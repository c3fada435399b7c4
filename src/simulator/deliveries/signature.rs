//! The header that signs a delivery.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(super) const HEADER: &str = "Calendly-Webhook-Signature";

/// `t=SECONDS,v1=HEX`, over "SECONDS.BODY".
pub(super) fn signature(key: &str, seconds: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation (Python's hmac).
    #[test]
    fn a_signature_is_calendlys() {
        let body = br#"{"event":"invitee.created"}"#;
        assert_eq!(
            signature("5mEzn9C-I28UtwOjZJtFoob0sAAFZ95GbZkqj4y3i0I", 1_492_774_577, body),
            "t=1492774577,v1=49339305cdadaade56f50769e2760ae445111e293a6569c8e3f5b0148f4c0e13"
        );
    }
}
