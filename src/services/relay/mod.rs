//! The relay: passes events on to the application until it has them, at least once, in order per invitee.
//!
//! The database is the queue. One task of the keeper that works asks it for events that are due and first of their line,
//! sends them side by side, and writes down what came of it; an event stays its own until that is written.

mod send;
mod told;
mod view;
mod work;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use url::Url;

use super::Services;
use super::restarted::restarted;
use crate::domain::relay::Policy;
use crate::domain::standard_webhooks::Signer;
use crate::registry::lock;

pub use view::View;

/// Where events go.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Where to.
    pub url: Url,
    /// What signs them.
    pub signer: Signer,
    /// For an answer.
    pub timeout: Duration,
    /// When an event is given up.
    pub policy: Policy,
}

/// The relay as others see it.
#[derive(Debug)]
pub struct Relay {
    works: watch::Sender<bool>,
    wake: Notify,
    resume: Mutex<bool>,
    view: Mutex<View>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            works: watch::Sender::new(false),
            wake: Notify::new(),
            resume: Mutex::default(),
            view: Mutex::default(),
        }
    }
}

impl Relay {
    /// This keeper works: from now on it relays.
    pub fn begin(&self) {
        self.works.send_replace(true);
    }

    /// Events may be due: look now.
    pub fn look(&self) {
        self.wake.notify_one();
    }

    /// The application wants events again after it had answered 410. Whether it had.
    pub fn resume(&self) -> bool {
        let paused = self.view().paused;
        *lock(&self.resume) = true;
        self.wake.notify_one();
        paused
    }

    /// How it goes.
    #[must_use]
    pub fn view(&self) -> View {
        lock(&self.view).clone()
    }

    fn take_resume(&self) -> bool {
        std::mem::take(&mut *lock(&self.resume))
    }

    fn show(&self, change: impl FnOnce(&mut View)) {
        change(&mut lock(&self.view));
    }
}

/// Relays until the keeper stops, where it is told where to. A stop waits for attempts under way, so that none is made twice.
pub(super) fn watch(services: &Arc<Services>) {
    let Some(settings) = services.settings.events.relay.clone() else { return };
    let works = services.relay.works.subscribe();
    let of = services.clone();
    let run = move || work::run(of.clone(), settings.clone(), works.clone());
    services.io.spawn(restarted(services.io.clone(), "relay", run));
}
