//! What actors have done for them: tracked tasks on the I/O runtime, written against the ports. Nothing here knows actors.

pub mod backfill;
pub mod connect;
pub mod disconnect;
pub mod events;
pub mod foreign;
pub mod grants;
pub mod inbox;
pub mod journal;
pub mod limiter;
mod needs;
pub mod notices;
mod probe;
pub mod relay;
mod restarted;
pub mod rotation;
pub mod serving;
pub mod shown;
pub mod system_fault;
pub mod time_watch;
pub mod timeline;
pub mod verification;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use log::Level;

use crate::domain::subscription::Scope;
use crate::domain::subscription::callback::CallbackTemplate;
use crate::ports::{Clock, Jitter, Journal, Meetings, Outgoing, Spill, Store, Subscriptions, TokenEndpoint};
use crate::registry::Registry;
use crate::registry::counters::Counters;
use crate::registry::order::Order;
use crate::runtime::IoRuntime;
use crate::shutdown::Shutdown;
use backfill::{Backfill, BackfillSettings};
use connect::{ConnectSettings, Flows};
use events::Readers;
use inbox::{Inbox, InboxSettings};
use journal::{Journalling, Use};
use limiter::Limiter;
use notices::{Notices, NotifySettings};
use relay::{Relay, RelaySettings};
use system_fault::SystemFault;
use time_watch::TimeWatch;
use timeline::Timeline;

/// Plain values that services need; whoever wires them knows where they come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The OAuth client that grants must have been issued to.
    pub client_id: Box<str>,
    /// So many exchanges at once.
    pub max_concurrent: usize,
    /// How long the timeline is remembered.
    pub timeline_keep: Duration,
    /// When the rotation journal is written.
    pub journal: Use,
    /// Those that users are asked for, where the application asks for certain ones.
    pub scopes: Vec<String>,
    /// How users are connected by a link.
    pub connect: ConnectSettings,
    /// `None`: the keeper keeps tokens only.
    pub webhook: Option<WebhookSettings>,
    /// `None`: nobody is told.
    pub notify: Option<NotifySettings>,
    /// `None`: there is nobody to give what was missed to, and gaps stay open.
    pub backfill: Option<BackfillSettings>,
    /// What happens to events.
    pub events: EventSettings,
}

/// How events are taken, kept and passed on.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// `None`: no deliveries are taken.
    pub inbox: Option<InboxSettings>,
    /// How long the bodies of settled events are kept.
    pub keep: Duration,
    /// `None`: events are kept for whoever fetches them.
    pub relay: Option<RelaySettings>,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { inbox: None, keep: Duration::from_secs(30 * 24 * 3600), relay: None }
    }
}

/// Which subscription each connection is to have.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where it delivers.
    pub callback: CallbackTemplate,
    /// For whom.
    pub scope: Scope,
    /// What it delivers.
    pub events: BTreeSet<String>,
    /// How often it is verified.
    pub verify_every: Duration,
    /// Older callback URLs, removed once the wanted one works.
    pub retire_urls: Vec<String>,
}

/// The adapters that services work with.
#[derive(Clone)]
pub struct Adapters {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub jitter: Arc<dyn Jitter>,
    /// Calendly's OAuth server.
    pub tokens: Arc<dyn TokenEndpoint>,
    /// Calendly's webhook subscriptions.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Calendly's meetings.
    pub meetings: Arc<dyn Meetings>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Durable beside it.
    pub journal: Arc<dyn Journal>,
    /// Durable beside it, for deliveries.
    pub spill: Arc<dyn Spill>,
    /// The application's own servers.
    pub outgoing: Arc<dyn Outgoing>,
}

/// Everything that actors and services share; one for the process.
pub struct Services {
    /// What they talk to.
    pub adapters: Adapters,
    /// What is known in memory.
    pub registry: Registry,
    /// Who may exchange next.
    pub limiter: Arc<Limiter>,
    /// What is wrong for all.
    pub system: Arc<SystemFault>,
    /// What is durable beside the database.
    pub journal: Journalling,
    /// What happened to each connection.
    pub timeline: Timeline,
    /// Users who are being connected.
    pub flows: Flows,
    /// What the application is told.
    pub notices: Notices,
    /// What Calendly delivers.
    pub inbox: Inbox,
    /// What goes on to the application.
    pub relay: Relay,
    /// Who fetches events.
    pub readers: Readers,
    /// What is looked for that was missed.
    pub backfill: Backfill,
    /// How time goes by.
    pub time: TimeWatch,
    /// Where tasks run.
    pub io: IoRuntime,
    /// Whether the keeper is stopping.
    pub shutdown: Shutdown,
    /// Plain values.
    pub settings: Settings,
}

impl Services {
    /// Puts them together and starts what runs beside: the timeline's writer, the fault's probe, a look at the
    /// clocks, the notices, the inbox, the relay, the backfill.
    pub fn start(adapters: Adapters, settings: Settings, io: IoRuntime, shutdown: Shutdown) -> Arc<Self> {
        let limiter = Limiter::new(settings.max_concurrent);
        let system = Arc::new(SystemFault::new(limiter.clone()));
        let timeline = Timeline::start(&io, adapters.clock.clone(), adapters.store.clone());
        let journal = Journalling::new(adapters.journal.clone(), settings.journal);
        let registry = Registry::new(Order::drawn(adapters.jitter.draw()));
        let time = TimeWatch::new(&*adapters.clock);
        let services = Arc::new(Self {
            adapters,
            registry,
            limiter,
            system,
            journal,
            timeline,
            flows: Flows::new(rand::random()),
            notices: Notices::default(),
            inbox: Inbox::default(),
            relay: Relay::default(),
            readers: Readers::default(),
            backfill: Backfill::default(),
            time,
            io,
            shutdown,
            settings,
        });
        probe::watch(&services);
        time_watch::watch(&services);
        notices::watch(&services);
        inbox::start(&services);
        relay::watch(&services);
        backfill::watch(&services);
        services
    }

    /// What happened so far, counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.registry.counters
    }

    /// At which level something is said that happens to every connection again and again: where there are many, the
    /// status line sums it up, and whoever wants each line asks for `connection=debug` or `webhook=debug`.
    #[must_use]
    pub fn routine(&self) -> Level {
        if self.registry.has_many() { Level::Debug } else { Level::Info }
    }

    /// No new work: nobody waits for a permit any longer. What is in flight goes on.
    pub fn stop(&self) {
        self.shutdown.request();
        self.limiter.close();
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("connections", &self.registry.len()).finish_non_exhaustive()
    }
}
