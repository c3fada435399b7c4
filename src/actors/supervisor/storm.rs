//! The guard for the whole: many children that fail at once have a common cause, and none of them is to blame.

use std::sync::Arc;
use std::time::Duration;

use log::{error, info};

use super::Supervisor;
use crate::domain::intensity::{Weather, quarantine_delay};

impl Supervisor {
    /// A child failed: alone, or with many others?
    pub(super) fn failed(&mut self, child: &Arc<str>, why: &str) {
        self.storm.note(child.clone(), self.shared.services.adapters.clock.boot());
        self.look_at_weather(why);
    }

    pub(super) fn look_at_weather(&mut self, why: &str) {
        let services = &self.shared.services;
        let children = services.registry.len();
        let period = self.shared.settings.restart.period;
        match self.storm.look(children, services.adapters.clock.boot(), period) {
            Some(Weather::StormBegins(failed)) => {
                error!(target: "supervisor", failed, connections = children, last = why,
                    hint = "a bug of ours, or a thing that they all share"; "many actors fail at once");
            }
            Some(Weather::StormEnds) => info!(target: "supervisor", "actors no longer fail at once"),
            None => {}
        }
    }

    /// How long a child that was parked for the `nth` time rests. While many fail at once, no longer than the first time:
    /// what fails for all mends for all, and tokens would not live for hours of rest.
    pub(super) fn rest(&self, nth: u32, jitter: f64) -> Duration {
        quarantine_delay(if self.storm.is_on() { 1 } else { nth }, jitter)
    }
}
