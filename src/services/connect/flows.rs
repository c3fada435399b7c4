//! The flows under way, in memory: a bounded number, each forgotten in its time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, watch};

use super::pending::Order;
use super::{Asked, NoFlow, Progress};
use crate::domain::connect::callback::{Answer, Fingerprint};
use crate::domain::connect::flow::{self, Call, LINK_LIVES, MOST, MOST_OF_ONE, TICKET_LIVES};
use crate::domain::connect::state_token::StateKey;
use crate::domain::ids::FlowId;
use crate::ports::{Clock, Moment};
use crate::registry::lock;

/// What nobody remembers any more is looked for each time that so many are there.
const SWEEP: usize = 128;

/// All of them; one for the process.
#[derive(Debug)]
pub struct Flows {
    /// Drawn at each start: links do not outlive the flows that they lead to.
    pub(super) key: StateKey,
    flows: Mutex<HashMap<FlowId, Flow>>,
    news: Notify,
}

#[derive(Debug)]
struct Flow {
    asked: Arc<Asked>,
    begun: Moment,
    called: Option<(Fingerprint, Moment, Called)>,
}

/// A flow whose callback was called.
#[derive(Clone, Debug)]
pub(super) struct Called {
    /// `None` until it has ended.
    pub(super) progress: watch::Receiver<Option<Progress>>,
    /// To the task that holds its pair.
    pub(super) orders: mpsc::Sender<Order>,
}

/// A flow, as somebody finds it.
pub(super) struct Known {
    pub(super) asked: Arc<Asked>,
    pub(super) called: Option<Called>,
}

/// There is no place for another one; so many there are.
pub(super) struct Full(pub(super) usize);

impl Flows {
    /// None yet; states are signed with a key of these bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self { key: StateKey::new(random), flows: Mutex::default(), news: Notify::new() }
    }

    pub(super) fn add(&self, asked: Arc<Asked>, clock: &dyn Clock) -> Result<(), Full> {
        let mut flows = lock(&self.flows);
        if flows.len().is_multiple_of(SWEEP) || flows.len() >= MOST {
            flows.retain(|_, flow| flow.is_remembered(clock));
        }
        // Whoever asks once more means the new link. One that is being carried out keeps its place.
        let mut of_one: Vec<_> = flows
            .values()
            .filter(|flow| flow.asked.connection == asked.connection && flow.may_go())
            .collect();
        if of_one.len() >= MOST_OF_ONE {
            of_one.sort_by_key(|flow| std::cmp::Reverse(flow.begun.age(clock)));
            let oldest = of_one.first().map(|flow| flow.asked.id);
            // Its task finds that nobody can order anything any more, and gives its pair back.
            oldest.map(|id| flows.remove(&id));
        }
        if flows.len() >= MOST {
            return Err(Full(flows.len()));
        }
        flows.insert(asked.id, Flow { asked, begun: Moment::of(clock), called: None });
        Ok(())
    }

    /// What a call of the callback leads to. `start` carries the first one out.
    pub(super) fn call(
        &self,
        id: FlowId,
        answer: &Answer,
        clock: &dyn Clock,
        start: impl FnOnce(Arc<Asked>) -> (watch::Receiver<Option<Progress>>, mpsc::Sender<Order>),
    ) -> Result<(Arc<Asked>, watch::Receiver<Option<Progress>>), NoFlow> {
        let mut flows = lock(&self.flows);
        let flow = flows.get_mut(&id).ok_or(NoFlow::Expired)?;
        let print = answer.fingerprint();
        let before = flow.called.as_ref().map(|(print, at, _)| (*print, at.age(clock)));
        let call = flow::call(before, flow.begun.age(clock), print);
        Result::from(call)?;
        if call == Call::First {
            let (progress, orders) = start(flow.asked.clone());
            flow.called = Some((print, Moment::of(clock), Called { progress, orders }));
            self.news.notify_waiters();
        }
        let (_, _, called) = flow.called.as_ref().ok_or(NoFlow::Failed)?;
        Ok((flow.asked.clone(), called.progress.clone()))
    }

    pub(super) fn get(&self, id: FlowId, clock: &dyn Clock) -> Option<Known> {
        let flows = lock(&self.flows);
        let flow = flows.get(&id).filter(|flow| flow.is_remembered(clock))?;
        let called = flow.called.as_ref().map(|(_, _, called)| called.clone());
        Some(Known { asked: flow.asked.clone(), called })
    }

    /// Ends when a flow's callback is called. To be enabled before one is looked at.
    pub(super) fn news(&self) -> Notified<'_> {
        self.news.notified()
    }
}

impl Flow {
    fn is_remembered(&self, clock: &dyn Clock) -> bool {
        match &self.called {
            None => self.begun.age(clock) < LINK_LIVES,
            Some((_, at, _)) => at.age(clock) < TICKET_LIVES,
        }
    }

    fn may_go(&self) -> bool {
        let Some((_, _, called)) = &self.called else { return true };
        called.progress.borrow().is_some()
    }
}
