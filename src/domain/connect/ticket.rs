//! The ticket that the application confirms a connection with: it names its flow and proves that it came from there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::domain::ids::FlowId;
use crate::domain::secrets::Ticket;

const ID: usize = 16;
const RANDOM: usize = 32;

/// Of random bytes.
#[must_use]
pub fn make(flow: FlowId, random: [u8; RANDOM]) -> Ticket {
    let mut bytes = flow.uuid().as_bytes().to_vec();
    bytes.extend(random);
    Ticket::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// The flow that a ticket names; that it came from there is still to be shown.
#[must_use]
pub fn flow_of(ticket: &Ticket) -> Option<FlowId> {
    let bytes = URL_SAFE_NO_PAD.decode(ticket.expose()).ok().filter(|bytes| bytes.len() == ID + RANDOM)?;
    Uuid::from_slice(&bytes[..ID]).ok().map(FlowId::new)
}

/// Whether it is this one; how long that takes tells nothing.
#[must_use]
pub fn is(ticket: &Ticket, brought: &Ticket) -> bool {
    let hash = |ticket: &Ticket| Sha256::digest(ticket.expose());
    hash(ticket).ct_eq(&hash(brought)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_names_its_flow_and_is_itself_alone() {
        let flow = FlowId::new(Uuid::from_u128(9));
        let (ticket, other) = (make(flow, [1; 32]), make(flow, [2; 32]));
        assert_eq!((flow_of(&ticket), flow_of(&other)), (Some(flow), Some(flow)));
        assert!(is(&ticket, &Ticket::new(ticket.expose())));
        assert!(!is(&ticket, &other));
        for odd in ["", "x", &ticket.expose()[1..], &format!("{}A", ticket.expose())] {
            assert_eq!(flow_of(&Ticket::new(odd)), None, "{odd}");
        }
    }
}
