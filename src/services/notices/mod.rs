//! Notices to the application: how connections and the system stand is compared with what was announced, and what
//! differs is posted, signed, until it is taken.
//!
//! The comparison is made of all connections at the start and every half minute; a status that changes only makes it be
//! made of that one at once. So nothing is missed, over a restart neither, and where there is nothing to say there is
//! nothing to do. What was announced stands in the database, as far as that can be written: that it cannot is news, too.

mod body;
mod book;
mod work;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use url::Url;

use super::Services;
use crate::domain::ids::ConnectionId;
use crate::domain::standard_webhooks::Signer;
use crate::registry::lock;

/// Where notices go, and what signs them.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// Where to.
    pub url: Url,
    /// With which secret.
    pub signer: Signer,
}

/// Where changes are told.
#[derive(Debug)]
pub struct Notices {
    works: watch::Sender<bool>,
    changed: Mutex<HashSet<ConnectionId>>,
    wake: Notify,
}

impl Default for Notices {
    fn default() -> Self {
        Self { works: watch::Sender::new(false), changed: Mutex::default(), wake: Notify::new() }
    }
}

impl Notices {
    /// This keeper works, and all its connections are loaded: from now on it sends.
    pub fn begin(&self) {
        self.works.send_replace(true);
    }

    /// The status of a connection is another one: it is compared now and not only with all the others.
    pub fn changed(&self, id: &ConnectionId) {
        // Nobody listens where no URL is configured, and before the start all are compared anyway.
        if self.works.receiver_count() > 0 && *self.works.borrow() {
            lock(&self.changed).insert(id.clone());
            self.wake.notify_one();
        }
    }

    fn take_changed(&self) -> HashSet<ConnectionId> {
        std::mem::take(&mut lock(&self.changed))
    }
}

/// Sends until the keeper stops, where it is told where to.
pub(super) fn watch(services: &Arc<Services>) {
    let Some(settings) = services.settings.notify.clone() else { return };
    let works = services.notices.works.subscribe();
    services.io.spawn_loop(work::work(services.clone(), settings, works));
}
