//! One life of the keeper: the real domain, services and actors, on what outlives it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use calendly_keeper::actors::arbiters::Arbiters;
use calendly_keeper::actors::messages::Fail;
use calendly_keeper::actors::{self, Keeper};
use calendly_keeper::clock::SeededJitter;
use calendly_keeper::domain::backoff::Backoff;
use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::domain::intensity::RestartPolicy;
use calendly_keeper::domain::subscription::Scope;
use calendly_keeper::domain::subscription::callback::CallbackTemplate;
use calendly_keeper::ports::{Message, Outgoing, Posted};
use calendly_keeper::registry::cell::Cell;
use calendly_keeper::runtime::IoRuntime;
use calendly_keeper::services::connect::ConnectSettings;
use calendly_keeper::services::journal::Use;
use calendly_keeper::services::{Adapters, EventSettings, Services, Settings, WebhookSettings};
use calendly_keeper::shutdown::Shutdown;
use calendly_keeper::spool::MemorySpill;
use calendly_keeper::store::MemoryStore;

use super::calendly::{AT_ONCE, Calendly};
use super::clock::SimClock;
use super::journal::SimJournal;
use super::plan::{Crash, Top};

pub(crate) const CALLBACK: &str = "https://app.example/hooks/{connection}";
pub(crate) const EVENTS: [&str; 2] = ["invitee.canceled", "invitee.created"];
pub(crate) const VERIFY_EVERY: Duration = Duration::from_secs(1800);
/// A stop waits so long for what is in flight.
const DRAIN: Duration = Duration::from_secs(75);

/// What a keeper works on, and what outlives it.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) calendly: Arc<Calendly>,
    pub(crate) store: MemoryStore,
    pub(crate) journal: Arc<SimJournal>,
}

/// Nothing is sent to the application.
struct Nobody;

#[async_trait::async_trait]
impl Outgoing for Nobody {
    async fn post(&self, _: Message<'_>, _: Duration) -> Posted {
        Posted::NotSent("there is nobody".into())
    }
}

/// A keeper that runs.
pub(crate) struct Life {
    pub(crate) services: Arc<Services>,
    pub(crate) keeper: Keeper,
}

thread_local! {
    /// Made once: everybody is looked at each minute.
    static IDS: RefCell<Vec<ConnectionId>> = const { RefCell::new(vec![]) };
}

pub(crate) fn id(number: u32) -> ConnectionId {
    IDS.with_borrow_mut(|ids| {
        ids.extend((ids.len()..=number as usize).map(|n| format!("c{n}").parse::<ConnectionId>().unwrap()));
        ids[number as usize].clone()
    })
}

/// The number of a connection.
pub(crate) fn number_of(id: &ConnectionId) -> u32 {
    id.as_str().trim_start_matches('c').parse().unwrap()
}

impl Life {
    /// To be called in an actix system of its own, whose end is the keeper's.
    pub(crate) fn begin(outside: &Outside, seed: u64) -> Self {
        outside.journal.reopen();
        let adapters = Adapters {
            clock: outside.clock.clone(),
            jitter: Arc::new(SeededJitter::new(seed)),
            tokens: outside.calendly.clone(),
            subscriptions: outside.calendly.clone(),
            meetings: outside.calendly.clone(),
            store: Arc::new(outside.store.clone()),
            journal: outside.journal.clone(),
            spill: Arc::new(MemorySpill::default()),
            outgoing: Arc::new(Nobody),
        };
        let settings = Settings {
            client_id: "client".into(),
            max_concurrent: AT_ONCE,
            timeline_keep: Duration::from_secs(3600),
            events: EventSettings::default(),
            notify: None,
            backfill: None,
            scopes: vec![],
            journal: Use::Beside,
            connect: ConnectSettings {
                authorize_url: "https://auth.example/oauth/authorize".parse().unwrap(),
                return_urls: vec![],
                confirm: true,
            },
            webhook: Some(WebhookSettings {
                callback: CallbackTemplate::parse(CALLBACK).unwrap(),
                scope: Scope::User,
                events: EVENTS.iter().map(|event| (*event).to_owned()).collect(),
                verify_every: VERIFY_EVERY,
                retire_urls: vec![],
            }),
        };
        let io = IoRuntime::new(tokio::runtime::Handle::current());
        let services = Services::start(adapters, settings, io, Shutdown::default());
        let second = Duration::from_secs(1);
        let settings = actors::Settings {
            restart: RestartPolicy {
                max_restarts: 5,
                period: Duration::from_secs(60),
                backoff: Backoff { min: second, max: 60 * second },
            },
            status_every: 3600 * second,
            poll_every: 5 * second,
        };
        let keeper = actors::start(services.clone(), settings, Arbiters::current());
        Self { services, keeper }
    }

    /// As SIGTERM does; answers how many tasks went on for ever.
    pub(crate) async fn stop(&self) -> usize {
        self.services.stop();
        let left = self.services.io.drain(DRAIN).await;
        self.services.timeline.flush(Duration::from_secs(5)).await;
        left
    }

    pub(crate) fn cell(&self, number: u32) -> Option<Arc<Cell>> {
        self.services.registry.get(&id(number))
    }

    /// All that there are, in order of their numbers.
    pub(crate) fn cells(&self) -> Vec<(u32, Arc<Cell>)> {
        let cells = self.services.registry.cells().into_iter();
        let mut cells: Vec<_> = cells.map(|cell| (number_of(cell.id()), cell)).collect();
        cells.sort_unstable_by_key(|(number, _)| *number);
        cells
    }

    pub(crate) fn crash(&self, number: u32, how: Crash) {
        if let Some(actor) = self.keeper.shared.children.address(&id(number)) {
            actor.do_send(fail(how));
        }
    }

    pub(crate) fn crash_top(&self, which: Top, how: Crash) {
        match (which, self.keeper.shared.webhook()) {
            (Top::Supervisor, _) => self.keeper.supervisor.do_send(fail(how)),
            (Top::Webhook, Some(webhook)) => webhook.do_send(fail(how)),
            (Top::Webhook, None) => {}
        }
    }
}

fn fail(how: Crash) -> Fail {
    match how {
        Crash::Panic => Fail::Panic,
        Crash::Error => Fail::Error,
        Crash::Stop => Fail::Stop,
    }
}
