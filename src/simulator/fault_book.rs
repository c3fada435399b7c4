//! The faults that are set, and which of them fire for a request. Carrying one out is `serve`.

use std::time::Duration;

use serde::Serialize;

use super::chance::Chance;
use super::faults::{Endpoint, Fault, FaultKind};

/// A fault that is set.
#[derive(Clone, Debug, Serialize)]
pub struct SetFault {
    /// Its number, to clear it by.
    pub id: u64,
    /// Where it fires.
    pub endpoint: Endpoint,
    /// For whom alone.
    pub user: Option<String>,
    /// How likely it fires.
    pub probability: Option<f64>,
    /// How often it still fires at most.
    pub left: Option<u64>,
    /// How often it has fired.
    pub fired: u64,
    /// What goes wrong.
    pub fault: FaultKind,
    #[serde(skip)]
    user_number: Option<u32>,
}

/// What happens to one request.
#[derive(Default)]
pub(super) struct Verdict {
    pub delay: Duration,
    pub delay_answer: Duration,
    pub kind: Option<FaultKind>,
}

pub(super) struct FaultBook {
    set: Vec<SetFault>,
    next_id: u64,
    seed: u64,
    chance: Chance,
}

impl FaultBook {
    pub(crate) fn new(seed: u64) -> Self {
        Self { set: Vec::new(), next_id: 1, seed, chance: Chance::new(seed) }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn add(&mut self, fault: Fault, user_number: Option<u32>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.set.push(SetFault {
            id,
            endpoint: fault.endpoint,
            user: fault.user,
            probability: fault.probability,
            left: fault.times,
            fired: 0,
            fault: fault.kind,
            user_number,
        });
        id
    }

    /// Clears one fault, or all; how many went.
    pub(crate) fn clear(&mut self, id: Option<u64>) -> usize {
        let before = self.set.len();
        self.set.retain(|fault| id.is_some_and(|id| id != fault.id));
        before - self.set.len()
    }

    pub(crate) fn all(&self) -> Vec<SetFault> {
        self.set.clone()
    }

    /// Whether any could still fire.
    pub(crate) fn is_armed(&self) -> bool {
        self.set.iter().any(|fault| fault.left != Some(0))
    }

    /// Which faults fire for this request: delays add up, of the others the first.
    pub(crate) fn judge(&mut self, endpoint: Endpoint, user: Option<u32>) -> Verdict {
        let mut verdict = Verdict::default();
        let chance = &mut self.chance;
        for fault in &mut self.set {
            // What the simulator sends itself is no request that arrives.
            let anywhere = fault.endpoint == Endpoint::Any && endpoint != Endpoint::Delivery;
            let meant = (anywhere || fault.endpoint == endpoint)
                && (fault.user_number.is_none() || fault.user_number == user)
                && fault.left != Some(0);
            let delay = matches!(fault.fault, FaultKind::Delay { .. } | FaultKind::DelayAnswer { .. });
            if !meant || (!delay && verdict.kind.is_some()) {
                continue;
            }
            if fault.probability.is_some_and(|probability| !chance.happens(probability)) {
                continue;
            }
            fault.fired += 1;
            fault.left = fault.left.map(|left| left - 1);
            match &fault.fault {
                FaultKind::Delay { ms } => verdict.delay += Duration::from_millis(*ms),
                FaultKind::DelayAnswer { ms } => verdict.delay_answer += Duration::from_millis(*ms),
                kind => verdict.kind = Some(kind.clone()),
            }
        }
        verdict
    }
}
