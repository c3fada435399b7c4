//! Calendly's signature: `t=<unix seconds>,v1=<hex>` over `<t>.<raw body>`, HMAC-SHA256 with the app's signing key.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::secrets::SigningKey;

/// The header that it stands in.
pub const HEADER: &str = "Calendly-Webhook-Signature";

/// How far its time may be off, as in Calendly's example.
const TOLERANCE: TimeDelta = TimeDelta::minutes(3);

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No header, or not as Calendly writes it.
    #[error("there is no signature that can be read")]
    Missing,
    /// Its time is too far off.
    #[error("the signature's time is more than 3 minutes off")]
    Time,
    /// No key makes it.
    #[error("no signing key makes this signature")]
    Wrong,
}

impl Refused {
    /// For a metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Time => "time",
            Self::Wrong => "wrong",
        }
    }
}

/// A check under way: the body may come in pieces, and need not be kept for it.
#[derive(Clone)]
pub struct Check {
    macs: Vec<Hmac<Sha256>>,
    /// Several where a header has several.
    signatures: Vec<[u8; 32]>,
}

impl Check {
    /// Begins with the header. `keys` are all that are valid now.
    ///
    /// # Errors
    /// Where the header cannot be read, or is of another time.
    pub fn begin(header: Option<&str>, keys: &[SigningKey], now: DateTime<Utc>) -> Result<Self, Refused> {
        let header = header.ok_or(Refused::Missing)?;
        let (mut time, mut signatures) = (None, vec![]);
        for part in header.split(',') {
            match part.trim().split_once('=') {
                Some(("t", seconds)) => time = Some(seconds),
                Some(("v1", hex)) => signatures.extend(bytes(hex)),
                _ => {} // a later scheme beside this one
            }
        }
        let seconds = time.ok_or(Refused::Missing)?;
        let at = seconds.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let at = at.ok_or(Refused::Missing)?;
        if signatures.is_empty() {
            return Err(Refused::Missing);
        }
        if (now - at).abs() > TOLERANCE {
            return Err(Refused::Time);
        }
        let begun = |key: &SigningKey| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
            mac.update(seconds.as_bytes());
            mac.update(b".");
            Some(mac)
        };
        Ok(Self { macs: keys.iter().filter_map(begun).collect(), signatures })
    }

    /// The next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        for mac in &mut self.macs {
            mac.update(piece);
        }
    }

    /// The end of the body. Compared in constant time.
    ///
    /// # Errors
    /// Where no key makes the signature.
    pub fn end(self) -> Result<(), Refused> {
        let Self { macs, signatures } = self;
        let fits = |mac: &Hmac<Sha256>| signatures.iter().any(|one| mac.clone().verify_slice(one).is_ok());
        if macs.iter().any(fits) { Ok(()) } else { Err(Refused::Wrong) }
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("keys", &self.macs.len()).finish_non_exhaustive()
    }
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, two) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SigningKey {
        SigningKey::new(text)
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn sign(key: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={seconds},v1={hex}")
    }

    fn check(header: &str, keys: &[SigningKey], now: i64, body: &[u8]) -> Result<(), Refused> {
        let mut check = Check::begin(Some(header), keys, at(now))?;
        let (one, other) = body.split_at(body.len() / 2);
        check.update(one);
        check.update(other);
        check.end()
    }

    #[test]
    fn a_right_signature_is_taken_with_every_key_that_is_valid() {
        let keys = [key("new"), key("old")];
        for signed_with in ["new", "old"] {
            assert_eq!(check(&sign(signed_with, 1000, b"body"), &keys, 1100, b"body"), Ok(()));
        }
        assert_eq!(check(&sign("other", 1000, b"body"), &keys, 1000, b"body"), Err(Refused::Wrong));
        assert_eq!(check(&sign("new", 1000, b"body"), &[], 1000, b"body"), Err(Refused::Wrong));
    }

    #[test]
    fn a_changed_body_or_time_is_refused() {
        let header = sign("k", 1000, b"body");
        assert_eq!(check(&header, &[key("k")], 1000, b"bodY"), Err(Refused::Wrong));
        assert_eq!(check(&header.replace("1000", "1001"), &[key("k")], 1000, b"body"), Err(Refused::Wrong));
        assert_eq!(check(&header, &[key("k")], 1180, b"body"), Ok(()));
        assert_eq!(check(&header, &[key("k")], 1181, b"body"), Err(Refused::Time));
        assert_eq!(check(&header, &[key("k")], 819, b"body"), Err(Refused::Time));
    }

    #[test]
    fn of_several_signatures_one_has_to_be_right_and_other_schemes_do_not_matter() {
        let right = sign("k", 1000, b"body");
        let (time, v1) = right.split_once(',').unwrap();
        let header = format!("{time},v0=zz,v1={},{v1},v2=1", "00".repeat(32));
        assert_eq!(check(&header, &[key("k")], 1000, b"body"), Ok(()));
    }

    #[test]
    fn what_is_no_signature_is_missing() {
        for header in [
            "",
            "t=",
            "t=x,v1=00",
            "v1=00",
            "t=1000",
            "t=1000,v1=zz",
            "t=1000,v1=é",
            "t=99999999999999999999,v1=00",
        ] {
            assert_eq!(check(header, &[key("k")], 1000, b""), Err(Refused::Missing), "{header}");
        }
        assert_eq!(Check::begin(None, &[key("k")], at(0)).err(), Some(Refused::Missing));
    }
}
