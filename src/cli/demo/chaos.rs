//! What `--chaos` adds: faults that leave the token unconsumed, and actors that crash.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
/// Where the chaos has an end, no actor is crashed more often: one that was parked would not be back in time.
const CRASHES_EACH: u32 = 3;

/// Faults at the simulator and crashes of actors, and how many there were.
pub(super) struct Chaos<'s> {
    simulator: &'s Simulator,
    seed: u64,
    crashes: AtomicU64,
}

impl<'s> Chaos<'s> {
    /// Sets faults at the simulator. None loses a token: those that no client can survive are not part of the demo.
    pub(super) fn begin(simulator: &'s Simulator, seed: u64) -> Result<Self> {
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
        info!(target: "demo", seed; "chaos: faults at the simulator, crashing actors");
        Ok(Self { simulator, seed, crashes: AtomicU64::new(0) })
    }

    /// Makes one actor after the other fail, for ever.
    pub(super) async fn for_ever(&self, shared: &Shared) {
        self.crash(shared, u32::MAX).await;
    }

    /// The same for so long from the start on; then the faults end too.
    pub(super) async fn last(&self, shared: &Shared, time: Duration) {
        let _ = tokio::time::timeout(time, self.crash(shared, CRASHES_EACH)).await;
        self.simulator.clear_faults();
        info!(target: "demo", faults = self.faults(), crashes = self.crashes(); "the chaos is over");
    }

    /// Faults that Calendly had.
    pub(super) fn faults(&self) -> u64 {
        self.simulator.counters().faults_fired
    }

    /// Actors that were crashed.
    pub(super) fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::Relaxed)
    }

    async fn crash(&self, shared: &Shared, each: u32) {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut crashed: HashMap<_, u32> = HashMap::new();
        loop {
            sleep(Duration::from_millis(rng.random_range(500..3_000))).await;
            let mut ids = shared.children.ids();
            ids.sort_unstable(); // the same ones each time
            let Some(victim) = ids.choose(&mut rng) else { continue };
            let how = [Fail::Panic, Fail::Error, Fail::Stop].choose(&mut rng).copied().unwrap_or(Fail::Panic);
            let times = crashed.entry(victim.clone()).or_default();
            let Some(actor) = shared.children.address(victim).filter(|_| *times < each) else { continue };
            *times += 1;
            self.crashes.fetch_add(1, Ordering::Relaxed);
            info!(target: "demo", connection:% = victim, how:? = how; "crashing an actor");
            actor.do_send(how);
        }
    }
}
