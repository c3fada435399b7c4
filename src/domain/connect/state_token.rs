//! The `state` of a link: which flow it belongs to and until when, signed, so that nobody else can make one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::ids::FlowId;
use crate::domain::secrets::StateToken;

/// Flow id, end in seconds, signature.
const LENGTHS: (usize, usize, usize) = (16, 8, 32);
const SIGNED: usize = LENGTHS.0 + LENGTHS.1;

/// Signs states, and knows its own.
pub struct StateKey([u8; 32]);

/// A `state` that leads to no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    /// Not made with this key.
    Foreign,
    /// Made with it, and its time is over.
    Expired,
}

impl StateKey {
    /// Of random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// For a flow whose link may be used until then.
    #[must_use]
    pub fn sign(&self, flow: FlowId, until: DateTime<Utc>) -> StateToken {
        let mut bytes = Vec::with_capacity(SIGNED + LENGTHS.2);
        bytes.extend(flow.uuid().as_bytes());
        bytes.extend(until.timestamp().to_be_bytes());
        if let Some(mac) = self.mac(&bytes) {
            bytes.extend(mac.finalize().into_bytes());
        }
        StateToken::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The flow that it was made for. Comparing tells nothing about the right signature.
    ///
    /// # Errors
    /// Where it leads to none.
    pub fn read(&self, token: &StateToken, now: DateTime<Utc>) -> Result<FlowId, BadState> {
        let bytes = URL_SAFE_NO_PAD.decode(token.expose()).map_err(|_| BadState::Foreign)?;
        let (signed, signature) = bytes.split_at_checked(SIGNED).ok_or(BadState::Foreign)?;
        let mac = self.mac(signed).ok_or(BadState::Foreign)?;
        mac.verify_slice(signature).map_err(|_| BadState::Foreign)?;
        let (flow, until) = signed.split_at(LENGTHS.0);
        let flow = Uuid::from_slice(flow).map_err(|_| BadState::Foreign)?;
        let until = until.try_into().map(i64::from_be_bytes).map_err(|_| BadState::Foreign)?;
        if now.timestamp() < until { Ok(FlowId::new(flow)) } else { Err(BadState::Expired) }
    }

    /// `None` never comes: a key of any length is one for HMAC.
    fn mac(&self, signed: &[u8]) -> Option<Hmac<Sha256>> {
        Hmac::<Sha256>::new_from_slice(&self.0).ok().map(|mac| mac.chain_update(signed))
    }
}

impl std::fmt::Debug for StateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn flow() -> FlowId {
        FlowId::new(Uuid::from_u128(7))
    }

    #[test]
    fn a_state_leads_to_its_flow_until_its_time_is_over() {
        let key = StateKey::new([1; 32]);
        let state = key.sign(flow(), at());
        assert_eq!(key.read(&state, at() - TimeDelta::seconds(1)), Ok(flow()));
        assert_eq!(key.read(&state, at()), Err(BadState::Expired));
    }

    #[test]
    fn nobody_else_makes_one() {
        let key = StateKey::new([1; 32]);
        let before = at() - TimeDelta::seconds(1);
        let foreign = StateKey::new([2; 32]).sign(flow(), at());
        assert_eq!(key.read(&foreign, before), Err(BadState::Foreign));
        let good = URL_SAFE_NO_PAD.decode(key.sign(flow(), at()).expose()).unwrap();
        for changed in 0..good.len() {
            let mut bad = good.clone();
            bad[changed] ^= 1;
            let bad = StateToken::new(URL_SAFE_NO_PAD.encode(bad));
            assert_eq!(key.read(&bad, before), Err(BadState::Foreign), "byte {changed}");
        }
        for cut in 0..good.len() {
            let bad = StateToken::new(URL_SAFE_NO_PAD.encode(&good[..cut]));
            assert_eq!(key.read(&bad, before), Err(BadState::Foreign), "cut to {cut}");
        }
        for odd in ["", "state", "äöü", "%00"] {
            assert_eq!(key.read(&StateToken::new(odd), before), Err(BadState::Foreign), "{odd}");
        }
    }
}
