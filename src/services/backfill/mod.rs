//! Backfill: what happened while a subscription was dead is found through the API and taken in like any other event.
//!
//! Everything follows from the ledger of gaps: one task looks at it at the start, every half minute, and when somebody says
//! that there is a new one. A gap is read through twice, the second time for what changed during the first, and closed with
//! what was found. Beside that every connection has its turn at a sweep, which compares the last day or more with the inbox.

mod asker;
mod down;
mod gaps;
mod group;
mod look;
mod sweep;
mod whose;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub use down::went_back;

use super::Services;
use super::restarted::restarted;

/// How events that were missed are found.
#[derive(Clone, Copy, Debug)]
pub struct BackfillSettings {
    /// Of so long before a connection's first grant; zero: of nothing.
    pub on_connect: Duration,
    /// Every connection is compared so often.
    pub sweep_every: Duration,
    /// Deliveries come here: there is an inbox to compare with, and they are missed while nobody is here.
    pub own_callback: bool,
}

/// Where the work is told of.
#[derive(Debug)]
pub struct Backfill {
    works: watch::Sender<bool>,
    wake: Notify,
}

impl Default for Backfill {
    fn default() -> Self {
        Self { works: watch::Sender::new(false), wake: Notify::new() }
    }
}

impl Backfill {
    /// This keeper works, and all its connections are loaded.
    pub fn begin(&self) {
        self.works.send_replace(true);
    }

    /// There is a new gap, or something that kept one waiting is over.
    pub fn look(&self) {
        self.wake.notify_one();
    }
}

/// Works until the keeper stops, where there is somebody who takes what is found.
pub(super) fn watch(services: &Arc<Services>) {
    let Some(settings) = services.settings.backfill else { return };
    let works = services.backfill.works.subscribe();
    let of = services.clone();
    let run = move || work::work(of.clone(), settings, works.clone());
    services.io.spawn_loop(restarted(services.io.clone(), "backfill", run));
}
