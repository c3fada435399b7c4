//! The actors: thin, supervised, disposable. They hold timers and pass decisions on; state lives in the cells, work in services.

pub mod arbiters;
pub mod children;
pub mod connection;
pub mod heartbeat;
pub mod messages;
pub mod supervision;
pub mod supervisor;
pub mod webhook;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::Addr;
use tokio::sync::watch;

use crate::domain::ids::ConnectionId;
use crate::domain::intensity::RestartPolicy;
use crate::registry::order::Order;
use crate::services::Services;
use arbiters::Arbiters;
use children::Children;
use messages::Poll;
use supervision::{ChildEvent, Parent, start_child};
use supervisor::Supervisor;
use webhook::WebhookActor;

/// How actors are to behave.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For every child.
    pub restart: RestartPolicy,
    /// Between two status lines.
    pub status_every: Duration,
    /// Between two looks for changed rows.
    pub poll_every: Duration,
}

/// What all actors share; one for the process.
pub struct Shared {
    /// What is done for them.
    pub services: Arc<Services>,
    /// How they behave.
    pub settings: Settings,
    /// Where connections' actors run.
    pub arbiters: Arbiters,
    /// The connections' actors, kept outside the supervisor so that its restart loses none.
    pub children: Children,
    webhook: OnceLock<Addr<WebhookActor>>,
    failure: watch::Sender<Option<String>>,
    standing: watch::Sender<Standing>,
    started: AtomicBool,
    /// How far changed rows have been read; here, so that a supervisor that restarts goes on from there.
    marker: watch::Sender<i64>,
    supervisor: OnceLock<Addr<Supervisor>>,
}

/// How far the keeper has come, for whoever waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known yet.
    Starting,
    /// Another keeper works.
    By {
        /// Who.
        holder: String,
    },
    /// All connections are loaded.
    Working,
}

/// The running actors, as seen by the process that started them.
pub struct Keeper {
    /// What the actors share.
    pub shared: Arc<Shared>,
    /// The supervisor.
    pub supervisor: Addr<Supervisor>,
    /// Why the tree of actors could not be kept up; `None` while it stands.
    pub failed: watch::Receiver<Option<String>>,
}

/// Starts the supervisor, which starts everything else. To be called on the system arbiter.
pub fn start(services: Arc<Services>, settings: Settings, arbiters: Arbiters) -> Keeper {
    let (failure, failed) = watch::channel(None);
    let failure_of_top = failure.clone();
    let root = arbiters.system();
    let shared = Arc::new(Shared {
        services: services.clone(),
        settings,
        arbiters,
        children: Children::new(Order::drawn(services.adapters.jitter.draw())),
        webhook: OnceLock::new(),
        failure,
        standing: watch::Sender::new(Standing::Starting),
        started: AtomicBool::new(false),
        marker: watch::Sender::new(0),
        supervisor: OnceLock::new(),
    });
    let clock = services.adapters.clock.clone();
    let jitter = services.adapters.jitter.clone();
    // Whoever stands at the top has nobody above: when it cannot be kept up, the process ends and the service manager
    // starts it again.
    let top =
        Arc::new(Parent::new(settings.restart, clock.clone(), jitter.clone(), move |event| match event {
            ChildEvent::Quarantined { key, why } => {
                failure_of_top.send_replace(Some(format!("{key} failed too often, last: {why}")));
            }
            ChildEvent::Lost { key } => {
                failure_of_top.send_replace(Some(format!("{key} lost its arbiter")));
            }
            ChildEvent::Restarting { key, why, nth, delay } => {
                log::warn!(target: &key, reason = why, attempt = nth, retry_in:? = delay; "restarting");
            }
            ChildEvent::Started { .. } | ChildEvent::Finished { .. } => {}
        }));
    let for_webhook = shared.clone();
    let webhook =
        start_child(&root, "webhook".into(), top.clone(), move |exit| WebhookActor::new(for_webhook, exit));
    let _ = shared.webhook.set(webhook);
    let for_supervisor = shared.clone();
    let supervisor =
        start_child(&root, "supervisor".into(), top, move |exit| Supervisor::new(for_supervisor, exit));
    let _ = shared.supervisor.set(supervisor.clone());
    Keeper { shared, supervisor, failed }
}

impl Shared {
    /// Whether all connections are loaded.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// How far it has come.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|now| {
            let changed = *now != standing;
            *now = standing;
            changed
        });
    }

    /// Makes a connection's actor look at its cell now.
    pub fn nudge(&self, id: &ConnectionId) {
        self.children.nudge(id);
    }

    /// Reads changed rows now, and waits until everything up to this marker is known.
    pub async fn know_changes_up_to(&self, marker: i64) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.do_send(Poll);
        }
        let _ = self.marker.subscribe().wait_for(|known| *known >= marker).await;
    }

    /// The actors cannot be kept up: whoever started them ends the process, and the service manager starts it anew.
    pub fn fail(&self, why: String) {
        self.failure.send_replace(Some(why));
    }

    /// The actor that verifies webhooks; `None` only while starting.
    #[must_use]
    pub fn webhook(&self) -> Option<&Addr<WebhookActor>> {
        self.webhook.get()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("shared", &self.shared).finish_non_exhaustive()
    }
}
