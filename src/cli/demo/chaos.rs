//! What `--chaos` adds: faults that leave the token unconsumed, and actors that crash.

use std::time::Duration;

use anyhow::Result;
use log::info;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::actors::Shared;
use crate::actors::messages::Fail;
use crate::runtime::sleep;
use crate::simulator::{Endpoint, Fault, FaultKind, Simulator};

/// Faults of each kind hit so many requests.
const PROBABILITY: f64 = 0.02;

/// Sets faults at the simulator. None loses a token: those that no client can survive are not part of the demo.
pub(super) fn faults(simulator: &Simulator) -> Result<()> {
    let kinds = [
        FaultKind::Status { code: 503, body: None, headers: Default::default() },
        FaultKind::ResetBefore,
        FaultKind::HtmlBefore,
        FaultKind::Delay { ms: 300 },
        FaultKind::RateLimited { retry_after: Some(2), reset: None },
    ];
    for kind in kinds {
        simulator.fault(Fault::always(Endpoint::Any, kind).probability(PROBABILITY))?;
    }
    Ok(())
}

/// Makes one actor after the other fail, for ever.
pub(super) async fn crashes(shared: &Shared, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        sleep(Duration::from_millis(rng.random_range(500..3_000))).await;
        let ids = shared.children.ids();
        let Some(victim) = ids.choose(&mut rng) else { continue };
        let how = [Fail::Panic, Fail::Error, Fail::Stop].choose(&mut rng).copied().unwrap_or(Fail::Panic);
        if let Some(actor) = shared.children.address(victim) {
            info!(target: "demo", connection:% = victim, how:? = how; "crashing an actor");
            actor.do_send(how);
        }
    }
}
